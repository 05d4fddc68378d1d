"""XML that reaches out, swells or recurses, and a server of PMML that ends: through the real processes."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from airgate_serving.formats.pmml_file import MOST_DEPTH
from tests.serving import pmml_models as pmml
from tests.serving.server import run_command, start_process
from tests.serving.test_hostile_models import listen
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

pytestmark = pytest.mark.process
SECRET = "the neighbour's secret"  # noqa: S105 - what nobody may read
BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ROW = {"colour": "red", "grams": 12.5}


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
        "an inclusion": pmml.make_fruit().replace("<Header/>", f"<Header/>{include.format(secret)}"),
        "a schema": pmml.make_fruit().replace(
            'version="4.4"',
            f'version="4.4" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a {address}"',
        ),
        "a style sheet": pmml.make_fruit().replace("<PMML", f'<?xml-stylesheet href="{address}"?><PMML', 1),
        "a depth": pmml.make_deep(2_000_000),
        "a width": pmml.make_document(pmml.make_field("x") * 400_000, ""),
        "an attribute": pmml.make_fruit().replace("grams", "g" * 30_000_000),
    }


def test_hostile_xml_reaches_nothing(tester, shelf, tmp_path) -> None:  # noqa: F811
    """No file, no address, no end of memory or time: each is a sentence, or a model that has reached nothing."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with listen() as calls:
        attacks = list_attacks(secret, f"http://127.0.0.1:{calls.port}/x")
        for name, text in attacks.items():
            answer = call(tester, "/inspect", {"digest": shelf.put(text.encode()), "filename": "m.pmml"})
            assert answer.status_code in (200, 422) and SECRET not in answer.text, (name, answer.text[:300])
            if "<!DOCTYPE" in text:
                assert answer.json()["code"] == "dangerous-model-file" and "DOCTYPE" in answer.json()["error"], name
        assert not calls.count


def test_a_model_is_inspected_and_tested_in_the_sandbox(tester, shelf) -> None:  # noqa: F811
    """Behind the whole lock Java starts, answers, and leaves nothing behind; its sample can be sent as it is."""
    digest = shelf.put(pmml.make_fruit().encode())
    found = call(tester, "/inspect", {"digest": digest, "filename": "m.pmml"}).json()
    assert found["format"] == "pmml" and found["lock"].endswith("seccomp") and found["warnings"] == []
    tested = call(tester, "/test", {"digest": digest, "args": {"X": [{"colour": None, "grams": 1}]}}).json()
    assert tested["result"] == [{"PredictedValue": "banana", "Probabilities": [0.2, 0.8]}]
