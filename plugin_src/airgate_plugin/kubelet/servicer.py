"""The calls of the kubelet, for one resource. Each is short: convert, ask policy, convert back.

All of them run on one event loop, that of the registrar.
"""

# ruff: noqa: ARG002, N802 - names and arguments are the protocol's
import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from airgate_kit.clock import Clock
from airgate_plugin.errors import GrantRefused
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import convert
from airgate_plugin.kubelet.cdi import CdiFiles
from airgate_plugin.model import Device, Packing, Registration
from airgate_plugin.policy.grants import plan_grants
from airgate_plugin.policy.packing import choose_preferred
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc

log = logging.getLogger("airgate_plugin.kubelet")

Context = Any  # grpc.aio.ServicerContext, whose stubs lack most of it


class Counters:
    """What happened to one resource since the start; shared by its servicers, one after another."""

    def __init__(self, resource: str) -> None:
        """Start at zero."""
        self._state = {"streams": 0, "registrations": 0, "granted": 0, "refused": 0}
        self._resource = resource
        self.last_message_at: float | None = None
        self.complaint = "not registered yet"

    @property
    def is_listened_to(self) -> bool:
        """Whether a stream is open."""
        return self._state["streams"] > 0

    def add(self, name: str, amount: int = 1) -> None:
        """Add to one of streams, registrations, granted, refused; from the event loop alone."""
        self._state[name] += amount

    def read(self) -> Registration:
        """Return everything at this moment; from any thread."""
        state, at, complaint = self._state.copy(), self.last_message_at, self.complaint
        return Registration(self._resource, **state, last_message_at=at, complaint=complaint)


class Servicer(rpc.DevicePluginServicer):
    """Answers the kubelet for one resource."""

    def __init__(
        self,
        resource: str,
        inventory: Inventory,
        host_prefix: str,
        cdi: CdiFiles,
        counters: Counters,
        clock: Clock,
        on_stream_end: Callable[[], None],
        packing: Packing = Packing.PACKED,
    ) -> None:
        """Answer from `inventory`; `on_stream_end` is called each time the kubelet stops listening."""
        self._resource = resource
        self._inventory = inventory
        self._host_prefix = host_prefix
        self._cdi = cdi
        self._counters = counters
        self._clock = clock
        self._on_stream_end = on_stream_end
        self._packing = packing
        self._streams: set[asyncio.Event] = set()  # each is set when its stream has something to send

    def publish(self) -> None:
        """Send what the inventory says now over every open stream, where it is something new."""
        for is_due in self._streams:
            is_due.set()

    async def GetDevicePluginOptions(self, request: pb.Empty, context: Context) -> pb.DevicePluginOptions:
        """Return what we can do."""
        return convert.write_options()

    async def ListAndWatch(self, request: pb.Empty, context: Context) -> AsyncIterator[pb.ListAndWatchResponse]:
        """Send the whole list now and after each change, until the kubelet goes away."""
        is_due = asyncio.Event()
        self._streams.add(is_due)
        self._counters.add("streams")
        context.add_done_callback(lambda _: self._end_stream(is_due))
        log.info("the kubelet listens", extra={"fields": {"resource": self._resource}})
        sent: pb.ListAndWatchResponse | None = None
        while True:
            is_due.clear()
            message = convert.write_device_list(self._inventory.find_latest().find_devices(self._resource))
            if message != sent:
                yield message
                sent = message
                self._counters.last_message_at = self._clock.monotonic()
            await is_due.wait()

    async def GetPreferredAllocation(
        self, request: pb.PreferredAllocationRequest, context: Context
    ) -> pb.PreferredAllocationResponse:
        """Return the best choice for each container."""
        snapshot = self._inventory.find_latest()
        devices: dict[str, Device] = {device.id: device for device in snapshot.find_devices(self._resource)}
        return convert.write_preferred(
            choose_preferred(
                each.available_deviceIDs,
                each.must_include_deviceIDs,
                each.allocation_size,
                devices,
                self._packing,
                snapshot.leftover,
            )
            for each in request.container_requests
        )

    async def Allocate(self, request: pb.AllocateRequest, context: Context) -> pb.AllocateResponse:
        """Return what each container needs to use its devices, or refuse with FAILED_PRECONDITION."""
        wanted = [list(each.devices_ids) for each in request.container_requests]
        fields = {"resource": self._resource, "devices": wanted}
        snapshot = self._inventory.find_latest()
        try:
            cdi, whole = self._cdi.apply(snapshot), self._packing is Packing.WHOLE
            grants = plan_grants(wanted, self._resource, snapshot, cdi, whole)
        except GrantRefused as why:
            self._counters.add("refused")
            log.warning("refused a grant", extra={"fields": {**fields, "why": str(why)}})
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(why))
        self._counters.add("granted", sum(map(len, wanted)))
        # After the answer: a pod waits.
        context.add_done_callback(lambda _: log.info("granted", extra={"fields": fields}))
        return convert.write_grants(grants, self._host_prefix)

    async def PreStartContainer(
        self, request: pb.PreStartContainerRequest, context: Context
    ) -> pb.PreStartContainerResponse:
        """Do nothing: we told the kubelet not to call, and some call all the same."""
        return pb.PreStartContainerResponse()

    def _end_stream(self, is_due: asyncio.Event) -> None:
        """Count a stream out; called once, by gRPC, however the stream ended."""
        self._streams.remove(is_due)
        self._counters.add("streams", -1)
        log.info("the kubelet stopped listening", extra={"fields": {"resource": self._resource}})
        self._on_stream_end()
