"""Runtimes: in what environments models are tested and deployed, and whether their testers are up."""

import shlex
from dataclasses import dataclass

from airgate_web.domain.runtime import Runtime, RuntimeKind, find_tester_name
from airgate_web.domain.workload import Observation, ReplicaState
from airgate_web.services.desk import Desk
from airgate_web.services.runtimes import list_runtimes
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.visit import Visit

COLUMNS = (
    Column("name", "Runtime"),
    Column("tester", "Tester"),
    Column("language", "Language"),
    Column("formats", "Formats"),
    Column("cards", "Cards"),
    Column("image", "Image"),
    Column("description", "Description"),
)
DIGEST_SHOWN = 19  # characters: "sha256:" and twelve


@dataclass(frozen=True, slots=True)
class RuntimeSight:
    """A runtime and the state of its warm tester."""

    runtime: Runtime
    tester: ReplicaState


async def draw_runtimes(visit: Visit) -> None:
    """Draw the page of runtimes."""
    sight = await visit.ask(find_runtimes, visit.desk)
    with frame(visit, "Runtimes", (("Runtimes", ""),)):
        show_head("Runtimes")
        LivePlace(visit, sight, lambda: find_runtimes(visit.desk), show_runtimes)


def find_runtimes(desk: Desk) -> tuple[RuntimeSight, ...]:
    """Return all runtimes with their testers' states."""
    observation, _ = desk.store.find_observation() or (Observation(), None)
    return tuple(RuntimeSight(one, find_tester_state(one, observation)) for one in list_runtimes(desk))


def find_tester_state(runtime: Runtime, observation: Observation) -> ReplicaState:
    """Return the state of a runtime's tester: of its first replica, Stopped when none runs."""
    name = find_tester_name(runtime.slug)
    replicas = [one for facts in observation.workloads if facts.name == name for one in facts.replicas]
    return replicas[0].state if replicas else ReplicaState.STOPPED


def show_runtimes(sights: tuple[RuntimeSight, ...]) -> None:
    """Draw runtimes as a table."""
    rows = [
        {
            "name": one.runtime.name,
            "tester": one.tester if one.runtime.kind is RuntimeKind.ENVIRONMENT else "–",
            "language": one.runtime.language or "–",
            "formats": ", ".join(one.runtime.formats) or "–",
            "cards": name_cards(one.runtime),
            "image": Cell(find_image(one.runtime), mono=True),
            "description": one.runtime.description or "–",
        }
        for one in sights
    ]
    show_table_card("", COLUMNS, rows, "No runtimes yet.")


def name_cards(runtime: Runtime) -> str:
    """Return whose cards a runtime computes on; a dash where its definition does not say."""
    return "–" if runtime.cards is None else ", ".join(runtime.cards) or "none"


def find_image(runtime: Runtime) -> str:
    """Return a runtime's image, or the command of a server that has none."""
    return shlex.join(runtime.server.command) if runtime.server and not runtime.image else shorten_image(runtime.image)


def shorten_image(image: str) -> str:
    """Return an image's name with the start of its digest; local processes have none."""
    name, _, digest = image.partition("@")
    return (f"{name}@{digest[:DIGEST_SHOWN]}…" if len(digest) > DIGEST_SHOWN else image) or "this machine's own"
