"""What is sent to the REST API: forms however they are cut, and bodies that are not what was asked for."""

import pytest

from airgate_web.api.limits import BODY_MAX
from tests.fakes.desk import LIMIT
from tests.web.api import LIVE, MODELS, WISH, upload


def test_a_form_uploads_a_file_with_its_fields(client):
    """A browser's form and curl -F publish too."""
    answer = client.post(
        MODELS, data={"name": "digits", "description": "from a form"}, files={"file": ("C:\\d\\digits.onnx", b"model")}
    )
    assert answer.status_code == 201
    assert (answer.json()["filename"], answer.json()["description"]) == ("digits.onnx", "from a form")


def test_a_form_is_read_however_it_is_cut(client):
    """A body that arrives byte by byte is the same form."""
    body = (
        b'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\ndigits\r\n'
        b'--cut\r\nContent-Disposition: form-data; name="file"; filename="d.onnx"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nmodel\r\n--not the end\r\n--cut--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=cut"}
    answer = client.post(MODELS, content=(bytes([byte]) for byte in body), headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == len(b"model\r\n--not the end")


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"--cut\r\n\r\n", "multipart/form-data", "no boundary"),
        (b"nonsense", "multipart/form-data; boundary=cut", "broken"),
        (b'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--cut--\r\n', None, "no file"),
        (b'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 70_000, None, "64 KiB"),
        (
            b'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\ndigits\r\n'
            + b'--cut\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\nmodel\r\n' * 2,
            None,
            "two files",
        ),
    ],
)
def test_a_broken_form_gets_one_sentence_and_leaves_nothing(client, desk, body, content_type, said):
    """What is no upload is said so."""
    headers = {"content-type": content_type or "multipart/form-data; boundary=cut"}
    answer = client.post(MODELS, content=body, headers=headers)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert desk.blobs.list() == frozenset()


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"body": b""}, 400, "empty"),
        ({"body": b"junk"}, 422, "not a model"),
        ({"body": b"m" * (LIMIT + 1)}, 413, "limit"),
        ({"body": iter([b"model"] * LIMIT)}, 413, "limit"),
        ({"name": "Digits"}, 400, "Model name"),
        ({"name": ""}, 400, "Model name is empty"),
        ({"filename": ""}, 400, "File name is empty"),
        ({"runtime": "none"}, 400, "There is no runtime 'none'"),
    ],
)
def test_a_refused_upload_says_why_and_leaves_nothing(client, desk, change, status, said):
    """Every refused upload answers JSON with a sentence."""
    answer = upload(client, **change)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert desk.blobs.list() == frozenset()


def test_an_announced_length_over_the_limit_is_not_even_read(client):
    """Nobody waits for an upload that cannot be taken."""
    answer = upload(client, body=b"m" * (LIMIT + 1024 * 1024 + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/api/v2/nothing", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/", 404, "not_found"),
        ("GET", "/api/v2/projects/", 404, "not_found"),
        ("POST", "/internal/nothing", 404, "not_found"),
        ("DELETE", "/api/v2/runtimes", 405, "method_not_allowed"),
        ("PUT", MODELS, 405, "method_not_allowed"),
        ("PATCH", "/api/v2/projects/qc", 405, "method_not_allowed"),
        ("GET", "/api/v2/projects/none", 404, "not_found"),
    ],
)
def test_unknown_paths_and_wrong_verbs_answer_json(client, verb, path, status, code):
    """A script never gets a page."""
    answer = client.request(verb, path)
    assert answer.status_code == status
    assert answer.json().keys() == {"code", "error", "hint"}
    assert answer.json()["code"] == code
    if status == 405:
        assert verb not in answer.headers["allow"].split(", ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "not JSON"),
        ("[]", "The body"),
        ('{"name": "x"}', "The field 'route' is missing."),
        ('{"name": "x", "route": "x", "rute": "x"}', "The field 'rute' is not known here."),
        ('{"name": 7, "route": "x"}', "'name'"),
    ],
)
def test_a_wrong_body_names_the_field(client, body, said):
    """A typing error in a script is found in the answer."""
    answer = client.post("/api/v2/projects", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert said in answer.json()["error"]


def test_an_unknown_field_is_answered_with_the_known_ones(client):
    """Whoever guesses a name reads the right one at once."""
    token = client.post(LIVE + "/live/tokens", json={"name": "x"}).json()
    assert token["error"] == "The field 'name' is not known here."
    assert token["hint"] == "Known are note, days. See /api/v2/openapi.json."
    project = client.post("/api/v2/projects", json={"name": "x", "route": "x", "rute": "x"}).json()
    assert project["hint"].startswith("Known are name, route, description. ")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1.5, "Accelerators must be a whole number, 1.5 is not: a card cannot be shared."),
        (True, "Accelerators 'True' is not a number."),
        (None, "Accelerators 'None' is not a number."),
        ([1], "Accelerators '[1]' is not a number."),
    ],
)
def test_what_is_no_count_of_cards_gets_the_services_sentence(client, count, said):
    """The same sentence as on the page, and nothing is taken for something else."""
    upload(client)
    answer = client.post(LIVE, json=WISH | {"accelerators": count})
    assert (answer.status_code, answer.json()["error"]) == (400, said)
    assert client.get(LIVE).json() == []


def test_a_huge_body_is_refused_before_it_is_held(client):
    """Memory is not filled by who sends much."""
    answer = client.post("/api/v2/projects", content=(b"x" * 2**20 for _ in range(BODY_MAX // 2**20 + 1)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
