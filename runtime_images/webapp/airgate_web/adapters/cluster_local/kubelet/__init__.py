"""The kubelet's part of the device plugin API (v1beta1), so that a real device plugin works without Kubernetes.

In come registrations and the plugins' lists of devices; out go grants: device ids with the environment and device
nodes that the plugin answered. Who asks and what is done with a grant is the supervisor's business.
"""
