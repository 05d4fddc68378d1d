"""A visit: who looks at a page, and what the page may ask and do for them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.users import find_session_user
from airgate_web.ui.pulse import Pulse

P = ParamSpec("P")
T = TypeVar("T")


def find_no_hint() -> str:
    """Return that there is nothing to say about the first password."""
    return ""


@dataclass(frozen=True, slots=True)
class About:
    """What the pages say of the appliance itself.

    version: of the software. find_first_password: a sentence for the sign-in page on where the first password is, or
    "" once nobody needs it.
    """

    version: str
    find_first_password: Callable[[], str] = find_no_hint


@dataclass(frozen=True, slots=True)
class Visit:
    """One open page. token: of the session. origin: the address in the browser's bar, like "https://appliance"."""

    desk: Desk
    pulse: Pulse
    about: About
    user: User
    token: str
    origin: str
    query: dict[str, str]

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a service answers, asked in a thread, so that other pages go on."""
        return await asyncio.to_thread(question, *args, **kwargs)

    async def act(self, deed: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a deed, after making sure that the session is not over; Unauthenticated when it is."""
        await asyncio.to_thread(find_session_user, self.desk, self.token)
        return await asyncio.to_thread(deed, *args, **kwargs)
