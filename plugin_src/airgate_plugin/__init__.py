"""The device plugin: tells the kubelet which cards a node has, how they are, and what a container needs to use one.

In comes a host (sysfs, qaic-util, NVML); out go device lists, preferred allocations and grants over the kubelet's
device plugin API, and probes and metrics over HTTP. Data flows one way: sources look, policy judges, the inventory
numbers the result, the kubelet and telemetry read it. Which pod gets a card stays the scheduler's business.
"""
