"""XML that reaches out, swells or recurses, and a server of PMML that ends: through the real processes."""

import signal
from pathlib import Path

import pytest

from tests.serving import pmml_models as pmml
from tests.serving.server import start_server
from tests.serving.test_hostile_models import listen
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

pytestmark = pytest.mark.process
SECRET = "the neighbour's secret"
SCHEMA = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation'
BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ROWS = [{"colour": "red", "grams": 12.5}, {"colour": None, "grams": None}]
MANY = 3000  # copies of them: long enough for a thread of its own


def declare(subset: str, use: str = "&x;") -> str:
    """Return a model whose document type has this subset, and a field whose name uses what it declares."""
    return pmml.make_fruit().replace("<PMML", f"<!DOCTYPE PMML {subset}>\n<PMML").replace("grams", use)


def list_attacks(secret: Path, address: str) -> dict[str, str]:
    """Return hostile documents by what they try."""
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="{}"/>'
    return {
        "a file": declare(f'[<!ENTITY x SYSTEM "file://{secret}">]'),
        "an address": declare(f'[<!ENTITY x SYSTEM "{address}">]'),
        "a declaration elsewhere": declare(f'SYSTEM "{address}"', "grams"),
        "a parameter": declare(f'[<!ENTITY % p SYSTEM "{address}"> %p;]', "grams"),
        "a billion laughs": declare(f'[<!ENTITY l0 "ha">{BILLION}]', "&l9;"),
        "an inclusion, a schema and a style sheet": pmml.make_fruit()
        .replace("<Header/>", f"<Header/>{include.format(secret)}")
        .replace('version="4.4"', f'version="4.4" {SCHEMA}="a {address}"')
        .replace("<PMML", f'<?xml-stylesheet href="{address}"?><PMML', 1),
        "a depth": pmml.make_deep(2_000_000),
        "a width": pmml.make_document("<Value/>" * 100_000, ""),
    }


def test_hostile_xml_reaches_nothing(tester, shelf, tmp_path) -> None:  # noqa: F811
    """No file, no address, no end of memory or time: each is a sentence, or a model that has reached nothing."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with listen() as (port, callers):
        attacks = list_attacks(secret, f"http://127.0.0.1:{port}/x")
        for name, text in attacks.items():
            answer = call(tester, "/inspect", {"digest": shelf.put(text.encode()), "filename": "m.pmml"})
            assert answer.status_code in (200, 422) and SECRET not in answer.text, (name, answer.text[:300])
            if "<!DOCTYPE" in text:
                assert answer.json()["code"] == "dangerous-model-file" and "DOCTYPE" in answer.json()["error"], name
    assert not callers


def test_a_model_is_inspected_and_tested_in_the_sandbox(tester, shelf) -> None:  # noqa: F811
    """Behind the whole lock Java starts, answers, and leaves nothing behind; its sample can be sent as it is."""
    digest = shelf.put(pmml.make_fruit().encode())
    found = call(tester, "/inspect", {"digest": digest, "filename": "m.pmml"}).json()
    assert found["format"] == "pmml" and found["lock"].endswith("seccomp") and found["warnings"] == []
    tested = call(tester, "/test", {"digest": digest, "args": {"X": [{"colour": None, "grams": 1}]}}).json()
    assert tested["result"] == [{"PredictedValue": "banana", "Probabilities": [0.2, 0.8]}]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_server_ends_as_it_is_told_to_and_leaves_nothing(tmp_path, number, code) -> None:
    """Java takes no signal away and holds nobody up, whichever threads have asked it; it has written no file."""
    model = tmp_path / "m"
    model.write_text(pmml.make_fruit())
    with start_server(model, name="fruit") as server:
        few = server.post("/predict", {"X": ROWS}).json()["result"]
        many = server.post("/predict", {"X": ROWS * MANY}).json()["result"]
        assert [row["PredictedValue"] for row in few] == ["apple", "banana"] and many == few * MANY
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == code
        left = [
            *Path("/tmp").glob(f"hsperfdata_*/{server.process.pid}"),
            *Path("/tmp").glob(f".java*{server.process.pid}"),
        ]
        assert not left and [path.name for path in tmp_path.iterdir()] == ["m"]
