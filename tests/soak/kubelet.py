"""Twenty restarts of a real kubelet, SIGKILLs of the plugin and deaths of devices, while pods hold some."""

import random

from tests.bench.install import measure
from tests.cluster import Cluster
from tests.plugin_conformance import checks
from tests.plugin_conformance.stand import Stand
from tests.plugin_conformance.subjects import Airgate

SEED = 20261127
ROUNDS = 20


def run() -> dict[str, object]:
    """Repeat the demands of tests/plugin_conformance; each raises where one is not met."""
    cluster, subject = Cluster.start_anew("airgate-soak"), Airgate()
    stand = Stand(cluster)
    try:
        subject.prepare(stand)
        subject.start()
        seconds = {
            "kubelet restarts": measure(lambda: checks.check_kubelet_restarts(stand, subject, ROUNDS))[0],
            "plugin kills": measure(lambda: checks.check_plugin_kills(stand, subject, ROUNDS))[0],
            "devices that died": measure(lambda: checks.check_health(stand, subject, random.Random(SEED), ROUNDS))[0],
        }
    finally:
        subject.kill()
        stand.close()
        cluster.remove()
    return {
        "rounds": ROUNDS,
        "seed": SEED,
        "seconds": seconds,
        "held": "after each, every device was on offer again, the pod had kept its own, and nobody else was granted it",
    }
