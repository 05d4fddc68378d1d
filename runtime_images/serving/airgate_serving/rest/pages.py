"""What a person sees in a browser: the try-it page and the OpenAPI document of the model."""

from pathlib import Path

from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import Answer, write_json
from airgate_serving.rest.openapi import build_openapi

PAGE = Path(__file__).with_name("page.html")
HTML = "text/html; charset=utf-8"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
HEADERS = (("content-security-policy", POLICY), ("x-content-type-options", "nosniff"))


class PagesDoor:
    """The handlers of / and /openapi.json."""

    def __init__(self, plane: DataPlane) -> None:
        """Answer for `plane`; the page is read now, while files can be."""
        self._plane = plane
        self._page = PAGE.read_bytes()

    async def show_page(self, _: Request) -> Answer:
        """GET /: a form with the model's inputs, filled with its sample."""
        return Answer(200, self._page, HTML, HEADERS)

    async def describe(self, _: Request) -> Answer:
        """GET /openapi.json."""
        return write_json(build_openapi(self._plane.model, self._plane.info))
