"""What an operator types: settings from three places, doctor's answer, and one clear line for each mistake."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from airgate_plugin.cli import main
from airgate_plugin.config import SETTINGS, Settings, build_settings
from airgate_plugin.errors import BadSettings
from airgate_plugin.model import Reason
from airgate_simulator import apply_status, apply_util_mode
from airgate_simulator.cli import main as simulate
from tests.plugin.conftest import wait_until
from tests.plugin.replayed_kubelet import ReplayedKubelet

pytestmark = pytest.mark.process

README = (Path(__file__).parents[2] / "plugin_src/README.md").read_text()


def test_the_tables_defaults_are_the_real_ones() -> None:
    """What the README and --help say is what happens without a setting."""
    assert build_settings([("defaults", {each.key: each.default for each in SETTINGS})]) == Settings()


def test_flags_win_over_environment_over_file(
    host: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The nearest word counts: command line, then environment, then file."""
    folder = tmp_path_factory.mktemp("k")  # a socket's path has to be short
    path = folder / "settings.yaml"
    path.write_text(f"host_root: /nowhere\nsku_resources: true\nqids: {{'0000:10:00.0': 42}}\nkubelet_dir: {folder}\n")
    monkeypatch.setenv("AIRGATE_PLUGIN_HOST_ROOT", str(host))
    monkeypatch.setenv("AIRGATE_PLUGIN_PORT_9400_TCP_ADDR", "10.0.0.1")  # Kubernetes' own, beside a Service
    assert main(["doctor", "--json", "--config", str(path), "--sku-resources=false"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["resources"] == {"qualcomm.com/qaic": 8}
    assert described["devices"][0]["qid"] == 42


def test_qualcomms_own_variable_names_resources_by_sku(
    host: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """QAIC_SKU_BASED_RESOURCE_ENABLED means what it means to Qualcomm's plugin."""
    monkeypatch.setenv("QAIC_SKU_BASED_RESOURCE_ENABLED", "true")
    assert main(["doctor", "--json", "--host-root", str(host)]) == 0
    assert json.loads(capsys.readouterr().out)["resources"] == {"qualcomm.com/qaic-ultra": 8}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hots_root: /host", "did you mean 'host_root'?"),
        ("period: soon", "is not a number"),
        ("period: 0", "must be between"),
        ("nvidia: perhaps", "must be true or false"),
        ("host_root: here", "must be an absolute path"),
        ("http: 9400", "must be HOST:PORT"),
        ("qids: {'0000:10:00.0': 1, '0000:11:00.0': 1}", "each QID once"),
        ("kubelet_dir: /" + "long/" * 30, "is too long"),
        ("log_level: loud", "must be one of"),
        ("- a list", "holds no settings"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    """The line names the file, what is wrong, and what was probably meant."""
    path = tmp_path / "settings.yaml"
    path.write_text(content)
    assert main(["doctor", "--config", str(path)]) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert str(path) in complaint
    assert complaint.count("\n") == 1


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt variable is refused rather than ignored."""
    monkeypatch.setenv("AIRGATE_PLUGIN_NVIDA", "1")
    assert main(["doctor"]) == 2
    assert "did you mean 'AIRGATE_PLUGIN_NVIDIA'?" in capsys.readouterr().err


def test_a_root_without_a_host_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A forgotten mount is not taken for a node without cards."""
    assert main(["run", "--host-root", str(tmp_path)]) == 3
    assert "there is no" in capsys.readouterr().err


def test_a_taken_port_is_exit_code_4(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says which port, and which setting moves it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["run", "--host-root", str(host), "--http", f"127.0.0.1:{port}"]) == 4
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


def test_doctor_says_why_a_device_is_ill(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a human: the state, the reason and what to look at; and exit code 1 for a script."""
    apply_status(host, "0000:12:00.0", "Error")
    assert main(["doctor", "--host-root", str(host)]) == 1
    report = capsys.readouterr().out
    assert "0000:12:00.0  Unhealthy: qaic-util says Error" in report
    assert "8 x qualcomm.com/qaic" in report


def test_doctor_advises_where_sku_names_cannot_be_told(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names by SKU without a working qaic-util offer nothing, and doctor says what to do."""
    apply_util_mode(host, "fail")
    main(["doctor", "--host-root", str(host), "--sku-resources"])
    report = capsys.readouterr().out
    assert "nothing yet" in report
    assert "switch QAIC_SKU_BASED_RESOURCE_ENABLED off" in report


def test_the_process_serves_and_ends_cleanly(
    host: Path, kubelet: ReplayedKubelet, folder: Path, tmp_path: Path
) -> None:
    """As the image runs it, through a kubelet restart: JSON lines only, exit code 0 on SIGTERM, no socket left."""
    flags = ["--host-root", str(host), "--kubelet-dir", str(folder), "--http", "127.0.0.1:0"]
    command = [sys.executable, "-m", "airgate_plugin", "run", *flags]
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stderr=errors)
    try:
        kubelet.wait_list("qualcomm.com/qaic", lambda found: len(found) == 8)
        kubelet.restart()
        kubelet.wait_list("qualcomm.com/qaic", lambda found: len(found) == 8)
        wait_until(lambda: log.read_text().count('"registered"') == 2)  # said after the kubelet has heard it
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    assert process.returncode == 0
    messages = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert messages[-1] == "stopped"
    wait_until(lambda: not list(folder.glob("airgate-*.sock")))


def test_the_simulator_says_that_it_simulates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can take a simulated host for a real one: its folder, its output and its program say so."""
    root = tmp_path / "host"
    assert simulate(["--root", str(root), "--cards", "1", "--sku", "std"]) == 0
    assert "simulated host" in capsys.readouterr().out
    assert "SIMULATED" in (root / "SIMULATED.txt").read_text()
    program = [root / "opt/qti-aic/tools/qaic-util", "-q"]
    assert "simulated" in subprocess.run(program, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize(
    "arguments", [["--lose", "0000:99:00.0"], ["--cards", "99"], ["--status", "nonsense"]], ids=lambda each: each[0]
)
def test_the_simulator_refuses_with_a_sentence(
    host: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A wish that cannot be is one line and exit code 2, and the tree stays as it was."""
    assert simulate(["--root", str(host), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_is_not_simulated_is_never_cleared(tmp_path: Path) -> None:
    """The simulator deletes only what it wrote."""
    (tmp_path / "sys").mkdir()
    assert simulate(["--root", str(tmp_path), "--cards", "1"]) == 2
    assert (tmp_path / "sys").exists()


def test_the_readme_lists_every_setting_reason_and_exit_code() -> None:
    """What can be set, seen or returned is documented."""
    for setting in SETTINGS:
        row = f"| `{setting.key}` | `{setting.variable}` | {f'`{setting.default}`' if setting.default else 'none'} |"
        assert row in README
        assert f"{setting.meaning}" in README
    for reason in Reason:
        assert f"`{reason}`" in README
    for code in range(6):
        assert f"| {code} |" in README


def test_the_readme_lists_every_metric(host: Path) -> None:
    """Every family that is scraped has a row in the README's table, and every row is scraped."""
    from airgate_kit.clock import SystemClock
    from airgate_plugin.model import Holder, Holdings, Registration
    from airgate_plugin.rounds import look_once
    from airgate_plugin.telemetry.metrics import Facts, PluginCollector, write_metrics

    settings = build_settings([("test", {"host_root": str(host), "qaic_util_timeout": "60"})])
    snapshot, _ = look_once(settings, SystemClock())
    state = Registration("qualcomm.com/qaic", last_message_at=0.0)
    holdings = Holdings({"0000:10:00.0": Holder("airgate-deploy", "digits-0", "server")})
    facts = Facts(lambda: snapshot, lambda: [state], lambda: holdings)
    text = write_metrics(PluginCollector(facts, ["sysfs"], SystemClock())).decode()
    scraped = set(re.findall(r"^(airgate_plugin_\w+?)(?:\{| )", text, re.MULTILINE))
    assert scraped == set(re.findall(r"^\| `(airgate_plugin_\w+)` \|", README, re.MULTILINE))


def test_unknown_keys_are_listed_where_none_is_close() -> None:
    """A key that resembles nothing gets the whole list."""
    with pytest.raises(BadSettings, match="there are host_root"):
        build_settings([("file", {"zzz": "1"})])


def test_a_mounted_tree_may_be_written_anew(tmp_path: Path) -> None:
    """A container keeps the folders that it was given: they and /etc/group are filled anew, not replaced."""
    root = tmp_path / "host"
    mounted = [root / name for name in ("sys", "dev", "opt", "etc/group")]
    assert simulate(["--root", str(root), "--cards", "2", "--sku", "std"]) == 0
    before = [path.stat().st_ino for path in mounted]
    assert simulate(["--root", str(root), "--cards", "1", "--sku", "ultra"]) == 0
    assert [path.stat().st_ino for path in mounted] == before
    assert len(list((root / "dev/accel").iterdir())) == 4
