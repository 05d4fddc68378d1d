"""What the outside may ask over HTTP: is it alive, is it ready, and the metrics.

In come the inventory's snapshot and each resource's standing with the kubelet; out go three small pages. Nothing
here changes anything.
"""
