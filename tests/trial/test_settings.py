"""What `make trial` says to a wrong setting, before anything is started or written."""

import os
import pwd
import re
import socket
from pathlib import Path

import pytest

from airgate_trial import control
from airgate_trial.app import judge_running
from airgate_trial.cli import find_settings
from airgate_trial.errors import TrialError
from airgate_trial.home import Home, prepare_home, read_settings
from airgate_trial.port import find_holder, judge_port
from airgate_trial.programs import find_programs, render_configuration


@pytest.mark.parametrize(
    ("home", "port", "cards", "named"),
    [
        ("/tmp/h", "eighty", "0", "AIRGATE_PORT=eighty"),
        ("/tmp/h", "80", "0", "AIRGATE_PORT=80"),
        ("/tmp/h", "8080", "1.5", "AIRGATE_QAIC=1.5"),
        ("/tmp/h", "8080", "11", "AIRGATE_QAIC=11"),
        ("/tmp/" + "h" * 80, "8080", "0", "AIRGATE_HOME has 85 characters"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(home: str, port: str, cards: str, named: str) -> None:
    """One sentence that names the variable."""
    with pytest.raises(TrialError, match=named):
        read_settings(home, port, cards)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_taken_port_is_refused_with_its_holder_and_a_free_one(address: str) -> None:
    """A person sees whom to end, or what to type instead."""
    six = {"family": socket.AF_INET6, "dualstack_ipv6": True} if ":" in address else {}
    with socket.create_server((address, 0), **six) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TrialError, match=f"taken by process {os.getpid()} ") as caught:
            judge_port(port)
    judge_port(int(re.findall(r"AIRGATE_PORT=(\d+) make trial", caught.value.hint)[0]))


def test_a_program_that_is_not_ours_to_see_is_named_by_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root a process of somebody else cannot be looked at; whose it is still helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("airgate_trial.port.holds", lambda process, inode: False)
        assert find_holder(taken.getsockname()[1]) == f"a program of the user {pwd.getpwuid(os.getuid()).pw_name}"


def test_a_trial_that_runs_otherwise_is_left_alone() -> None:
    """Another port cannot be had of what runs already; the sentence says which it has, and how to end it."""
    wanted = read_settings("/tmp/h", "9090", "2")
    judge_running(wanted, {"port": 9090, "cards": 2})
    with pytest.raises(TrialError, match="runs already, on port 8080 with 2 simulated cards") as caught:
        judge_running(wanted, {"port": 8080, "cards": 2})
    assert "make trial-stop" in caught.value.hint


def test_a_command_that_only_looks_takes_what_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make trial-status` prints the address that answers, whatever AIRGATE_PORT says by now."""
    monkeypatch.setenv("AIRGATE_HOME", "/tmp/h")
    monkeypatch.setenv("AIRGATE_PORT", "9090")
    monkeypatch.setattr(control, "find_started", lambda home: {"port": 8080, "cards": 2})
    looks, starts = find_settings(starts=False), find_settings(starts=True)
    assert (looks.port, looks.cards) == (8080, 2)
    assert (starts.port, starts.cards) == (9090, 2)


def test_a_start_that_says_nothing_is_like_the_last_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cards that a deployment holds are there again without anybody saying how many they were."""
    for variable in ("AIRGATE_PORT", "AIRGATE_QAIC"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AIRGATE_HOME", str(tmp_path_factory.mktemp("t")))
    first = find_settings(starts=True)
    assert (first.port, first.cards) == (8080, 0)
    prepare_home(first.home)
    first.home.started.write_text('{"port": 9090, "cards": 4}')
    again = find_settings(starts=True)
    assert (again.port, again.cards) == (9090, 4)
    monkeypatch.setenv("AIRGATE_QAIC", "0")
    assert find_settings(starts=True).cards == 0


def test_the_home_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Folders 0700, the internal token 0600, and a second start keeps it."""
    home = Home(tmp_path / "home")
    prepare_home(home)
    token = home.internal_token.read_text()
    prepare_home(home)
    assert home.internal_token.read_text() == token
    assert len(token) >= 40
    assert home.internal_token.stat().st_mode & 0o777 == 0o600
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in (home.root, home.run, home.logs, home.routes))


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is free, how much is needed, and not even a folder is made."""
    monkeypatch.setattr("airgate_trial.home.DISK_MIN_GIB", 10**9)
    with pytest.raises(TrialError, match="GiB free, 1000000000 are needed") as caught:
        prepare_home(Home(tmp_path / "home"))
    assert "AIRGATE_HOME=/path make trial" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file in the way is named."""
    (tmp_path / "file").touch()
    with pytest.raises(TrialError, match="cannot be written"):
        prepare_home(Home(tmp_path / "file" / "home"))


@pytest.mark.parametrize(("cards", "nvidia", "plugin"), [("0", False, False), ("4", False, True), ("0", True, True)])
def test_the_device_plugin_runs_where_there_are_cards(cards: str, nvidia: bool, plugin: bool) -> None:
    """Without a card nothing looks for one."""
    programs = find_programs(read_settings("/tmp/h", "8080", cards), Path("/venv/bin"), nvidia)
    assert ("plugin" in {program.name for program in programs}) is plugin
    assert {"web", "reconcile", "supervise", "agent", "envoy"} <= {program.name for program in programs}


@pytest.mark.parametrize(("cards", "nvidia", "simulated"), [("0", True, False), ("4", False, True), ("4", True, True)])
def test_what_is_simulated_is_said_to_whoever_shows_it(cards: str, nvidia: bool, simulated: bool) -> None:
    """Only Qualcomm's cards, and only where the trial makes them; real NVIDIA ones beside them stay real."""
    programs = find_programs(read_settings("/tmp/h", "8080", cards), Path("/venv/bin"), nvidia)
    supervise = next(program for program in programs if program.name == "supervise")
    assert (supervise.command[-2:] == ("--simulated-cards", "qualcomm.com")) is simulated


def test_a_percent_sign_in_a_path_survives_supervisord() -> None:
    """supervisord expands %; a folder's name may have one."""
    settings = read_settings("/tmp/100%", "8080", "0")
    text = render_configuration(settings.home, find_programs(settings, Path("/venv/bin"), False), {})
    assert "/tmp/100%%/run/supervisord.sock" in text
