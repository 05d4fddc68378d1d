"""Workloads as processes of this machine, for the trial.

In come the reconciler's actions; out goes an Observation in the same words as a cluster's. `supervisor.py` is a
process of its own that parents every model process and plays the kubelet to a real device plugin (`kubelet/`);
`backend.py` is what the reconciler holds and speaks to it over a unix socket. Which workloads are wanted is decided
by the reconciler; where requests go is left to the gateway.
"""
