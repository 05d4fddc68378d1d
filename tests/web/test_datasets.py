"""Data sets: kept as they came, never looked into, gone when they are removed."""

import pytest
from fastapi.testclient import TestClient

from airgate_web.app import build_app
from airgate_web.domain.errors import Conflict, Invalid, NotFound, TooLarge
from airgate_web.services.datasets import find_dataset, keep_dataset, list_datasets, read_head, remove_dataset
from airgate_web.services.models import publish_model
from airgate_web.services.users import start_session
from tests.fakes.desk import LIMIT

DATASETS = "/api/v2/projects/qc/datasets"
CSV = b"width,colour\n5.1,red\n4.9,green\n"


def keep(desk, user, name="iris", body=CSV, filename="iris.csv", route="qc"):
    """Keep a small data set."""
    return keep_dataset(desk, user, route, name, filename, iter([body]))


@pytest.fixture
def client(desk, ada):
    """A script that is signed in."""
    with TestClient(build_app(desk, "internal"), base_url="http://airgate.test") as client:
        client.headers["Authorization"] = f"Bearer {start_session(desk, ada)}"
        yield client


def test_a_data_set_is_kept_byte_by_byte(desk, ada):
    """What comes out is what went in, and the audit says who brought it."""
    kept = keep(desk, ada)
    assert (kept.size, kept.created_by, list_datasets(desk, "qc")) == (len(CSV), "ada", [kept])
    with desk.blobs.open(kept.digest) as file:
        assert file.read() == CSV
    assert desk.store.list_audit()[0].subject == "data set qc/iris"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"name": "Iris"}, Invalid),
        ({"name": "a/b"}, Invalid),
        ({"body": b""}, Invalid),
        ({"filename": ""}, Invalid),
        ({"body": b"x" * (LIMIT + 1)}, TooLarge),
        ({"route": "none"}, NotFound),
    ],
)
def test_a_refused_data_set_leaves_nothing(desk, ada, changes, refusal):
    """Capitals, slashes, nothing in it, too much of it: one sentence, and no file stays."""
    with pytest.raises(refusal):
        keep(desk, ada, **changes)
    assert list_datasets(desk, "qc") == []
    assert desk.blobs.list() == frozenset()


def test_a_taken_name_is_refused_before_anything_is_read(desk, ada):
    """A data set is never replaced, and a long upload does not end in a refusal that was certain from the start."""
    first = keep(desk, ada)

    def never_read():
        raise AssertionError("the upload was read")
        yield b""

    with pytest.raises(Conflict, match="data set 'iris' already"):
        keep_dataset(desk, ada, "qc", "iris", "iris.csv", never_read())
    assert find_dataset(desk, "qc", "iris") == first


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (CSV, "width,colour\n5.1,red\n4.9,green"),
        (b"\n".join(b"%d" % n for n in range(100)), "\n".join(str(n) for n in range(20))),
        (b"one\xff two", "one\ufffd two"),
        (b"PK\x03\x04\x00\x00", ""),
    ],
)
def test_the_first_lines_are_shown_as_they_stand(desk, ada, body, head):
    """Twenty lines of text at most; of anything else nothing."""
    assert read_head(desk, keep(desk, ada, body=body)) == head


def test_a_long_first_line_is_cut_and_the_last_whole_line_ends_the_head(desk, ada):
    """A line that the look broke off in the middle is not shown as if it were whole."""
    wide = keep(desk, ada, body=b"x" * LIMIT)
    assert len(read_head(desk, wide)) == LIMIT
    assert read_head(desk, keep(desk, ada, "b", b"a\nb\n")) == "a\nb"


def test_a_removed_data_set_takes_its_file_along_unless_something_else_has_the_same(desk, ada):
    """The disk is given back, and nothing that is still used is lost."""
    keep(desk, ada)
    keep(desk, ada, "copy")
    model = publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model"]))
    keep(desk, ada, "same-as-model", b"model")
    remove_dataset(desk, ada, "qc", "iris")
    assert len(desk.blobs.list()) == 2
    remove_dataset(desk, ada, "qc", "copy")
    remove_dataset(desk, ada, "qc", "same-as-model")
    assert desk.blobs.list() == {model.digest}
    with pytest.raises(NotFound):
        remove_dataset(desk, ada, "qc", "iris")


def test_a_script_keeps_lists_downloads_and_removes(client):
    """Raw or as a form; the download is a file, never a page of this site."""
    raw = client.post(DATASETS, params={"name": "iris", "filename": "iris.csv"}, content=CSV)
    assert (raw.status_code, raw.json()["size"]) == (201, len(CSV))
    form = client.post(DATASETS, data={"name": "second"}, files={"file": ("<b>.html", b"<script>")})
    assert form.status_code == 201
    assert [one["name"] for one in client.get(DATASETS).json()] == ["iris", "second"]
    assert client.post(DATASETS, params={"name": "iris", "filename": "x"}, content=CSV).json()["code"] == "conflict"
    got = client.get(f"{DATASETS}/second/file")
    assert got.content == b"<script>"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment")
    assert client.delete(f"{DATASETS}/iris").status_code == 204
    assert client.get(f"{DATASETS}/iris").status_code == 404
    assert client.get(f"{DATASETS}/iris", headers={"Authorization": ""}).status_code == 401
