"""The pages of a model: OpenAPI, held to by a tool that sends what it allows and what it does not; and the form."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving.server import RunningServer

pytestmark = pytest.mark.process

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SETTINGS = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


def load_schema(server: RunningServer) -> Any:
    """Return the document as the tool reads it from the server."""
    return schemathesis.openapi.from_url(server.url("/openapi.json"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fixture", ["mlp_server", "iris_server", "map_server", "sequence_server"])
def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(fixture, mode, request) -> None:
    """No request of a machine that tries to break it meets a 5xx, or an answer of another form than promised."""
    server: RunningServer = request.getfixturevalue(fixture)
    for found in load_schema(server).get_all_operations():
        operation = found.ok()
        if operation.method == "get" and mode is schemathesis.GenerationMode.NEGATIVE:
            continue  # without a body there is nothing to get wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @SETTINGS
        def try_it(case: Any) -> None:
            case.validate_response(case.call(timeout=20), checks=CHECKS)

        try_it()


def test_the_examples_of_the_document_work(mlp_server, iris_server, map_server, sequence_server) -> None:
    """What the document shows can be sent as it stands."""
    servers = {"mlp": mlp_server, "iris": iris_server, "map": map_server, "sequence": sequence_server}
    for name, server in servers.items():
        paths = server.get("/openapi.json").json()["paths"]
        for path in ("/predict", f"/v2/models/{name}/infer"):
            example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
            assert server.post(path, example).status_code == 200


def test_the_page_needs_nothing_from_elsewhere(iris_server) -> None:
    """It works where there is no other site, and may not speak to one."""
    answer = iris_server.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://|src=|@import", answer.text)
