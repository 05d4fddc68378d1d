"""The runtimes that a site offers come from one file, which the charts write."""

import json
from pathlib import Path

import pytest

from airgate_web.config import read_runtimes
from airgate_web.domain.errors import Invalid
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server

ENTRY = {
    "slug": "py",
    "name": "AI environment",
    "kind": "environment",
    "language": "Python 3.11",
    "image": "airgate.local/serving@sha256:0",
    "formats": ["onnx"],
}


def test_a_list_of_runtimes_is_read(tmp_path: Path) -> None:
    """Every field arrives; a description may be missing."""
    (tmp_path / "runtimes.json").write_text(json.dumps([ENTRY]))
    (runtime,) = read_runtimes(tmp_path / "runtimes.json")
    assert (runtime.slug, runtime.kind, runtime.formats) == ("py", RuntimeKind.ENVIRONMENT, ("onnx",))
    assert runtime.image == ENTRY["image"]


@pytest.mark.parametrize(
    ("said", "known"),
    [({}, None), ({"cards": []}, ()), ({"cards": ["nvidia.com"]}, ("nvidia.com",))],
)
def test_a_runtime_may_say_on_whose_cards_it_computes(
    tmp_path: Path, said: dict[str, list[str]], known: tuple[str, ...] | None
) -> None:
    """On none is another word than not to say it."""
    (tmp_path / "runtimes.json").write_text(json.dumps([{**ENTRY, **said}]))
    assert read_runtimes(tmp_path / "runtimes.json")[0].cards == known


def test_a_server_needs_its_port_and_its_health_and_little_else(tmp_path: Path) -> None:
    """Language, image and formats may be missing; what is wrong in it is said with the file's name."""
    server = {
        "slug": "llm",
        "name": "A language model",
        "kind": "server",
        "server": {"port": 8000, "health": "/health"},
    }
    path = tmp_path / "runtimes.json"
    path.write_text(json.dumps([server]))
    (runtime,) = read_runtimes(path)
    assert (runtime.kind, runtime.server) == (RuntimeKind.SERVER, Server(8000, "/health"))
    path.write_text(json.dumps([{**server, "server": {"port": 8000}}]))
    with pytest.raises(Invalid, match=r"runtimes\.json: The health path"):
        read_runtimes(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "5", "[5]", json.dumps([{**ENTRY, "kind": "toaster"}]), json.dumps([{"slug": "py"}])],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """One sentence names the file and the variable."""
    path = tmp_path / "runtimes.json"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"runtimes\.json") as caught:
        read_runtimes(path)
    assert "AIRGATE_RUNTIMES_FILE" in caught.value.hint


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(Invalid, match=r"nowhere\.json"):
        read_runtimes(tmp_path / "nowhere.json")
