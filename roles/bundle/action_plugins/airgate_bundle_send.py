"""Ansible action: a folder of the machine that runs Ansible lies on the node, each file sent once.

`copy` runs two modules on the node for every file, and a bundle has hundreds. Here the node is asked once what it has;
a file of the same size and time is not sent again, one that is not in the folder goes. Whether the bytes are right is
not judged here: the bundle's manifest does that.
"""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

Facts = tuple[int, int]  # size in bytes, time of change in whole seconds


class ActionModule(ActionBase):
    """Takes source (a folder here) and path (the folder on the node). A source that is gone changes nothing."""

    TRANSFERS_FILES = True
    _VALID_ARGS = frozenset(("source", "path"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send what is missing and remove what is too many; in check mode only say whether anything is."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        source, target = Path(self._task.args["source"]), PurePosixPath(self._task.args["path"])
        present = self.find_present(target, task_vars)
        if not source.is_dir():
            return result | self.answer_without_source(source, present)
        wanted = find_wanted(source)
        missing = [path for path, facts in wanted.items() if present.get(path) != facts]
        extra = sorted(present.keys() - wanted.keys())
        if not self._task.check_mode:
            self.remove([target / path for path in extra])
            for path in missing:
                self._display.v(f"sending {path}, {wanted[path][0]} bytes")
                self.send(source / path, target / path, wanted[path][1])
        return result | {"changed": bool(missing or extra), "sent": missing, "removed": extra}

    def find_present(self, target: PurePosixPath, task_vars: dict[str, Any] | None) -> dict[str, Facts]:
        """Return what lies on the node: relative path to size and time."""
        asked = {"paths": str(target), "recurse": True, "hidden": True, "file_type": "any"}
        found = self._execute_module("ansible.builtin.find", asked, task_vars=task_vars)
        if found.get("failed"):
            raise AnsibleActionFail(f"What is in {target} cannot be read: {found.get('msg')}.")
        return {
            PurePosixPath(file["path"]).relative_to(target).as_posix(): (file["size"], int(file["mtime"]))
            for file in found["files"]
            if not file["isdir"]
        }

    def answer_without_source(self, source: Path, present: dict[str, Facts]) -> dict[str, Any]:
        """The medium is needed once."""
        if present:
            return {"changed": False, "sent": [], "removed": []}
        raise AnsibleActionFail(
            f"The bundle's folder {source} is not on the machine that runs Ansible; "
            "mount the medium there, or correct airgate_bundle_source."
        )

    def send(self, file: Path, target: PurePosixPath, time: int) -> None:
        """Send one file under another name, and give it its own when it is whole."""
        part = self._connection._shell.join_path(self._connection._shell.tmpdir or self._make_tmp_path(), "part")
        self._transfer_file(str(file), part)
        folder, here, there = (shlex.quote(str(path)) for path in (target.parent, part, target))
        own = f'chown "$(id -u):$(id -g)" {here} && chmod 0644 {here} && touch -d @{time} {here}'
        self.order(f"mkdir -p {folder} && {own} && mv -f {here} {there}", f"{target} cannot be written")

    def remove(self, paths: list[PurePosixPath]) -> None:
        """Remove files of the node."""
        if paths:
            names = " ".join(shlex.quote(str(path)) for path in paths)
            self.order(f"rm -f {names}", f"{paths[0].parent} cannot be cleared")

    def order(self, command: str, trouble: str) -> None:
        """Run a line of shell on the node as the task's user."""
        done = self._low_level_execute_command(command)
        if done["rc"]:
            raise AnsibleActionFail(f"{trouble}: {(done['stderr'] or done['stdout']).strip()}.")


def find_wanted(source: Path) -> dict[str, Facts]:
    """Return every file below a folder: relative POSIX path to size and time, sorted."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    return {path.relative_to(source).as_posix(): describe(path) for path in files}


def describe(path: Path) -> Facts:
    """Return a file's size and time."""
    facts = path.stat()
    return facts.st_size, int(facts.st_mtime)
