"""Every role has the same rooms, documents every variable, and keeps out of the other roles' rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.roles.conftest import REPOSITORY, ROLES

NAMES = sorted(path.name for path in ROLES.iterdir() if (path / "tasks").is_dir())
SHARED = {"airgate_release", "airgate_kubernetes"}
TASKS = ("main", "assert", "present", "absent", "verify")
ROOMS = ("README.md", "meta/argument_specs.yml", "defaults/main.yml", *(f"tasks/{name}.yml" for name in TASKS))


def read_options(role: str) -> set[str]:
    """Return the names of all options in a role's argument specs."""
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name for entry in specs.values() for name in entry.get("options", {})}


@pytest.mark.parametrize("role", NAMES)
def test_a_role_has_the_same_rooms_as_every_other(role: str) -> None:
    """Whoever knows one role finds the way in all."""
    assert [room for room in ROOMS if not (ROLES / role / room).is_file()] == []
    lines = (ROLES / role / "tasks/main.yml").read_text().splitlines()
    assert len(lines) < 11, "main.yml only routes"


@pytest.mark.parametrize("role", NAMES)
def test_every_variable_is_specified_and_stands_in_the_readme(role: str) -> None:
    """There is no hidden knob."""
    options = read_options(role)
    defaults = set(yaml.safe_load((ROLES / role / "defaults/main.yml").read_text()))
    readme = (ROLES / role / "README.md").read_text()
    assert defaults - options == set()
    assert [name for name in sorted(options) if f"| `{name}` |" not in readme] == []


@pytest.mark.parametrize("role", NAMES)
def test_a_role_reads_only_its_own_variables(role: str) -> None:
    """A role can be understood, and used, without the others."""
    for path in [*(ROLES / role).rglob("*.yml"), *(ROLES / role).rglob("*.j2")]:
        found = set(re.findall(r"\bairgate_[a-z0-9_]+", path.read_text())) - SHARED - find_modules()
        strangers = {name for name in found if not name.startswith(f"airgate_{role}_")}
        assert strangers == set(), path


def test_whoever_plans_an_install_reads_what_the_first_phase_will_ask_for() -> None:
    """The numbers in the playbooks' README are the defaults of preflight."""
    wanted = yaml.safe_load((ROLES / "preflight/defaults/main.yml").read_text())
    readme = (REPOSITORY / "playbooks/README.md").read_text()
    rows = re.findall(r"^\|[^|]+\| ([^|]+) \| `airgate_preflight_(\w+)` \|$", readme, re.MULTILINE)
    said = {name: words for words, name in rows}
    assert said["memory_mib"] == f"{wanted['airgate_preflight_memory_mib']} MiB"
    assert said["cores"] == str(wanted["airgate_preflight_cores"])
    assert said["kernel"] == str(wanted["airgate_preflight_kernel"])
    assert said["disk_mib"].startswith(f"{wanted['airgate_preflight_disk_mib'] // 1024} GiB")
    assert all(system.split()[1] in said["systems"] for system in wanted["airgate_preflight_systems"])


def find_modules() -> set[str]:
    """Return the names of the project's modules, and of the group of nodes."""
    return {path.stem for path in ROLES.glob("*/library/*.py")} | {"airgate_nodes"}


def test_what_runs_on_a_node_needs_only_pythons_own_library() -> None:
    """A bare node has Python and nothing beside it."""
    allowed = {"__future__", "ansible"}
    for path in ROLES.glob("*/module_utils/*.py"):
        for module in re.findall(r"^(?:from|import) ([a-zA-Z_]+)", path.read_text(), re.MULTILINE):
            assert module in allowed or module in __import__("sys").stdlib_module_names, (path, module)


def test_site_is_nothing_but_the_list_of_phases() -> None:
    """The whole install is read in one breath, in the order of the numbers."""
    plays = yaml.safe_load((REPOSITORY / "playbooks/site.yml").read_text())
    assert all(set(play) == {"name", "ansible.builtin.import_playbook"} for play in plays)
    listed = [Path(play["ansible.builtin.import_playbook"]).name for play in plays]
    assert listed == sorted(path.name for path in (REPOSITORY / "playbooks/phases").glob("*.yml"))


@pytest.mark.parametrize("playbook", sorted(path.name for path in (REPOSITORY / "playbooks").glob("*.yml")))
def test_a_playbook_can_be_read_by_ansible(playbook: str, play) -> None:
    """No playbook has an error that shows before it runs."""
    read = play(playbook, "--syntax-check")
    assert read.status == 0, read.output
