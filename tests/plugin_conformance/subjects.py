"""The plugins under test. Each is a process of this machine that serves the stand's kubelet."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from airgate_kit import names
from tests.charts.appliance import simulate_cards
from tests.cluster.entry import describe_entry
from tests.cluster.programs import find_sample_plugin
from tests.cluster.store import find_store
from tests.plugin_conformance.stand import SIMULATED, Stand

BINARIES = Path(sys.executable).parent
NVML = Path(__file__).parents[1] / "plugin/simulated_nvml.c"
STOP_LIMIT_S = 30


class Subject(Protocol):
    """A device plugin. can_lose: whether a device can be let die; lasts: whether devices outlast a power cut."""

    resource: str
    count: int
    can_lose: bool
    lasts: bool

    def prepare(self, stand: Stand) -> None:
        """Make the devices; nothing runs yet."""

    def start(self) -> None:
        """Start the plugin; it need not be registered on return."""

    def stop(self) -> None:
        """End it as its node's service manager would."""

    def kill(self) -> None:
        """End it by SIGKILL."""

    def lose(self, id_: str) -> None:
        """Let a device die."""

    def restore(self, id_: str) -> None:
        """Let it come back."""

    def is_preferred(self, ids: set[str], offered: list[str]) -> bool:
        """Say whether these ids, chosen of those on offer, are what the plugin should have hinted."""


class Airgate:
    """Our own plugin over two simulated Ultra cards of four SoCs each."""

    resource = names.RESOURCE_QAIC
    count = 8
    can_lose = True
    lasts = True

    def __init__(self) -> None:
        self.stand: Stand | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self, stand: Stand) -> None:
        self.stand = stand
        simulate_cards(stand.node, "--cards", "2", "--sku", "ultra", "--device-files", "mknod")

    def start(self) -> None:
        assert self.stand is not None
        with (self.stand.links / "plugin.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.find_command(self.stand), stdout=log, stderr=log, env=self.find_environ()
            )

    def find_command(self, stand: Stand) -> list[str]:
        """Return the command line: the node's own folders, by their links."""
        places = {"host-root": "host", "kubelet-dir": "plugins", "pod-resources": "pods/kubelet.sock", "cdi-dir": "cdi"}
        flags = [word for flag, place in places.items() for word in (f"--{flag}", str(stand.links / place))]
        rest = ["--host-prefix", SIMULATED, "--http", "127.0.0.1:0", "--period", "0.5", "--uevents", "none"]
        return [str(BINARIES / "airgate-plugin"), "run", *flags, *rest]

    def find_environ(self) -> dict[str, str]:
        """Return the environment."""
        return dict(os.environ)

    def stop(self) -> None:
        self.end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self.end(subprocess.Popen.kill)

    def end(self, how: "Callable[[subprocess.Popen[bytes]], None]") -> None:
        """End the process and wait for its end."""
        if self.process:
            how(self.process)
            self.process.wait(STOP_LIMIT_S)
            self.process = None

    def lose(self, id_: str) -> None:
        assert self.stand is not None
        simulate_cards(self.stand.node, "--lose", id_)

    def restore(self, id_: str) -> None:
        assert self.stand is not None
        simulate_cards(self.stand.node, "--restore", id_)

    def is_preferred(self, ids: set[str], offered: list[str]) -> bool:
        """A wish for four is one whole card: the four SoCs that lie behind each other on the bus."""
        cards = [set(offered[:4]), set(offered[4:])]
        return ids in cards


class LongIds(Airgate):
    """Our own plugin over simulated GPUs whose ids are as long as the kubelet allows."""

    resource = names.RESOURCE_GPU
    count = 2
    can_lose = False
    lasts = False  # device nodes below /dev of the stand are gone after its restart

    def prepare(self, stand: Stand) -> None:
        self.stand = stand
        simulate_cards(stand.node, "--cards", "0")
        for folder in ("/dev", f"{SIMULATED}/dev"):
            for number, name in enumerate(("nvidia0", "nvidia1", "nvidiactl")):
                stand.node.exec(
                    "sh", "-c", f"test -e {folder}/{name} || mknod -m 666 {folder}/{name} c 1 {3 + 2 * number}"
                )
        library = stand.links / "libnvidia-ml.so.1"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, NVML], check=True)
        (stand.links / "gpus").write_text("ok\n" * self.count)

    def find_command(self, stand: Stand) -> list[str]:
        command = super().find_command(stand)
        place = command.index("--host-prefix")
        return [*command[:place], *command[place + 2 :], "--nvidia"]

    def find_environ(self) -> dict[str, str]:
        assert self.stand is not None
        form = "GPU-" + "0" * 58 + "%u"
        library = {"LD_LIBRARY_PATH": str(self.stand.links), "SIMULATED_NVML": str(self.stand.links / "gpus")}
        return {**os.environ, **library, "SIMULATED_NVML_UUID": form}

    def is_preferred(self, ids: set[str], offered: list[str]) -> bool:
        return len(ids) == len(offered) == self.count


class Sample:
    """Somebody else's: Kubernetes's own sample of a device plugin, as a process of the node, with two devices.

    No device of it can die, it hints nothing, and it grants files that it makes in the node.
    """

    resource = "example.com/resource"
    count = 2
    can_lose = False
    lasts = False  # a restarted node has cleared its /tmp
    place = "/opt/sample-device-plugin"

    def __init__(self) -> None:
        self.stand: Stand | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self, stand: Stand) -> None:
        self.stand = stand
        stand.node.copy_in(find_sample_plugin(find_store()), self.place)

    def start(self) -> None:
        assert self.stand is not None
        with (self.stand.links / "plugin.log").open("ab") as log:
            command = [*describe_entry(self.stand.node.read_pid()), self.place]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        self.end("-TERM")

    def kill(self) -> None:
        self.end("-KILL")

    def end(self, signal: str) -> None:
        """End the process in the node, and wait for what entered the node to start it."""
        if self.stand is not None and self.process:
            self.stand.node.exec("pkill", signal, "-f", f"^{self.place}$")
            self.process.wait(STOP_LIMIT_S)
            self.process = None

    def lose(self, id_: str) -> None:
        raise AssertionError(f"{id_} cannot be let die")

    def restore(self, id_: str) -> None:
        raise AssertionError(f"{id_} cannot have died")

    def is_preferred(self, ids: set[str], offered: list[str]) -> bool:
        """It hints nothing, so what the kubelet chose is right."""
        return ids <= set(offered)


SUBJECTS: dict[str, type[Subject]] = {"airgate": Airgate, "long ids": LongIds, "kubernetes's sample": Sample}
