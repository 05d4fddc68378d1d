"""From our words to the kubelet's messages and back. Pure."""

from collections.abc import Iterable, Sequence

import grpc

from airgate_plugin.model import Device, Grant, Holder
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import podresources_pb2 as resources

# Python's gRPC would send the escaped socket path as :authority, which Go's servers refuse.
CHANNEL_OPTIONS = (("grpc.default_authority", "localhost"),)
API_VERSION = "v1beta1"
HEALTHY = "Healthy"
UNHEALTHY = "Unhealthy"
READ_WRITE = "rw"  # no mknod: a container uses its node, it does not make new ones


def read_holders(message: resources.ListPodResourcesResponse) -> dict[str, Holder]:
    """Return who holds which device id, of any plugin."""
    return {
        each: Holder(pod.namespace, pod.name, container.name)
        for pod in message.pod_resources
        for container in pod.containers
        for devices in container.devices
        for each in devices.device_ids
    }


def explain_failure(why: grpc.RpcError) -> str:
    """Return what a failed call says, for a human."""
    details = why.details() if isinstance(why, grpc.Call | grpc.aio.AioRpcError) else None
    return str(details or why)


def write_device_list(devices: Iterable[Device]) -> pb.ListAndWatchResponse:
    """Return the whole list as the kubelet wants it."""
    return pb.ListAndWatchResponse(devices=[write_device(device) for device in devices])


def write_device(device: Device) -> pb.Device:
    """Return one device; an unknown NUMA node means no topology at all, which the kubelet takes as no preference."""
    health = HEALTHY if device.health.healthy else UNHEALTHY
    if device.numa is None:
        return pb.Device(ID=device.id, health=health)
    topology = pb.TopologyInfo(nodes=[pb.NUMANode(ID=device.numa)])
    return pb.Device(ID=device.id, health=health, topology=topology)


def write_grants(grants: Iterable[Grant], host_prefix: str) -> pb.AllocateResponse:
    """Return one container response a grant. `host_prefix` is where the host's tree lies on the host, "" for /."""
    return pb.AllocateResponse(container_responses=[_write_grant(grant, host_prefix) for grant in grants])


def write_preferred(choices: Iterable[Sequence[str]]) -> pb.PreferredAllocationResponse:
    """Return one preferred allocation a container."""
    answers = [pb.ContainerPreferredAllocationResponse(deviceIDs=choice) for choice in choices]
    return pb.PreferredAllocationResponse(container_responses=answers)


def write_registration(resource: str, endpoint: str) -> pb.RegisterRequest:
    """Return the plugin's introduction; `endpoint` is the socket's file name without its folder."""
    return pb.RegisterRequest(version=API_VERSION, endpoint=endpoint, resource_name=resource, options=write_options())


def write_options() -> pb.DevicePluginOptions:
    """Return what the kubelet may ask of us: preferred allocations, and nothing before a container starts."""
    return pb.DevicePluginOptions(pre_start_required=False, get_preferred_allocation_available=True)


def _write_grant(grant: Grant, host_prefix: str) -> pb.ContainerAllocateResponse:
    nodes = [
        pb.DeviceSpec(container_path=node, host_path=f"{host_prefix}{node}", permissions=READ_WRITE)
        for node in grant.nodes
    ]
    cdi = [pb.CDIDevice(name=name) for name in grant.cdi]
    return pb.ContainerAllocateResponse(envs=dict(grant.envs), devices=nodes, cdi_devices=cdi)
