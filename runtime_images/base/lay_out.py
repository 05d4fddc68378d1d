"""Runs once, while the base image is built: makes the user and tells Python where Airgate's packages will lie.

A path file is used and not PYTHONPATH, so that a process that is started without an environment (a sandbox) finds the
same packages.
"""

import compileall
import sys
import sysconfig
from pathlib import Path
from py_compile import PycInvalidationMode

FOLDERS = ("/opt/airgate/code", "/opt/airgate/kit", "/opt/airgate/wheels")
USER = "airgate:x:65532:65532:Airgate:/tmp:/usr/sbin/nologin\n"
GROUP = "airgate:x:65532:\n"


def main() -> None:
    """Lay out the image; ends with a sentence when the Python is not the one that the wheels are made for."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"BASE has Python {found}, but the wheels are for 3.11. Build with --base IMAGE that has Python 3.11.")
    add_line(Path("/etc/passwd"), USER)
    add_line(Path("/etc/group"), GROUP)
    tell_python()
    compileall.compile_dir("/opt/airgate/kit", quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def add_line(path: Path, line: str) -> None:
    """Append a line to a file unless it is there."""
    text = path.read_text() if path.exists() else ""
    if line not in text:
        path.write_text(text + line)


def tell_python() -> None:
    """Write the path file where this Python looks for one."""
    folder = Path(sysconfig.get_path("purelib"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "airgate.pth").write_text("".join(f"{name}\n" for name in FOLDERS))


if __name__ == "__main__":
    main()
