"""The Cluster suite on the fake."""

from airgate_web.domain.workload import WorkloadFacts
from tests.contracts.cluster_rig import SECRET
from tests.fakes.cluster_memory import MemoryCluster


class MemoryRig:
    """Four cards, nothing real."""

    cards = 4
    image = ""

    def __init__(self) -> None:
        self.cluster = MemoryCluster(self.cards, job_secret=SECRET)

    def call(self, workload: WorkloadFacts, secret: str) -> int:
        return self.cluster.find_answer(workload.addresses[0], secret) if workload.addresses else 0

    def find_granted(self, replica: str) -> set[str]:
        return self.cluster.find_cards(replica)

    def find_results(self) -> list[bytes]:
        return self.cluster.results

    def crash(self, replica: str) -> None:
        self.cluster.crash(replica)

    def lose_card(self, card: str) -> None:
        self.cluster.sicken(card)

    def restore_card(self, card: str) -> None:
        self.cluster.sicken(card, healthy=True)

    def close(self) -> None:
        pass
