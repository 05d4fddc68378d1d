"""The calls of the kubelet, for one resource. Each is short: convert, ask policy, convert back."""

# ruff: noqa: ARG002, N802 - names and arguments are the protocol's
import logging
import threading
from collections.abc import Callable, Iterator

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

STREAM_CHECK_SECONDS = 5.0  # how long a stream may stay unnoticed where its end told nobody


class Counters:
    """What happened to one resource since the start; shared by its servicers, one after another."""

    def __init__(self, resource: str) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._state = {"streams": 0, "registrations": 0, "granted": 0, "refused": 0}
        self._resource = resource
        self.last_message_at: float | None = None
        self.complaint = "not registered yet"

    def add(self, name: str, amount: int = 1) -> None:
        """Add to one of streams, registrations, granted, refused."""
        with self._lock:
            self._state[name] += amount

    def read(self) -> Registration:
        """Return everything at this moment."""
        with self._lock:
            return Registration(
                self._resource,
                **self._state,
                last_message_at=self.last_message_at,
                complaint=self.complaint,
            )


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

    def GetDevicePluginOptions(self, request: pb.Empty, context: grpc.ServicerContext) -> pb.DevicePluginOptions:
        """Return what we can do."""
        return convert.write_options()

    def ListAndWatch(self, request: pb.Empty, context: grpc.ServicerContext) -> Iterator[pb.ListAndWatchResponse]:
        """Send the whole list now and after each change, until the kubelet goes away."""
        self._counters.add("streams")
        if not context.add_callback(self._end_stream):
            self._end_stream()  # it ended before it began
            return
        log.info("the kubelet listens", extra={"fields": {"resource": self._resource}})
        yield from self._follow(context)

    def GetPreferredAllocation(
        self, request: pb.PreferredAllocationRequest, context: grpc.ServicerContext
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

    def Allocate(self, request: pb.AllocateRequest, context: grpc.ServicerContext) -> pb.AllocateResponse:
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
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(why))
        self._counters.add("granted", sum(map(len, wanted)))
        context.add_callback(lambda: log.info("granted", extra={"fields": fields}))  # after the answer: a pod waits
        return convert.write_grants(grants, self._host_prefix)

    def PreStartContainer(
        self, request: pb.PreStartContainerRequest, context: grpc.ServicerContext
    ) -> pb.PreStartContainerResponse:
        """Do nothing: we told the kubelet not to call, and some call all the same."""
        return pb.PreStartContainerResponse()

    def _end_stream(self) -> None:
        """Count a stream out and wake its thread; called once, by gRPC, however the stream ended."""
        self._counters.add("streams", -1)
        log.info("the kubelet stopped listening", extra={"fields": {"resource": self._resource}})
        self._inventory.wake()
        self._on_stream_end()

    def _follow(self, context: grpc.ServicerContext) -> Iterator[pb.ListAndWatchResponse]:
        sent: pb.ListAndWatchResponse | None = None
        snapshot = self._inventory.find_latest()
        while context.is_active():
            message = convert.write_device_list(snapshot.find_devices(self._resource))
            if message != sent:
                yield message
                sent = message
                self._counters.last_message_at = self._clock.monotonic()
            seen = snapshot.number
            while context.is_active() and snapshot.number == seen:
                snapshot = self._inventory.wait_newer(seen, STREAM_CHECK_SECONDS, lambda: not context.is_active())
