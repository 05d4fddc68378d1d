"""System: what runs here, and whether the reconciler still looks."""

import datetime
from dataclasses import dataclass

from airgate_web.services.desk import Desk
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import card, make_age, make_link, show_attention, show_facts, write_size
from airgate_web.ui.visit import Visit

QUIET = datetime.timedelta(minutes=2)  # a reconciler that has not looked for so long is away


@dataclass(frozen=True, slots=True)
class SystemSight:
    """What the page shows. seen: when the reconciler last looked; late: too long ago."""

    upload_limit: int
    seen: datetime.datetime | None
    late: bool


async def draw_system(visit: Visit) -> None:
    """Draw the page of the appliance itself."""
    sight = await visit.ask(find_system, visit.desk)
    with frame(visit, "System", (("System", ""),)):
        show_head("System")
        LivePlace(visit, sight, lambda: find_system(visit.desk), lambda now: show_system(visit, now))


def find_system(desk: Desk) -> SystemSight:
    """Return what is known of the appliance now."""
    _, seen = desk.store.find_observation() or (None, None)
    return SystemSight(desk.upload_limit, seen, seen is None or desk.clock.now() - seen > QUIET)


def show_system(visit: Visit, sight: SystemSight) -> None:
    """Draw version, limits and the last look."""
    if sight.late:
        show_attention(
            "The reconciler has not looked for a while.",
            "What you wish for is kept and carried out once it is back; what runs goes on.",
        )
    with card("Airgate"):
        show_facts(
            [
                ("Version", visit.about.version),
                ("Last look at the nodes", make_age(sight.seen)),
                ("Largest model file", write_size(sight.upload_limit)),
                ("API", make_link("/api/v2/openapi.json", "/api/v2/openapi.json", "mono")),
            ]
        )
