"""The process that hands out model files: who may have which, and what it does without its folder."""

import hashlib

import pytest
from fastapi.testclient import TestClient

from airgate_web.adapters.blobs_folder import FolderBlobs, find_blob
from airgate_web.adapters.secret_files import read_internal_token
from airgate_web.backstage.files import build_files_app
from airgate_web.domain.errors import Unavailable
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from tests.fakes.clock_hand import HandClock

INTERNAL = "the internal token"
HEX = hashlib.sha256(b"model").hexdigest()
DIGEST = f"sha256:{HEX}"


@pytest.fixture
def client(tmp_path):
    """The process over a folder with one model file."""
    FolderBlobs(tmp_path, HandClock()).put(iter([b"model"]), 100)
    return TestClient(build_files_app(lambda digest: find_blob(tmp_path, digest), INTERNAL))


def ask(client, hexadecimal, secret):
    """Return the status and the body of asking for a file with a secret."""
    answer = client.get(f"/internal/blobs/{hexadecimal}", headers={"Authorization": f"Bearer {secret}"})
    return answer.status_code, answer.content


@pytest.mark.parametrize("secret", [INTERNAL, find_blob_secret(INTERNAL, DIGEST), find_blobs_secret(INTERNAL)])
def test_a_file_opens_with_each_of_its_three_secrets(client, secret):
    """Our own processes, its own init container, and testers."""
    assert ask(client, HEX, secret) == (200, b"model")


def test_a_file_does_not_open_without_a_secret_or_with_another_file_s(client):
    """A model's pod fetches its own model and no other."""
    assert client.get(f"/internal/blobs/{HEX}").status_code == 401
    assert ask(client, HEX, find_blob_secret(INTERNAL, "sha256:other"))[0] == 401


@pytest.mark.parametrize("name", ["0", "0" * 64, "..%2f..%2fstore.db"])
def test_what_is_no_model_file_is_not_there(client, name):
    """Nothing but model files is ever sent."""
    status, body = ask(client, name, INTERNAL)
    assert (status, b"not_found" in body) == (404, True)


def test_without_a_folder_there_is_no_file_and_no_failure(tmp_path):
    """It may start before the webapp has made its folder, on a volume that it cannot write to."""
    client = TestClient(build_files_app(lambda digest: find_blob(tmp_path / "later", digest), INTERNAL))
    assert ask(client, HEX, INTERNAL)[0] == 404
    assert not (tmp_path / "later").exists()
    assert client.get("/livez").status_code == 200


def test_without_the_internal_token_it_says_where_it_looked(tmp_path):
    """It cannot make one: the webapp would have another."""
    with pytest.raises(Unavailable) as refusal:
        read_internal_token(tmp_path / "keys/internal-token")
    assert str(tmp_path / "keys/internal-token") in refusal.value.sentence
