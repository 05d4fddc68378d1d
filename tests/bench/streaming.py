"""A server that streams, asked directly and through TLS, token and Envoy: the first byte, and bytes a second.

Server and Envoy share a core. The goals are for a stream at the pace of a language model; one as fast as its server
can write it costs Envoy what it takes to encrypt it.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass

from tests.bench.figures import Figure, find_median
from tests.bench.gateway import run_gateway
from tests.bench.load import CLIENT_CORE, answers, run_server, wait_until
from tests.gateway.rig import find_free_port

RUNS = 9  # of each, direct and through in turn
SHARE = 0.97
PATH = "/api/v1/svc/qc/one/v1/words"


@dataclass(frozen=True, slots=True)
class Pace:
    """What is streamed: seconds before the first word and between two, how many words, and bytes of each."""

    name: str
    first: float
    pause: float
    words: int
    size: int

    @property
    def query(self) -> str:
        """The request."""
        return f"?first={self.first}&pause={self.pause}&words={self.words}&size={self.size}"


PACED = Pace("50 ms, then a word each 10 ms", first=0.05, pause=0.01, words=150, size=48)
FAST = Pace("events of 1 KB as fast as they go", first=0.0, pause=0.0, words=20_000, size=1024)


@dataclass(frozen=True, slots=True)
class Streamed:
    """One stream as the client had it: ms from the sent request to the first byte, and bytes a second of it all."""

    first: float
    rate: float


def find_figures() -> list[Figure]:
    """Measure both paces."""
    assert shutil.which("curl"), "curl is missing; install it with: sudo apt-get install -y curl"
    port = find_free_port()
    command = [sys.executable, "-m", "tests.bench.peers.word_stream", str(port)]
    direct = f"http://127.0.0.1:{port}"
    with run_server("word-stream", command, f"{direct}/v2/health/ready"), run_gateway(port) as (door, token, _):
        ways = {"direct": (f"{direct}/v1/words", ""), "through": (f"{door}{PATH}", token)}
        wait_until("the gateway knows the route", lambda: answers(f"{door}{PATH}") and is_passed(*ways["through"]))
        return [figure for pace in (PACED, FAST) for figure in measure_pace(pace, ways)]


def measure_pace(pace: Pace, ways: dict[str, tuple[str, str]]) -> list[Figure]:
    """Return the first byte and the bytes a second through the gateway, beside those of the server itself."""
    runs: dict[str, list[Streamed]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            runs[name].append(stream(pace, *way))
    goals = (f"<= {1 / SHARE:.2f} of direct", f">= {SHARE} of direct") if pace is PACED else ("", "")
    figures = []
    for what, unit, goal in (("first", "ms", goals[0]), ("rate", "B/s", goals[1])):
        plain = find_median("", "", [getattr(run, what) for run in runs["direct"]]).ours
        values = [getattr(run, what) for run in runs["through"]]
        label = f"{pace.name}: {'first byte' if what == 'first' else 'bytes a second'}"
        figures.append(find_median(label, unit, values, limit={"direct": plain}, goal=goal))
    return figures


def is_passed(url: str, token: str) -> bool:
    """Return whether a stream comes through."""
    try:
        stream(Pace("", 0, 0, 1, 1), url, token)
    except subprocess.CalledProcessError:
        return False
    return True


def stream(pace: Pace, url: str, token: str) -> Streamed:
    """Read a stream to its end, on a connection of its own. Raises CalledProcessError for another status than 200."""
    client = ["taskset", "-c", CLIENT_CORE, "curl", "-sSNkf", "--noproxy", "*", "-o", "/dev/null", "-w", "%{json}"]
    asked = ["-H", f"authorization: Bearer {token}", f"{url}{pace.query}"]
    done = subprocess.run([*client, *asked], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    begun = said["time_pretransfer"]  # connected, and over TLS where that is: what follows is the request
    first, took = said["time_starttransfer"] - begun, said["time_total"] - begun
    assert said["size_download"] >= pace.words * pace.size, "the stream broke off"
    return Streamed(round(first * 1000, 2), round(said["size_download"] / took))
