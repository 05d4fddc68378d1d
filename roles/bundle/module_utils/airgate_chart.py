"""A chart folder as one archive: the same files give the same bytes, and charts it depends on beside it are inside.

`helm package` writes the time of day into its archives, so that no two are alike; this does not.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from pathlib import Path

LOCAL = re.compile(r"""^\s*repository:\s*["']?file://([^"'\s]+)""", re.MULTILINE)
FIELD = re.compile(r"""^(name|version):\s*["']?([^"'\s]+)""", re.MULTILINE)


def read_identity(folder: Path) -> tuple[str, str]:
    """Return a chart's name and version from its Chart.yaml."""
    fields = dict(FIELD.findall((folder / "Chart.yaml").read_text(encoding="utf-8")))
    return fields["name"], fields["version"]


def find_members(folder: Path, prefix: str) -> dict[str, Path]:
    """Return the archive's members: name in the archive to file, with the charts that `folder` refers to by file://."""
    members = {}
    neighbours = [folder / path for path in LOCAL.findall((folder / "Chart.yaml").read_text(encoding="utf-8"))]
    vendored = {read_identity(one)[0] for one in neighbours}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not is_vendored(path.relative_to(folder), vendored):
            members[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path
    for one in neighbours:
        members.update(find_members(one.resolve(), f"{prefix}/charts/{read_identity(one)[0]}"))
    return members


def is_vendored(path: Path, names: set[str]) -> bool:
    """Say whether a file in charts/ is an older copy of a chart that is taken from beside this one."""
    return path.parts[0] == "charts" and any(re.match(rf"{re.escape(name)}(-\d.*)?$", path.parts[1]) for name in names)


def pack_chart(folder: Path) -> bytes:
    """Return the chart as a .tgz; no times, owners or order of the disk are in it."""
    name, _ = read_identity(folder)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, path in sorted(find_members(folder, name).items()):
            entry = tarfile.TarInfo(member)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return gzip.compress(plain.getvalue(), mtime=0)
