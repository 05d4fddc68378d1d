"""Live places: drawn from an answer, and drawn anew when asking again gives another one."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from nicegui import background_tasks, ui

from airgate_web.domain.errors import Refusal, Unauthenticated
from airgate_web.services.users import find_session_user
from airgate_web.ui.parts import show_attention
from airgate_web.ui.visit import Visit

T = TypeVar("T")


class LivePlace(Generic[T]):
    """A place on a page that follows the store.

    find: asked in a thread after each change in the store. draw: called when the answer differs from the last one, so
    answers should be frozen dataclasses. Keep forms outside: they would be emptied. When the session is over the
    browser goes to the door.
    """

    def __init__(self, visit: Visit, sight: T, find: Callable[[], T], draw: Callable[[T], None]) -> None:
        self._visit = visit
        self._sight: T | None = sight
        self._find = find
        self._draw = draw
        self._busy = self._again = False
        self._place = ui.element("div").classes("stack")
        with self._place:
            draw(sight)
        visit.pulse.follow(self, self._notice)
        ui.context.client.on_delete(lambda: visit.pulse.leave(self))

    def _notice(self) -> None:
        self._again = True
        if not self._busy:
            background_tasks.create(self._refresh(), name="refresh a page")

    async def _refresh(self) -> None:
        self._busy = True
        try:
            while self._again and not self._place.is_deleted:
                self._again = False
                await self._look()
        finally:
            self._busy = False

    async def _look(self) -> None:
        try:
            await self._visit.ask(find_session_user, self._visit.desk, self._visit.token)
            found = await self._visit.ask(self._find)
        except Unauthenticated:
            with self._place:
                ui.navigate.reload()
        except Refusal as refusal:
            self._sight = None
            self._show(partial(show_attention, refusal.sentence, refusal.hint))
        else:
            if found != self._sight:
                self._sight = found
                self._show(partial(self._draw, found))

    def _show(self, draw: Callable[[], None]) -> None:
        if not self._place.is_deleted:
            self._place.clear()
            with self._place:
                draw()
