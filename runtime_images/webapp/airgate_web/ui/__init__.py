"""The pages: what a person sees and presses.

Visits come in from a browser with a session's cookie; pages ask the services, draw what they answer, and draw anew
when a wish or a fact changes. A page owns no data and decides nothing that a service could decide: the sentences of a
refusal are shown as they are.
"""

from airgate_web.ui.pages import add_pages
from airgate_web.ui.visit import About

__all__ = ["About", "add_pages"]
