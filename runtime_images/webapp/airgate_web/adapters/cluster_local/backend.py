"""The reconciler's side: a Cluster whose workloads the supervisor runs."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

from airgate_web.domain.errors import Unavailable
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.plan import Action, ApplyWorkload, RemoveWorkload, ReplaceReplica
from airgate_web.domain.workload import Observation

ANSWER_SECONDS = 10.0  # the supervisor answers at once, except to "wait"


class LocalCluster:
    """Speaks to the supervisor that listens at `path`. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = -1  # of the last change that was observed
        self.lock = threading.Lock()

    def observe(self) -> Observation:
        """Return the whole truth now; Unavailable when the supervisor does not answer."""
        answer = self.ask(verb="observe")
        with self.lock:
            self.number = answer["number"]
        return read_observation(answer["observation"])

    def apply(self, action: Action) -> None:
        """Begin an action and return. No replica is ever over here: the supervisor starts its process again."""
        if isinstance(action, ApplyWorkload):
            self.ask(verb="apply", workload=make_plain(action.workload))
        elif isinstance(action, ReplaceReplica):
            self.ask(verb="replace", replica=action.replica)
        elif isinstance(action, RemoveWorkload):
            self.ask(verb="remove", name=action.name)

    def wait(self, seconds: float) -> bool:
        """Block until something has changed since the last `observe` (True) or `seconds` have passed (False)."""
        with self.lock:
            number = self.number
        answer = self.ask(seconds, verb="wait", number=number, seconds=seconds)
        return bool(answer["number"] != number)

    def read_logs(self, replica: str, lines: int) -> str:
        """Return the last lines of a replica's stdout and stderr; "" when it is gone."""
        return str(self.ask(verb="logs", replica=replica, lines=lines)["text"])

    def ask(self, more_seconds: float = 0.0, **request: Any) -> dict[str, Any]:
        """Send one request and return the answer; Unavailable when none comes."""
        try:
            line = exchange(self.path, json.dumps(request).encode() + b"\n", ANSWER_SECONDS + more_seconds)
            answer: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as why:
            raise Unavailable(
                f"The supervisor does not answer at {self.path}: {why}.",
                "Start it: airgate-web supervise.",
            ) from why
        if "error" in answer:
            raise ValueError(f"the supervisor refused {request['verb']}: {answer['error']}")
        return answer


def exchange(path: Path, line: bytes, seconds: float) -> bytes:
    """Send a line to a unix socket and return all that comes back; raise OSError."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(seconds)
        door.connect(str(path))
        door.sendall(line)
        door.shutdown(socket.SHUT_WR)
        with door.makefile("rb") as answer:
            return answer.read()


def read_observation(value: object) -> Observation:
    """Return the Observation that the supervisor sent."""
    observation: Observation = read_plain(Observation, value)
    return observation
