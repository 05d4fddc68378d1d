"""What a device plugin has to do on a real kubelet, whoever wrote it; see README.md.

`stand.py` is a node with a real kubelet, scheduler and API server; `subjects.py` are the plugins under test;
`checks.py` the demands, each repeated as often as it is asked to; `test_conformance.py` runs them a few times, the soak
twenty times.
"""
