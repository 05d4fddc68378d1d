"""Which sources a host is looked at by, with their periods, what wakes them, and one look by all of them."""

from collections.abc import Sequence
from pathlib import Path

from airgate_kit.clock import Clock
from airgate_plugin.config import Settings
from airgate_plugin.errors import HostUnreadable
from airgate_plugin.kubelet.holders import ask_once
from airgate_plugin.model import Device, Observation, Snapshot
from airgate_plugin.policy.holdings import find_leftover
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.sources.exclusions import Exclusions
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.interface import Bell
from airgate_plugin.sources.nvidia_events import NvmlBell
from airgate_plugin.sources.nvidia_nvml import NvidiaNvml
from airgate_plugin.sources.qaic_channels import read_channels
from airgate_plugin.sources.qaic_ioctl import QaicIoctl
from airgate_plugin.sources.qaic_sysfs import QaicSysfs
from airgate_plugin.sources.qaic_util import QaicUtil
from airgate_plugin.sources.uevents import listen
from airgate_plugin.watch import Round

QAIC_UTIL_SPARE_SECONDS = 30.0  # beyond its own timeout
EXCLUSIONS_SECONDS = 1.0  # how soon a change of the file counts
QAIC_UTIL_REST_SECONDS = 1.0  # a storm of uevents does not start a program a hundred times


def build_rounds(settings: Settings, clock: Clock) -> tuple[Round, ...]:
    """Return the sources that the settings ask for, each with its period. Raises HostUnreadable without /sys."""
    host = HostFiles(settings.host_root)
    if not host.find_path("/sys").is_dir():
        raise HostUnreadable(
            f"{settings.host_root} holds no host: there is no {host.find_path('/sys')}",
            "mount the host's /sys there, or set --host-root",
        )
    util = QaicUtil(host, settings.qaic_util, settings.qaic_util_timeout, clock)
    patience = settings.qaic_util_timeout + QAIC_UTIL_SPARE_SECONDS
    rounds = [
        Round(QaicSysfs(host), settings.period),
        Round(QaicIoctl(host), settings.qaic_util_period, rest=QAIC_UTIL_REST_SECONDS),
        Round(util, settings.qaic_util_period, patience, QAIC_UTIL_REST_SECONDS),
    ]
    if settings.exclude or settings.exclude_file:
        exclusions = Exclusions(settings.exclude, settings.exclude_file, settings.node_name)
        rounds.append(Round(exclusions, EXCLUSIONS_SECONDS))
    if settings.nvidia:
        rounds.append(Round(NvidiaNvml(find_machine(settings)), settings.period))
    return tuple(rounds)


def find_machine(settings: Settings) -> HostFiles:
    """Return the files of the machine that NVML speaks of, which knows nothing of simulated trees."""
    return HostFiles(Path("/") if settings.host_prefix else settings.host_root)


def find_bells(settings: Settings, rounds: Sequence[Round]) -> list[Bell]:
    """Return what wakes the sources: uevents, where the settings and the machine let them come, and NVML's events."""
    heard = listen(settings.uevents) if settings.uevents != "none" else None
    gpus = [NvmlBell(each.source) for each in rounds if isinstance(each.source, NvidiaNvml)]
    return [*([heard] if heard else []), *gpus]


def look_once(settings: Settings, clock: Clock) -> tuple[Snapshot, list[Observation]]:
    """Return what is there now, as the running plugin would see it at its start, and each source's own look."""
    looks = [each.source.look() for each in build_rounds(settings, clock)]
    rules = Rules(settings.sku_resources, settings.resources, settings.qids)
    devices = merge_observations(looks, (), rules, clock.monotonic())
    gid = next((look.qaic_gid for look in looks if look.qaic_gid is not None), None)
    troubles = {look.source: look.trouble for look in looks if look.trouble}
    leftover = find_leftover_now(settings, devices)
    return Snapshot(1, devices, troubles, gid, looked=True, leftover=leftover), looks


def find_leftover_now(settings: Settings, devices: Sequence[Device]) -> frozenset[str]:
    """Return the devices with a workload that no pod holds; none where the kubelet cannot be asked who holds what."""
    held, host = ask_once(settings.pod_resources), HostFiles(settings.host_root)
    if held is None:
        return frozenset()
    return find_leftover(held, devices, {device.id: read_channels(host, device) for device in devices})
