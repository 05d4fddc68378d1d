"""The kubelet's side of the plugin. Protobuf stops here.

In come snapshots; out go device lists, preferred allocations and grants over the device plugin API, v1beta1. Each
resource has its own socket and its own registrar, which notices by itself that the kubelet is a new one; all of them
share one event loop. What is offered and granted was decided in policy.
"""
