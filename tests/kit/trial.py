"""A trial in a home of its own: what tests, long runs, figures and pictures start alike."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.gateway.rig import find_free_port
from tests.kit.appliance import Appliance
from tests.kit.caller import Caller

BINARIES = Path(sys.executable).parent
COMMAND = str(BINARIES / "airgate-trial")
IRIS = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


class Trial:
    """One home and one port. `appliance` is a person signed in as admin, once it is up. more: further variables."""

    appliance: Appliance
    printed: str

    def __init__(self, home: Path, cards: int, **more: str) -> None:
        self.home, self.port = home, find_free_port()
        variables = {"AIRGATE_HOME": str(home), "AIRGATE_PORT": str(self.port), "AIRGATE_QAIC": str(cards)}
        self.environment = {**os.environ, **variables, **more}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `airgate-trial` as make does."""
        return subprocess.run([COMMAND, *arguments], env=self.environment, capture_output=True, text=True, timeout=300)

    def up(self) -> str:
        """Start it, sign in, and return what it printed."""
        done = self.run("up")
        assert done.returncode == 0, done.stderr + self.run("logs").stdout
        password = (self.home / "first-password").read_text().strip()
        self.appliance = Appliance(f"http://127.0.0.1:{self.port}", "admin", password)
        return done.stdout

    def find_processes(self) -> dict[str, int]:
        """Return pid by name of what supervisord keeps."""
        lines = self.run("status").stdout.splitlines()[1:]
        return {fields[0]: int(fields[3]) for fields in map(str.split, lines) if fields[1] == "Ready"}

    def kill(self, name: str) -> None:
        """SIGKILL one process of the appliance."""
        os.kill(self.find_processes()[name], signal.SIGKILL)

    @contextlib.contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Stop one process of the appliance (SIGSTOP) while the block runs: it is there and does nothing."""
        number = self.find_processes()[name]
        os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(number, signal.SIGCONT)

    def find_all_processes(self) -> list[str]:
        """Return the command line of every process of this machine that names the home folder."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and int(folder.name) != os.getpid():
                with contextlib.suppress(OSError):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found += [line] if str(self.home) in line else []
        return found

    def find_model_processes(self, model: str) -> list[str]:
        """Return the command lines of the processes that serve a model of the sample project."""
        digest = self.appliance.send("GET", f"/projects/samples/models/{model}")["latest"]["digest"]
        hexadecimal = digest.removeprefix("sha256:")
        return [line for line in self.find_all_processes() if "airgate-serve" in line and hexadecimal in line]

    def is_answering(self) -> bool:
        """Return whether the API answers; the webapp may be starting."""
        with contextlib.suppress(httpx.HTTPError):
            return bool(self.appliance.http.get("/api/v2/projects").status_code == 200)
        return False

    def predict_iris(self, name: str, token: str) -> int:
        """Return the status of one call of a deployment of `iris`."""
        return self.appliance.predict("samples", name, token, {"args": {"X": [IRIS]}}).status_code


@contextlib.contextmanager
def run_trial(home: Path, cards: int = 0, **more: str) -> Iterator[Trial]:
    """Bring a trial up, and end it whatever happens. more: variables of the environment."""
    trial = Trial(home, cards, **more)
    try:
        trial.printed = trial.up()
        yield trial
        trial.appliance.close()
    finally:
        trial.run("stop")


def call_iris(trial: Trial, name: str, token: str) -> Caller:
    """Return who calls a deployment of `iris` again and again."""
    url = f"http://127.0.0.1:{trial.port}/api/v1/svc/samples/{name}/predict"
    return Caller(url, {"args": {"X": [IRIS]}}, {"authorization": f"Bearer {token}"})
