"""How a program is run in a node: what `podman exec` does, for a hundredth of its work."""

from pathlib import Path

SURROUNDINGS = (
    *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"),
    *("TERM=dumb", "container=podman"),
)
# Into each of its control groups first: snapd has systemd move what it starts, which may move only what is its own.
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'
HIERARCHIES = Path("/sys/fs/cgroup")


def describe_entry(pid: int) -> tuple[str, ...]:
    """Return the words before a command that runs it where process `pid` lives, with an environment of its own."""
    groups = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    joined = (_find_members(*line.split(":", 2)[1:]) for line in groups)
    enter = ("nsenter", "--target", str(pid), "--all", "--", "env", "--ignore-environment", *SURROUNDINGS)
    return ("sh", "-c", JOIN, "sh", *(str(path) for path in joined if path.exists()), "--", *enter)


def _find_members(controllers: str, group: str) -> Path:
    """The file of a group's processes, in the one hierarchy of today or in one of the many of yesterday."""
    return HIERARCHIES / controllers.removeprefix("name=") / group.lstrip("/") / "cgroup.procs"
