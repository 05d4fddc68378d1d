"""The commands `airgate-web web` and `airgate-web files` as real processes."""

import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airgate_kit.clock import SystemClock
from airgate_web.adapters.blobs_folder import FolderBlobs

pytestmark = pytest.mark.process

PROBES = {"web": "/readyz", "files": "/livez"}
DEADLINE = 60  # seconds for a start on a busy machine


class WebProcess:
    """One process on a free port, ended at the end of the test."""

    def __init__(self, home: Path, *arguments: str, command: str = "web", **environment: str) -> None:
        self.command = command
        self.log = home.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airgate_web", command, "--home", str(home), "--port", "0", *arguments],
                stderr=log,
                env={**os.environ, **environment},
            )

    def wait_url(self) -> str:
        """Return the address once it answers that it is ready."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.log.read_text().splitlines()[::-1]:
                said = json.loads(line)
                if said["message"] == f"{self.command} process listens":
                    url = "http://{}:{}".format(*said["address"])
                    if call(url + PROBES[self.command])[0] == 200:
                        return url
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def end(self) -> int:
        """Ask the process to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


def call(url, body=None, **headers):
    """Return (status, body) of one request, (0, "") when nobody answers."""
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except urllib.error.URLError:
        return 0, b""


@pytest.fixture
def start():
    """Start web processes; whatever still runs at the end is ended."""
    started = []

    def start_one(*arguments, **environment):
        started.append(WebProcess(*arguments, **environment))
        return started[-1]

    yield start_one
    for web in started:
        if web.process.poll() is None:
            web.process.kill()
            web.process.wait(DEADLINE)


def sign_in(url, home):
    """Return the answer to signing in with the first password."""
    body = json.dumps({"name": "admin", "password": (home / "first-password").read_text()}).encode()
    return call(url + "/api/v2/session", body)


def test_a_first_start_makes_what_it_needs(start, tmp_path):
    """After one command a person can sign in, and no secret is readable by others."""
    home = tmp_path / "home"
    web = start(home)
    url = web.wait_url()
    assert sign_in(url, home)[0] == 200
    for path in ("first-password", "keys/signing.pem", "keys/internal-token", "store.db"):
        assert stat.S_IMODE((home / path).stat().st_mode) == 0o600
    runtimes = call(url + "/api/v2/runtimes", authorization=f"Bearer {json.loads(sign_in(url, home)[1])['token']}")
    assert json.loads(runtimes[1])[0]["name"] == "AI environment with Python 3.11"
    assert web.end() == 0


def test_a_second_start_finds_everything_as_it_was(start, tmp_path):
    """A session, a project and the password outlive a crash."""
    home = tmp_path / "home"
    first = start(home)
    url = first.wait_url()
    token = "Bearer " + json.loads(sign_in(url, home)[1])["token"]
    assert call(url + "/api/v2/projects", b'{"name":"Q","route":"qc"}', authorization=token)[0] == 201
    first.process.kill()
    first.process.wait(DEADLINE)
    first.log.unlink()
    url = start(home).wait_url()
    assert json.loads(call(url + "/api/v2/projects", authorization=token)[1])[0]["route"] == "qc"


def test_an_agent_that_waits_is_answered_when_the_process_ends(start, tmp_path):
    """A stop is not held up by the agent's long call, and the agent gets an answer it knows."""
    home = tmp_path / "home"
    web = start(home)
    url = web.wait_url() + "/internal/gateway"
    guard = {"authorization": "Bearer " + (home / "keys" / "internal-token").read_text()}
    have = json.loads(call(url, **guard)[1])["digest"]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(call, f"{url}?have={have}&wait=30", **guard)
        while not waiting.running():
            time.sleep(0.01)
        assert call(f"{url}?have={have}", **guard)[0] == 204  # by now the waiting call has been read too
        assert web.end() == 0
        assert waiting.result() == (204, b"")


def test_the_process_that_hands_out_model_files_starts_serves_and_ends(start, tmp_path):
    """As the cluster runs it: beside the web process, over the same folder, with the token that lies there."""
    home = tmp_path / "home"
    FolderBlobs(home / "blobs", SystemClock()).put(iter([b"model"]), 100)
    (home / "keys").mkdir()
    (home / "keys" / "internal-token").write_text("the internal token")
    files = start(home, command="files")
    address = f"{files.wait_url()}/internal/blobs/{hashlib.sha256(b'model').hexdigest()}"
    assert call(address, authorization="Bearer the internal token") == (200, b"model")
    assert call(address)[0] in (401, 403)
    assert files.end() == 0


def test_settings_come_from_variables_and_files(start, tmp_path):
    """In a cluster, secrets come as files and settings as variables."""
    (tmp_path / "password").write_text("given password\n")
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/elsewhere.db\n")
    home = tmp_path / "home"
    web = start(
        home,
        AIRGATE_FIRST_PASSWORD_FILE=str(tmp_path / "password"),
        AIRGATE_DATABASE_URL_FILE=str(tmp_path / "url"),
        AIRGATE_UPLOAD_LIMIT_MIB="1",
    )
    url = web.wait_url()
    answer = call(url + "/api/v2/session", b'{"name":"admin","password":"given password"}')
    token = "Bearer " + json.loads(answer[1])["token"]
    assert (tmp_path / "elsewhere.db").exists() and not (home / "store.db").exists()
    assert not (home / "first-password").exists()
    call(url + "/api/v2/projects", b'{"name":"Q","route":"qc"}', authorization=token)
    upload = url + "/api/v2/projects/qc/models?name=m&filename=f"
    status, body = call(upload, b"x" * 2**20 + b"x", authorization=token)
    assert (status, json.loads(body)["code"]) == (413, "too_large")


def run(home, *arguments, **environment):
    """Run a command that must refuse to start; return (exit code, what it said)."""
    done = subprocess.run(
        [sys.executable, "-m", "airgate_web", "web", "--home", str(home), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_port_in_use_is_said_in_a_sentence(tmp_path):
    """Two appliances on one port: the second says which setting to change, and leaves nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = run(tmp_path / "home", "--port", port)
    assert code == 2
    assert f"port {port}" in said and "--port" in said and "Traceback" not in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AIRGATE_UPLOAD_LIMIT_MIB", "0", "AIRGATE_UPLOAD_LIMIT_MIB"),
        ("AIRGATE_DATABASE_URL", "mysql://x/y", "sqlite:///"),
        ("AIRGATE_DATABASE_URL", "postgresql+psycopg://u@127.0.0.1:1/x", "database does not answer"),
        ("AIRGATE_WEB_PORT", "70000", "--port"),
        ("AIRGATE_DATABASE_URL_FILE", "/nowhere", "/nowhere"),
    ],
)
def test_a_setting_that_cannot_be_is_said_in_a_sentence(tmp_path, variable, value, said):
    """No setting ends in a traceback."""
    code, error = run(tmp_path / "home", **{"AIRGATE_WEB_PORT": "0", variable: value})
    assert code == 2
    assert said in error.splitlines()[-1] and "Traceback" not in error
