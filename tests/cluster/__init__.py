"""The test cluster: nodes that are systemd containers, a real snapd, and real Kubernetes in a self-built snap.

In come the recipes of this folder; out come cached artefacts (`artefacts.find_artefacts`), nodes (`Node`) and
clusters (`Cluster`) for other tests to use. What runs on the cluster (charts, plugin, webapp) is left to the tests
that bring it. `python -m tests.cluster up|down|shell|status` is the same for a person.
"""

from tests.cluster.artefacts import Artefacts, find_artefacts
from tests.cluster.cluster import Cluster
from tests.cluster.node import Node, remove_left

__all__ = ["Artefacts", "Cluster", "Node", "find_artefacts", "remove_left"]
