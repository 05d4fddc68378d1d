"""Nodes: the machines, what they are for, and what they have."""

from airgate_web.domain.explain import find_free
from airgate_web.domain.workload import NodeFacts, Observation, ReplicaState
from airgate_web.services.desk import Desk
from airgate_web.services.overview import find_simulated
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import write_cores
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.visit import Visit

COLUMNS = (
    Column("name", "Node"),
    Column("state", "State"),
    Column("classes", "Runs"),
    Column("cpu", "CPU", end=True),
    Column("memory", "Memory", end=True),
    Column("cards", "Accelerators"),
)
# What a class means for a person.
WORDS = {"control": "the appliance", "compute": "tests", "deploy": "deployments"}


async def draw_nodes(visit: Visit) -> None:
    """Draw the page of nodes."""
    sight = await visit.ask(find_observation, visit.desk)
    with frame(visit, "Nodes", (("Nodes", ""),)):
        show_head("Nodes")
        LivePlace(visit, sight, lambda: find_observation(visit.desk), show_nodes)


def find_observation(desk: Desk) -> Observation:
    """Return what was last seen."""
    found = desk.store.find_observation()
    return found[0] if found else Observation()


def show_nodes(observation: Observation) -> None:
    """Draw the nodes as a table."""
    rows = [make_row(node, observation) for node in observation.nodes]
    show_table_card("", COLUMNS, rows, "No node was seen yet. The reconciler writes down what it sees.")


def make_row(node: NodeFacts, observation: Observation) -> dict[str, object]:
    """Return a node as a row."""
    simulated = find_simulated(observation)
    cards = (
        f"{find_free(node, name, observation)} of {total} {name} free" + (" (simulated)" if name in simulated else "")
        for name, total in sorted(node.capacity.items())
        if total
    )
    return {
        "name": Cell(node.name, mono=True),
        "state": ReplicaState.READY if node.ready else ReplicaState.FAILED,
        "classes": ", ".join(WORDS.get(one, one) for one in node.classes) or "nothing",
        "cpu": Cell(write_cores(node.cpu_millis), sort=node.cpu_millis),
        "memory": Cell(f"{node.memory_mib / 1024:.4g} GiB", sort=node.memory_mib),
        "cards": ", ".join(cards) or "–",
    }
