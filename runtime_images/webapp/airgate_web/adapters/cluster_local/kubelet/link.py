"""One plugin's socket, dialled back: its list of devices as it changes, a hint which to take, and Allocate."""

import asyncio
import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from airgate_kit import logs
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols.deviceplugin_pb2_grpc import DevicePluginStub
from airgate_web.adapters.cluster_local.kubelet.ledger import Grant

log = logs.get(__name__)
HEALTHY = "Healthy"
CALL_SECONDS = 10.0
CHANNEL = (("grpc.default_authority", "localhost"),)  # Go servers refuse an escaped socket path as :authority


class Refused(Exception):
    """The plugin did not grant: its words, for the replica's reason."""


class PluginLink:
    """A channel to one plugin and the task that follows its list.

    on_list(resource, {id: healthy}) and on_loss(link) are called on the event loop. Like the kubelet's, a lost
    stream is not opened again: the plugin registers anew.
    """

    def __init__(
        self,
        resource: str,
        socket: Path,
        on_list: Callable[[str, dict[str, bool]], None],
        on_loss: Callable[["PluginLink"], None],
    ) -> None:
        self.resource = resource
        self.on_list = on_list
        self.on_loss = on_loss
        self.channel = grpc.aio.insecure_channel(f"unix:{socket}", options=CHANNEL)
        make_stub: Any = DevicePluginStub  # typed for threads alone
        self.stub = make_stub(self.channel)
        self.follower = asyncio.get_running_loop().create_task(self.follow())

    async def follow(self) -> None:
        """Hand on each list until the stream ends."""
        try:
            async for message in self.stub.ListAndWatch(pb.Empty(), wait_for_ready=True):
                self.on_list(self.resource, {device.ID: device.health == HEALTHY for device in message.devices})
        except grpc.aio.AioRpcError as why:
            fields = {"resource": self.resource, "why": why.details()}
            log.warning("a device plugin's list has ended", extra={"fields": fields})
        self.on_loss(self)

    async def choose(self, free: tuple[str, ...], count: int) -> tuple[str, ...]:
        """Return which `count` of the free ids to take: the plugin's hint when it gives a usable one."""
        request = pb.ContainerPreferredAllocationRequest(available_deviceIDs=free, allocation_size=count)
        try:
            options = await self.stub.GetDevicePluginOptions(pb.Empty(), timeout=CALL_SECONDS)
            if not options.get_preferred_allocation_available:
                return free[:count]
            answer = await self.stub.GetPreferredAllocation(
                pb.PreferredAllocationRequest(container_requests=[request]), timeout=CALL_SECONDS
            )
        except grpc.aio.AioRpcError:
            return free[:count]
        hint = tuple(answer.container_responses[0].deviceIDs) if answer.container_responses else ()
        return hint if len(set(hint)) == count and set(hint) <= set(free) else free[:count]

    async def allocate(self, devices: tuple[str, ...], now: datetime.datetime) -> Grant:
        """Allocate these ids; raise Refused with the plugin's reason."""
        request = pb.AllocateRequest(container_requests=[pb.ContainerAllocateRequest(devices_ids=devices)])
        try:
            answer = await self.stub.Allocate(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as why:
            raise Refused(f"the device plugin refused {', '.join(devices)}: {why.details()}") from why
        if len(answer.container_responses) != 1:
            raise Refused(f"the device plugin answered Allocate for {', '.join(devices)} without a container")
        given = answer.container_responses[0]
        nodes = tuple(node.host_path for node in given.devices)
        return Grant(self.resource, devices, dict(given.envs), nodes, now)

    async def close(self) -> None:
        """End the task and the channel."""
        self.follower.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.follower
        await self.channel.close(None)
