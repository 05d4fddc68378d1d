"""A machine that cannot become a node is told so in sentences, before anything is changed on it."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.airgate_preflight import Machine, Need, find_holders, find_machine, judge
from ansible.module_utils.airgate_variables import collect_options, judge_variables

from tests.roles.conftest import Played

NEED = Need(
    memory_mib=7500,
    cores=2,
    disk_mib=20480,
    systems=("ubuntu 24.04", "debian 12"),
    kernel="5.15",
    ports=(16443, 10250),
    snapd=True,
    not_before="2026-11-01",
)
GOOD = Machine(
    memory_mib=16000,
    cores=4,
    disk="/var/snap",
    disk_mib=90000,
    system="debian 12",
    kernel="6.1.0-18-amd64",
    snapd=True,
    default_route=True,
    now=1_800_000_000,
    holders={22: "sshd (process 7)"},
)


def test_a_good_machine_gets_no_sentence() -> None:
    """Nothing is asked of a machine that will do; another port's holder is nobody's business."""
    assert judge(GOOD, NEED) == []


@pytest.mark.parametrize("day", ["soon", "2026-13-01", ""])
def test_a_first_day_that_is_none_is_refused_by_its_variable(day: str) -> None:
    """The sentence names the variable and shows how a day is written."""
    wrong = judge(GOOD, dataclasses.replace(NEED, not_before=day))
    assert wrong == [f"airgate_preflight_not_before is '{day}', which is no day; write one such as '2026-11-01'."]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"memory_mib": 4000}, "This node has 4000 MiB of memory where 7500 MiB are needed; add memory"),
        ({"cores": 1}, "This node has 1 CPU cores where 2 are needed; add cores"),
        ({"disk_mib": 100}, "/var/snap has 100 MiB free where 20480 MiB are needed; free space"),
        ({"system": "fedora 41"}, "This node runs fedora 41, which is not one of ubuntu 24.04, debian 12; install one"),
        ({"kernel": "5.4.0-100-generic"}, "The kernel 5.4.0-100-generic is older than 5.15; install"),
        ({"snapd": False}, "snapd is not running on this node; install the package snapd"),
        ({"now": 1_700_000_000}, "This node's clock is at least 1083 days behind; set it"),
        ({"default_route": False}, "This node has no default route, without which Kubernetes does not start; add one"),
        ({"holders": {16443: "nginx (process 9)"}}, "Port 16443 is held by nginx (process 9); stop that program"),
    ],
)
def test_each_lack_gets_one_sentence_with_what_to_do(change: dict[str, object], sentence: str) -> None:
    """What, why, and what to do instead."""
    (found,) = judge(dataclasses.replace(GOOD, **change), NEED)
    assert found.startswith(sentence)
    assert found.endswith(".")


def test_all_lacks_are_told_at_once() -> None:
    """A person walks to the machine once."""
    assert len(judge(dataclasses.replace(GOOD, cores=1, snapd=False, default_route=False), NEED)) == 3


def test_this_machine_is_read_as_it_is(tmp_path: Path) -> None:
    """The numbers come from the real /proc; a folder that is not there yet is looked up where it will be."""
    machine = find_machine(Path("/"), tmp_path / "not" / "there", now=1)
    assert machine.cores == os.cpu_count()
    assert machine.memory_mib > 500
    assert machine.disk_mib > 0
    assert machine.kernel == os.uname().release


def test_snapd_is_there_when_its_socket_listens(tmp_path: Path) -> None:
    """The tree is made up: this machine with and without the socket that snapd answers at."""
    for file in ("cpuinfo", "meminfo", "sys/kernel/osrelease"):
        (tmp_path / "proc" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / file).write_text(Path("/proc", file).read_text())
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(Path("/etc/os-release").read_text())
    without = find_machine(tmp_path, tmp_path, now=1)
    (tmp_path / "proc/net").mkdir()
    (tmp_path / "proc/net/unix").write_text(
        "Num RefCount Protocol Flags Type St Inode Path\n0: 2 0 0 1 1 9 /run/snapd.socket\n"
    )
    assert (without.snapd, find_machine(tmp_path, tmp_path, now=1).snapd) == (False, True)


def test_whoever_holds_a_port_is_named() -> None:
    """The sentence can say which program to stop."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        assert f"(process {os.getpid()})" in find_holders(Path("/"))[held.getsockname()[1]]


def test_a_port_that_microk8s_itself_holds_is_nobody_elses(tmp_path: Path) -> None:
    """A second run on an installed node passes. The tree is made up: one process that listens on 16443."""
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 00000000:403B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100\n"
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/tcp").write_text(header + row)
    process = tmp_path / "proc/77"
    (process / "fd").mkdir(parents=True)
    (process / "fd/3").symlink_to("socket:[4711]")
    (process / "comm").write_text("kubelite\n")
    assert find_holders(tmp_path) == {16443: "kubelite (process 77)"}
    (process / "exe").symlink_to("/snap/microk8s/7000/kubelite")
    assert find_holders(tmp_path) == {}


SPEC = {
    "argument_specs": {
        "main": {
            "options": {
                "airgate_bundle_source": {"type": "path"},
                "airgate_expose_http": {"type": "bool"},
                "airgate_expose_https_port": {"type": "int"},
                "airgate_kubernetes": {"type": "str", "choices": ["microk8s", "existing"]},
                "airgate_node_base_ntp": {"type": "list"},
            }
        }
    }
}


UNKNOWN = "No role reads the variable "
WRONG = " is needed; correct it in the inventory."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("airgate_bundel_source", "/m", f"{UNKNOWN}airgate_bundel_source; write airgate_bundle_source."),
        ("airgate_colour", "red", f"{UNKNOWN}airgate_colour; remove it, or look it up in roles/*/README.md."),
        ("airgate_expose_http", "maybe", f"airgate_expose_http is 'maybe' where true or false{WRONG}"),
        ("airgate_expose_https_port", "https", f"airgate_expose_https_port is 'https' where a whole number{WRONG}"),
        ("airgate_node_base_ntp", "10.0.0.1", f"airgate_node_base_ntp is '10.0.0.1' where a list{WRONG}"),
        ("airgate_kubernetes", "k3s", f"airgate_kubernetes is 'k3s' where one of microk8s, existing{WRONG}"),
    ],
)
def test_a_wrong_variable_gets_one_sentence(name: str, value: object, sentence: str) -> None:
    """A misspelled variable would otherwise be ignored, and the default be taken for it."""
    assert judge_variables({name: value}, collect_options([SPEC])) == [sentence]


def test_right_variables_pass_as_a_command_line_gives_them() -> None:
    """Extra variables are text."""
    given = {"airgate_expose_http": "true", "airgate_expose_https_port": "8443", "airgate_kubernetes": "existing"}
    assert judge_variables(given, collect_options([SPEC])) == []


def test_the_playbook_ends_with_those_sentences_and_asks_for_all_roles_variables(
    play: Callable[..., Played],
) -> None:
    """The real role on this machine: misspelled and wrong ones, its own too, all named at once, nothing changed."""
    wrong = {"airgate_bundel_source": "/m", "airgate_expose_https_port": "https", "airgate_kubernetes": "k3s"}
    played = play("phases/10_preflight.yml", **wrong)
    assert played.status != 0
    assert "airgate_kubernetes is 'k3s' where one of microk8s, existing is needed" in played.output
    assert "validate_args_context" not in played.output, "a wall of text instead of sentences"
    assert "No role reads the variable airgate_bundel_source; write airgate_bundle_source." in played.output
    assert "airgate_expose_https_port is 'https' where a whole number is needed" in played.output
    assert played.recap["changed"] == 0


def test_the_playbook_says_what_this_machine_lacks(play: Callable[..., Played]) -> None:
    """The real role on this machine, asked for more than it has: all said at once, snapd too where it is not."""
    played = play(
        "phases/10_preflight.yml",
        airgate_preflight_memory_mib=10**9,
        airgate_preflight_disk_mib=10**9,
        airgate_preflight_cores=1000,
    )
    assert played.status != 0
    said = " ".join(played.output.split())
    assert "MiB of memory where 1000000000 MiB are needed; add memory, or lower airgate_preflight_memory_mib" in said
    assert "/var/snap has " in said
    assert "MiB free where 1000000000 MiB are needed; free space or mount a bigger disk there" in said
    assert "or lower airgate_preflight_disk_mib." in said
    here = "/run/snapd.socket" in Path("/proc/net/unix").read_text()
    assert ("snapd is not running on this node; install the package snapd and start snapd.socket" in said) is not here
    assert "CPU cores where 1000 are needed; add cores, or lower airgate_preflight_cores." in said
    assert played.recap["changed"] == 0
