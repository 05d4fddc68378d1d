"""The pulse: one look at the store's change numbers for all open pages together."""

import asyncio
from collections.abc import Callable

from airgate_kit import logs
from airgate_web.ports import Store

LOOK_EVERY_S = 0.5  # how old a value on a page may be

log = logs.get("airgate_web.ui")


class Pulse:
    """Tells every follower when a wish or a fact has changed. Lives in the event loop; start it with `run`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._followers: dict[object, Callable[[], None]] = {}

    def follow(self, key: object, notice: Callable[[], None]) -> None:
        """Call `notice` in the event loop after each change, until `leave(key)`."""
        self._followers[key] = notice

    def leave(self, key: object) -> None:
        """Forget a follower; nothing happens when there is none."""
        self._followers.pop(key, None)

    async def run(self) -> None:
        """Look at the numbers until cancelled; a store that does not answer is asked again at the next look."""
        seen = None
        while True:
            numbers = await asyncio.to_thread(self._find_numbers) if self._followers else seen
            if numbers not in (None, seen):
                seen = numbers
                for notice in list(self._followers.values()):
                    notice()
            await asyncio.sleep(LOOK_EVERY_S)

    def _find_numbers(self) -> tuple[int, int] | None:
        try:
            return self._store.find_wish_number(), self._store.find_fact_number()
        except Exception:
            log.warning("the store does not answer; pages wait", exc_info=True)
            return None
