"""What a container gets for the devices that the kubelet chose, or why it gets nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from airgate_kit.names import ENV_NVIDIA_VISIBLE_DEVICES, ENV_QAIC_GID, ENV_QAIC_VISIBLE_DEVICES
from airgate_plugin.errors import GrantRefused
from airgate_plugin.model import Device, Grant, Snapshot, Vendor
from airgate_plugin.policy.cdi import name_device


def plan_grants(
    requests: Sequence[Sequence[str]],
    resource: str,
    snapshot: Snapshot,
    cdi: AbstractSet[Vendor] = frozenset(),
    whole: bool = False,
) -> tuple[Grant, ...]:
    """Return one grant for each container of `requests` (lists of device ids of one `resource`).

    `cdi` are the vendors whose CDI specification lies ready: their devices are named too. `whole` refuses
    parts of cards. Raises GrantRefused for an id that is unknown, ill, without a number, or asked for twice.
    """
    devices: dict[str, Device] = {device.id: device for device in snapshot.find_devices(resource)}
    asked = [each for request in requests for each in request]
    for each in asked:
        _refuse_twice(each, asked)
    chosen = [[_find_grantable(each, resource, devices) for each in request] for request in requests]
    for group in chosen if whole else ():
        _refuse_parts(group)
    return tuple(plan_grant(group, snapshot.qaic_gid, cdi) for group in chosen)


def plan_grant(devices: Sequence[Device], qaic_gid: int | None, cdi: AbstractSet[Vendor] = frozenset()) -> Grant:
    """Return environment and device nodes for one container; all `devices` are of one vendor."""
    nodes = tuple(dict.fromkeys(node for device in devices for node in device.nodes))
    names = tuple(name_device(device) for device in devices if device.vendor in cdi)
    if not devices or devices[0].vendor is Vendor.NVIDIA:
        return Grant({ENV_NVIDIA_VISIBLE_DEVICES: ",".join(device.id for device in devices)}, nodes, names)
    qids = sorted(device.qid for device in devices if device.qid is not None)
    envs = {ENV_QAIC_VISIBLE_DEVICES: ",".join(map(str, qids))}
    if qaic_gid is not None:
        envs[ENV_QAIC_GID] = str(qaic_gid)
    return Grant(envs, nodes, names)


def _refuse_twice(each: str, asked: Sequence[str]) -> None:
    if asked.count(each) > 1:
        raise GrantRefused(f"device {each} was asked for twice in one request", "report this: the kubelet never does")


def _refuse_parts(group: Sequence[Device]) -> None:
    """Refuse a container that would get a part of a card."""
    for card, count in Counter(device.card for device in group if device.vendor is Vendor.QUALCOMM).items():
        size = next(device.card_size for device in group if device.card == card)
        if count != size:
            hint = f"ask for a multiple of {size}, or set `packing` to packed"
            raise GrantRefused(f"{count} of {size} SoCs of card {card} were chosen; only whole cards are given", hint)


def _find_grantable(each: str, resource: str, devices: Mapping[str, Device]) -> Device:
    device = devices.get(each)
    if device is None:
        raise GrantRefused(f"{resource} has no device {each}", "run `airgate-plugin doctor` on the node")
    if not device.health.healthy:
        raise GrantRefused(f"device {each} is ill: {device.health.detail}", "its pod can go to another device")
    if device.vendor is Vendor.QUALCOMM and device.qid is None:  # within a grace: told once, and now another's
        raise GrantRefused(f"the QID of device {each} is not known", "qaic-util must list it, or set `qids`")
    return device
