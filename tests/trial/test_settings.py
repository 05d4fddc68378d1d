"""What `make trial` says to a wrong setting, before anything is started or written."""

import socket
from pathlib import Path

import pytest

from airgate_trial.errors import TrialError
from airgate_trial.home import Home, judge_port, prepare_home, read_settings
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


def test_a_taken_port_is_refused_with_the_next_one_named() -> None:
    """A person sees what to type instead."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrialError, match="taken by another program") as caught:
            judge_port(port)
    assert f"AIRGATE_PORT={port + 1}" in caught.value.hint


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


def test_a_percent_sign_in_a_path_survives_supervisord() -> None:
    """supervisord expands %; a folder's name may have one."""
    settings = read_settings("/tmp/100%", "8080", "0")
    text = render_configuration(settings.home, find_programs(settings, Path("/venv/bin"), False), {})
    assert "/tmp/100%%/run/supervisord.sock" in text
