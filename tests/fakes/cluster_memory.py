"""The Cluster in memory: replicas become ready at once, cards are whole and counted, and each look moves it on a step.

It plays one node of every class with some cards, held to the same suite as the real ones (tests/contracts).
"""

import datetime
import threading

from airgate_web.domain.plan import Action, ApplyWorkload, RemoveWorkload, ReplaceReplica
from airgate_web.domain.workload import (
    Address,
    DeviceFacts,
    Holder,
    Kind,
    NodeFacts,
    Observation,
    Outcome,
    Replica,
    ReplicaState,
    Workload,
    WorkloadFacts,
    find_replica_digest,
    find_spec_digest,
)

NODE = "node-1"
RESOURCE = "qualcomm.com/qaic"
PORTS = 8080, 8081  # of every workload's Service
NOON = datetime.datetime(2030, 1, 2, 12, tzinfo=datetime.UTC)


class MemoryReplica:
    """One pod: what it was made for, and what it holds."""

    def __init__(self, name: str, workload: Workload) -> None:
        self.name = name
        self.workload = workload
        self.digest = find_replica_digest(workload)
        self.cards: tuple[str, ...] = ()
        self.state = ReplicaState.WAITING
        self.restarts = 0
        self.outcome: Outcome | None = None


class MemoryCluster:
    """Keeps the Cluster protocol in dicts behind one lock.

    cards: how many `qualcomm.com/qaic` the node has. job_secret: jobs with another one cannot report and fail; "" lets
    every job succeed.
    """

    def __init__(self, cards: int = 4, job_secret: str = "") -> None:
        self.job_secret = job_secret
        self.results: list[bytes] = []
        self._lock = threading.RLock()
        self._cards = {f"qaic{number}": True for number in range(cards)}
        self._wishes: dict[str, Workload] = {}
        self._replicas: dict[str, MemoryReplica] = {}
        self._made = 0
        self._news = threading.Event()

    # The protocol

    def observe(self) -> Observation:
        with self._lock:
            self._news.clear()
            self._settle()
            return Observation(
                workloads=tuple(self._find_facts(name) for name in sorted(self._wishes)),
                nodes=(self._find_node(),),
                holders=tuple(self._find_holders()),
                devices=tuple(self._find_device(*card) for card in self._cards.items()),
            )

    def apply(self, action: Action) -> None:
        with self._lock:
            if isinstance(action, ApplyWorkload):
                self._wishes[action.workload.name] = action.workload
            elif isinstance(action, ReplaceReplica):
                self._replicas.pop(action.replica, None)
            elif isinstance(action, RemoveWorkload):
                self._wishes.pop(action.name, None)
            self._news.set()

    def wait(self, seconds: float) -> bool:
        return self._news.wait(seconds)

    def read_logs(self, replica: str, lines: int) -> str:
        with self._lock:
            known = self._replicas.get(replica)
            said = ["model loaded\n", f"Job {known.workload.run.job}: succeeded\n"] if known and known.outcome else []
            return "".join((said or ["listening\n"])[-lines:]) if known else ""

    # What a test may do to it

    def crash(self, replica: str) -> None:
        """End a replica's process; the next look finds it restarted, with the cards it holds."""
        with self._lock:
            self._replicas[replica].state = ReplicaState.FAILED
            self._news.set()

    def find_cards(self, replica: str) -> set[str]:
        """Return the cards that a replica holds."""
        with self._lock:
            return set(self._replicas[replica].cards)

    def sicken(self, card: str, *, healthy: bool = False) -> None:
        """Let a card fall ill, or get well."""
        with self._lock:
            self._cards[card] = healthy
            self._news.set()

    def find_answer(self, address: Address, secret: str) -> int:
        """Return the HTTP status that a call to an address gets; 0 when nobody listens."""
        with self._lock:
            for replica in self._replicas.values():
                if replica.workload.name == address.host and replica.state is ReplicaState.READY:
                    if replica.workload.server:
                        return 404  # it compares no secret, and has no such path
                    return 200 if secret == replica.workload.gate_secret else 403
            return 0

    # One step

    def _settle(self) -> None:
        for replica in list(self._replicas.values()):
            wish = self._wishes.get(replica.workload.name)
            if wish is None or find_replica_digest(wish) != replica.digest:
                del self._replicas[replica.name]
        for wish in self._wishes.values():
            self._scale(wish)
        for replica in self._replicas.values():
            self._advance(replica)

    def _scale(self, wish: Workload) -> None:
        mine = [replica for replica in self._replicas.values() if replica.workload.name == wish.name]
        for replica in mine[wish.replicas :]:
            del self._replicas[replica.name]
        for _ in range(wish.replicas - len(mine)):
            self._made += 1
            name = f"{wish.name}-{self._made}"
            self._replicas[name] = MemoryReplica(name, wish)
            self._news.set()

    def _advance(self, replica: MemoryReplica) -> None:
        if replica.state is ReplicaState.FAILED:
            replica.restarts += 1
            replica.state = ReplicaState.READY
        elif replica.state is ReplicaState.READY and replica.workload.run and not replica.outcome:
            self._finish(replica)
        asked = replica.workload.amounts.accelerators
        free = self._find_free() if replica.workload.amounts.resource == RESOURCE else []
        if replica.state is ReplicaState.WAITING and len(free) >= asked:
            replica.cards = tuple(free[:asked])
            replica.state = ReplicaState.READY

    def _finish(self, replica: MemoryReplica) -> None:
        """End a job: each of its rows is answered, or the web process does not hear it."""
        heard = self.job_secret in ("", replica.workload.gate_secret)
        replica.outcome = Outcome.SUCCEEDED if heard else Outcome.FAILED
        replica.state = ReplicaState.STOPPED
        if heard and replica.workload.run:
            self.results.append(b"\n" * 20_000)
        self._news.set()

    def _find_free(self) -> list[str]:
        held = {card for replica in self._replicas.values() for card in replica.cards}
        return [card for card, healthy in self._cards.items() if healthy and card not in held]

    # Facts

    def _find_facts(self, name: str) -> WorkloadFacts:
        mine = [replica for replica in self._replicas.values() if replica.workload.name == name]
        wish = self._wishes[name]
        outcome = mine[-1].outcome if mine else None
        return WorkloadFacts(
            name=name,
            kind=wish.kind,
            spec_digest=find_spec_digest(wish),
            replicas=tuple(
                Replica(
                    name=replica.name,
                    state=replica.state,
                    spec_digest=replica.digest,
                    node=NODE,
                    devices=replica.cards,
                    restarts=replica.restarts,
                    started=NOON,
                    device="CPU" if replica.state is ReplicaState.READY else "",
                    address=f"{name}:{PORTS[0]}",
                )
                for replica in mine
            ),
            addresses=() if wish.kind is Kind.JOB else (find_address(wish),),
            outcome=outcome,
            reason="it cannot report" if outcome is Outcome.FAILED else "",
        )

    def _find_node(self) -> NodeFacts:
        healthy = sum(self._cards.values())
        classes = ("control", "compute", "deploy")
        return NodeFacts(NODE, True, classes, 8000, 16384, {RESOURCE: len(self._cards)}, {RESOURCE: healthy})

    def _find_device(self, id_: str, healthy: bool) -> DeviceFacts:
        return DeviceFacts(id_, RESOURCE, NODE, healthy, "" if healthy else "it left the PCI bus", lost=not healthy)

    def _find_holders(self) -> list[Holder]:
        return [
            Holder(RESOURCE, len(replica.cards), replica.workload.owner, replica.name, NODE, NOON, replica.cards)
            for replica in self._replicas.values()
            if replica.cards
        ]


def find_address(wish: Workload) -> Address:
    """Return the address of a workload's Service; a tester and a server of others have no gRPC door."""
    return Address(wish.name, PORTS[0], PORTS[1] if wish.kind is Kind.SERVICE and not wish.server else 0)
