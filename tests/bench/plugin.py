"""The device plugin as its own process over 32 simulated SoCs on 8 Ultra cards, with a kubelet played by the tests."""

import dataclasses
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import grpc
from google.protobuf.message import Message

from airgate_kit import names
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc
from airgate_simulator import find_socs
from tests.bench.clients import time_calls
from tests.bench.figures import Figure, find_median
from tests.bench.load import RUNS, wait_until
from tests.kit.process import measure
from tests.plugin.replayed_kubelet import Endpoint, ReplayedKubelet

BINARIES = Path(sys.executable).parent
IMAGE = Path("plugin_src/Dockerfile")
SOCS = 32
CALLS = 500
SETTLE_S = 3  # what a start leaves to do is not idleness
IDLE_S = 60
PUBLISHED = {"the scan period of Intel's GPU plugin, as published": 5000.0}
FALLS = 2


def find_figures() -> list[Figure]:
    """Measure start, calls, memory and idleness."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate = [
            str(BINARIES / "airgate-simulate-qaic"),
            "--root",
            str(folder / "host"),
            "--sku",
            "ultra",
            "--cards",
            str(SOCS // 4),
        ]
        subprocess.run(simulate, check=True, capture_output=True)
        (folder / "cdi").mkdir()
        kubelet = ReplayedKubelet(folder / "kubelet")
        kubelet.start()
        try:
            starts = [measure_start(folder, kubelet) for _ in range(RUNS)]
            figures = measure_running(folder, kubelet)
        finally:
            kubelet.stop()
    return [find_median(f"start to registered, {SOCS} SoCs", "s", starts, goal="<= 0.5"), *figures]


def measure_running(folder: Path, kubelet: ReplayedKubelet) -> list[Figure]:
    """Return the figures of one plugin that runs, which does not outlive this."""
    process = start_plugin(folder)
    try:
        wait_until("the plugin is registered", lambda: is_listed(kubelet))
        endpoint = kubelet.endpoints[names.RESOURCE_QAIC]
        scrape(folder)
        figures = measure_plugin(process, endpoint, kubelet.folder / endpoint.request.endpoint)
        return figures + measure_faults(folder, kubelet)
    finally:
        stop_plugin(process, kubelet)


def start_plugin(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the plugin over the simulated host, with the variables of its image."""
    host = str(folder / "host")
    flags = ["--host-root", host, "--host-prefix", host, "--http", "127.0.0.1:0"]
    flags += ["--kubelet-dir", str(folder / "kubelet"), "--uevents", str(folder / "uevents.sock")]
    flags += ["--cdi-dir", str(folder / "cdi"), "--features-file", str(folder / "features")]
    environment = {**os.environ, **dict(re.findall(r"^ENV (\w+)=(\S+)$", IMAGE.read_text(), re.MULTILINE))}
    with (folder / "plugin.log").open("ab") as log:
        command = [str(BINARIES / "airgate-plugin"), "run", *flags]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def stop_plugin(process: "subprocess.Popen[bytes]", kubelet: ReplayedKubelet) -> None:
    """End the plugin and forget what it registered."""
    process.terminate()
    process.wait(30)
    kubelet.endpoints.clear()


def scrape(folder: Path) -> None:
    """Ask the plugin that started last for its metrics: what they need is in its memory from then on."""
    lines = map(json.loads, (folder / "plugin.log").read_text().splitlines())
    port = [line["port"] for line in lines if line["message"] == "started"][-1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        answer.read()


def is_listed(kubelet: ReplayedKubelet) -> bool:
    """Return whether every SoC was offered."""
    endpoint = kubelet.endpoints.get(names.RESOURCE_QAIC)
    return endpoint is not None and any(len(devices) == SOCS for devices in endpoint.lists)


def measure_start(folder: Path, kubelet: ReplayedKubelet) -> float:
    """Return seconds from the command to the first full list."""
    begin = time.monotonic()
    process = start_plugin(folder)
    wait_until("the plugin is registered", lambda: is_listed(kubelet))
    seconds = round(time.monotonic() - begin, 3)
    stop_plugin(process, kubelet)
    return seconds


def measure_plugin(process: "subprocess.Popen[bytes]", endpoint: Endpoint, socket: Path) -> list[Figure]:
    """Return latencies of the two calls that a pod's start waits for, memory, and CPU when nothing happens."""
    ids = list(endpoint.lists[-1])
    allocate = pb.AllocateRequest(container_requests=[pb.ContainerAllocateRequest(devices_ids=ids[:1])])
    wanted = pb.ContainerPreferredAllocationRequest(available_deviceIDs=ids, allocation_size=4)
    prefer = pb.PreferredAllocationRequest(container_requests=[wanted])
    with bare_plugin() as (bare, bare_socket):
        idle, least_idle = measure_idle(process.pid, bare)
        resident, least_mb = (measure(pid)["resident_mb"] for pid in (process.pid, bare))
        least = measure_calls("a bare call", bare_socket, "Allocate", allocate, "")
    limits = [{"grpcio alone": figure.ours} for figure in least]
    return [
        *measure_calls("Allocate", socket, "Allocate", allocate, "<= 1", limits),
        *measure_calls(f"preferred 4 of {SOCS}", socket, "GetPreferredAllocation", prefer, "<= 2", limits),
        Figure("resident memory, shared pages whole", "MB", resident, limit={"grpcio alone": least_mb}, goal="<= 45"),
        Figure("CPU when idle", "%", idle, limit={"grpcio alone": least_idle}, goal="<= 0.1"),
    ]


@contextmanager
def bare_plugin() -> Iterator[tuple[int, Path]]:
    """Give the process of a plugin that is grpcio and nothing else, listened to, and its socket."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.bare_plugin", f"{folder}/s"]
        process = subprocess.Popen(command)
        try:
            with grpc.insecure_channel(
                f"unix:{folder}/s", options=[("grpc.default_authority", "localhost")]
            ) as channel:
                stub = rpc.DevicePluginStub(channel)
                next(iter(stub.ListAndWatch(pb.Empty(), wait_for_ready=True)))
                yield process.pid, Path(folder) / "s"
        finally:
            process.kill()
            process.wait()


def measure_idle(*pids: int) -> list[float]:
    """Return the CPU of processes to which nothing happens, in percent of a core."""
    time.sleep(SETTLE_S)
    before = [find_cpu_seconds(pid) for pid in pids]
    time.sleep(IDLE_S)  # idleness is what is measured
    return [round((find_cpu_seconds(pid) - old) / IDLE_S * 100, 3) for pid, old in zip(pids, before, strict=True)]


def find_cpu_seconds(pid: int) -> float:
    """Return what the threads of a process have computed so far, which its ticks of 10 ms are too coarse for."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measure_faults(folder: Path, kubelet: ReplayedKubelet) -> list[Figure]:
    """Return p50 and p99 of the way from an injected uevent to the kubelet, ms; every SoC falls ill twice.

    Twice and no more: what falls ill a third time within ten minutes is held back for a minute.
    """
    times: list[float] = []
    for _ in range(FALLS):
        for node in sorted((folder / "host/dev/accel").iterdir()):
            times.append(measure_fault(folder, kubelet, node, f"accel{node.name[5:]}"))
        for soc in find_socs(folder / "host"):
            (folder / "host/dev/accel" / f"accel{soc.accel}").touch()
        ring(folder)
        kubelet.wait_list(names.RESOURCE_QAIC, lambda found: all(each.health == "Healthy" for each in found.values()))
    return describe_times("uevent to the kubelet", times, "<= 50", PUBLISHED)


def measure_fault(folder: Path, kubelet: ReplayedKubelet, node: Path, name: str) -> float:
    """Take one device node away, ring, and return the ms until the kubelet has a list with one healthy device less."""
    (soc,) = (soc for soc in find_socs(folder / "host") if f"accel{soc.accel}" == name)
    node.unlink()
    begin = time.monotonic()
    ring(folder)
    kubelet.wait_list(names.RESOURCE_QAIC, lambda found: found[soc.address].health == "Unhealthy")
    return (time.monotonic() - begin) * 1000


def ring(folder: Path) -> None:
    """Send what the kernel sends when a SoC goes offline."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"offline@/devices/simulated\0SUBSYSTEM=accel\0", str(folder / "uevents.sock"))


def measure_calls(
    label: str, socket: Path, call: str, request: Message, goal: str, limits: Sequence[dict[str, float]] = ({}, {})
) -> list[Figure]:
    """Return p50 and p99 of many calls one after another, ms, by a client in Go, as the kubelet is one."""
    times = time_calls(
        f"unix:{socket}", ("deviceplugin.proto", f"v1beta1.DevicePlugin.{call}"), request.SerializeToString(), CALLS
    )
    found = describe_times(label, times, goal)
    return [dataclasses.replace(figure, limit=limit) for figure, limit in zip(found, limits, strict=True)]


def describe_times(
    label: str, times: list[float], goal: str, peers: Mapping[str, float] = MappingProxyType({})
) -> list[Figure]:
    """Return p50 and p99 of times in ms."""
    times = sorted(times)
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    return [
        Figure(f"{label}, p50", "ms", round(p50, 3)),
        Figure(f"{label}, p99", "ms", round(p99, 3), goal=goal, peers=dict(peers)),
    ]
