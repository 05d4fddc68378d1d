"""A throwaway PostgreSQL server: a cluster in a temporary folder, on a unix socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
OWNER = "postgres"  # PostgreSQL refuses to run as root


def is_installed() -> bool:
    """Return whether Debian's PostgreSQL is here."""
    return (BINARIES / "initdb").exists()


@contextmanager
def run_postgres() -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database."""
    home = Path(tempfile.mkdtemp(prefix="airgate-pg-"))
    try:
        prepare(home)
        run_as_owner("pg_ctl", "start", "-w", "-D", str(home / "data"), "-l", str(home / "log"), "-o", options(home))
        try:
            yield f"postgresql+psycopg://{find_owner()}@/postgres?host={home}"
        finally:
            run_as_owner("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(home / "data"))
    finally:
        shutil.rmtree(home)


def prepare(home: Path) -> None:
    """Make the server's files, owned by who may run it."""
    if os.getuid() == 0:
        shutil.chown(home, OWNER)
    run_as_owner("initdb", "-D", str(home / "data"), "-U", find_owner(), "-A", "trust", "--no-sync", "-E", "UTF8")


def options(home: Path) -> str:
    """Return the server's own options: a unix socket in `home`, no network, no fsync."""
    return f"-k {home} -h '' -F -c max_connections=100"


def find_owner() -> str:
    """Return who runs the server."""
    return OWNER if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def run_as_owner(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end; fail with what it said."""
    as_root = {"user": OWNER, "group": OWNER, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run(
        [str(BINARIES / program), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd="/",
        text=True,
        check=False,
        **as_root,
    )
    assert done.returncode == 0, done.stderr
