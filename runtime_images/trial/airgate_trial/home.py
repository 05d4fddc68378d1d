"""The home folder: everything the trial keeps, and nothing outside it."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from airgate_trial.errors import TrialError

HOME_MAX = 70  # characters; a unix socket's whole path has room for 107
DISK_MIN_GIB = 2
GIB = 1 << 30
CARDS_MAX = 10  # slots of the simulated host


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the home folder."""

    root: Path

    @property
    def run(self) -> Path:
        """Sockets and process ids: gone after a restart of the machine without loss."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.root / "logs"

    @property
    def routes(self) -> Path:
        """The gateway's files."""
        return self.root / "routes"

    @property
    def host(self) -> Path:
        """The tree of simulated cards."""
        return self.root / "host"

    @property
    def kubelet(self) -> Path:
        """Where the device plugin finds its kubelet's socket."""
        return self.run / "kubelet"

    @property
    def keys(self) -> Path:
        """Secrets, each 0600."""
        return self.root / "keys"

    @property
    def web(self) -> Path:
        """The webapp's socket."""
        return self.run / "web.sock"

    @property
    def internal_token(self) -> Path:
        """The token by which the appliance's own parts know each other."""
        return self.keys / "internal-token"

    @property
    def first_password(self) -> Path:
        """The first password of `admin`."""
        return self.root / "first-password"

    @property
    def cards(self) -> Path:
        """How many cards the tree of simulated ones was written with."""
        return self.root / "simulated-cards"

    @property
    def started(self) -> Path:
        """The port and the count of cards that the processes were started with last."""
        return self.run / "started.json"

    @property
    def samples_done(self) -> Path:
        """There once the sample project was made, so that a deleted one stays deleted."""
        return self.root / "samples-done"


@dataclass(frozen=True, slots=True)
class Settings:
    """What `make trial` was asked for. cards: simulated Qualcomm SoCs."""

    home: Home
    port: int
    cards: int


def read_settings(home: str, port: str, cards: str) -> Settings:
    """Return checked settings from the texts of AIRGATE_HOME, AIRGATE_PORT and AIRGATE_QAIC; TrialError otherwise."""
    root = Path(home).expanduser().absolute()
    if len(str(root)) > HOME_MAX:
        raise TrialError(
            "home_too_long",
            f"AIRGATE_HOME has {len(str(root))} characters, {HOME_MAX} fit: socket addresses are short.",
            "Choose a shorter folder: AIRGATE_HOME=~/airgate make trial",
        )
    return Settings(
        home=Home(root),
        port=read_number("AIRGATE_PORT", port, 1024, 65535),
        cards=read_number("AIRGATE_QAIC", cards, 0, CARDS_MAX),
    )


def read_number(variable: str, text: str, low: int, high: int) -> int:
    """Return a whole number within [low, high]; TrialError naming the variable otherwise."""
    if not text.isdecimal() or not low <= int(text) <= high:
        raise TrialError("bad_setting", f"{variable}={text} is not a whole number from {low} to {high}.")
    return int(text)


def prepare_home(home: Home) -> None:
    """Make the folders and the internal token; TrialError when the disk is full or the folder is not ours to write."""
    judge_disk(home.root)
    try:
        for folder in (home.root, home.run, home.logs, home.routes, home.kubelet, home.keys):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not home.internal_token.exists():
            home.internal_token.touch(mode=0o600)
            home.internal_token.write_text(secrets.token_urlsafe(32))
    except OSError as error:
        raise TrialError(
            "home_not_writable",
            f"{home.root} cannot be written: {error.strerror}.",
            "Name another folder: AIRGATE_HOME=/path make trial",
        ) from error


def judge_disk(root: Path) -> None:
    """Raise TrialError when the disk that holds the home folder, or will hold it, has too little room."""
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIB
    if free < DISK_MIN_GIB:
        raise TrialError(
            "disk_full",
            f"{root} has {free:.1f} GiB free, {DISK_MIN_GIB} are needed.",
            "Make room, or name another folder: AIRGATE_HOME=/path make trial",
        )
