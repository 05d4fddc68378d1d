"""Workloads as objects of a Kubernetes cluster.

In come the reconciler's actions, out goes an Observation. `manifests.py`, with `containers.py`, `fetching.py`,
`servers.py` and `jobs.py` below it, `pods.py` and `observe.py` are pure and translate between the domain and
Kubernetes' own JSON; `client.py` is the only file that knows the Kubernetes library.
A workload is a Deployment, a headless Service and a Secret of one name; one that ends is a Job and a Secret. Placing
pods is left to Kubernetes, routing to the gateway.
"""
