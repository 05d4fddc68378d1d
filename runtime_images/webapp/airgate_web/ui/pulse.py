"""The pulse: one look at the store for all open pages together."""

import asyncio
from collections.abc import Callable

from airgate_kit import logs
from airgate_web.domain.workload import Observation
from airgate_web.ports import Store

LOOK_EVERY_S = 0.5  # how old a wish or a fact on a page may be
OBSERVE_EVERY = 4  # looks: nodes and cards are larger to read, and no number tells that they changed
BEAT_EVERY = 60  # looks: pages that say how long ago something was look again without a change

log = logs.get("airgate_web.ui")


class Pulse:
    """Tells every follower when a wish, a fact, a node or a card has changed. Lives in the event loop; see `run`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._followers: dict[object, Callable[[], None]] = {}
        self._numbers: tuple[int, int] | None = None
        self._observation: Observation | None = None

    def follow(self, key: object, notice: Callable[[], None]) -> None:
        """Call `notice` in the event loop after each change, until `leave(key)`."""
        self._followers[key] = notice

    def leave(self, key: object) -> None:
        """Forget a follower; nothing happens when there is none."""
        self._followers.pop(key, None)

    async def run(self) -> None:
        """Look at the store until cancelled; one that does not answer is asked again at the next look."""
        look = 0
        while True:
            changed = bool(self._followers) and await asyncio.to_thread(self._look, look)
            for notice in list(self._followers.values()) if changed or look % BEAT_EVERY == 0 else ():
                notice()
            await asyncio.sleep(LOOK_EVERY_S)
            look += 1

    def _look(self, look: int) -> bool:
        """Return whether anything changed since the last look."""
        before = self._numbers, self._observation
        try:
            self._numbers = self._store.find_wish_number(), self._store.find_fact_number()
            if look % OBSERVE_EVERY == 0:
                found = self._store.find_observation()
                self._observation = found[0] if found else None
        except Exception:
            log.warning("the store does not answer; pages wait", exc_info=True)
            return False
        return before != (self._numbers, self._observation)
