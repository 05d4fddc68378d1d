"""Model files that are cut, bent or swollen, of every format: each gets a sentence, and the tester lives on."""

import copy
import io
import random
import zipfile

import pytest

from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

pytestmark = pytest.mark.process
FILES = ["mlp.onnx", "iris.pkl", "forest.joblib", "iris.skops", "iris.json", "iris.txt", "iris.pmml"]
ROUNDS = 5


def bend(content: bytes, seed: int) -> bytes:
    """Return the content cut somewhere, or with a few bytes changed."""
    chance = random.Random(seed)
    if seed % 2:
        return content[: chance.randrange(1, len(content))]
    bent = bytearray(content)
    for _ in range(8):
        bent[chance.randrange(len(bent))] = chance.randrange(256)
    return bytes(bent)


@pytest.mark.parametrize("name", FILES)
def test_a_bent_file_is_opened_or_refused_with_a_sentence(tester, shelf, model_folder, name) -> None:  # noqa: F811
    """No file, however broken, is answered by a fault of the server."""
    whole = (model_folder / name).read_bytes()
    for seed in range(ROUNDS):
        answer = call(tester, "/inspect", {"digest": shelf.put(bend(whole, seed)), "filename": name})
        assert answer.status_code in (200, 422), (seed, answer.text)
        assert answer.status_code == 200 or answer.json()["error"]
    good = call(tester, "/inspect", {"digest": shelf.put(whole), "filename": name})
    assert good.status_code == 200


def test_a_zip_that_swells_is_refused_before_it_is_unpacked(tester, shelf) -> None:  # noqa: F811
    """A few kilobytes that would become gigabytes are no model, be it by many names for the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "{}")
        with archive.open("0.npy", "w", force_zip64=True) as member:
            member.write(bytes(64 * 2**20))
        for place in range(1, 80):
            alias = copy.copy(archive.getinfo("0.npy"))
            alias.filename = f"{place}.npy"
            archive.filelist.append(alias)
    answer = call(tester, "/inspect", {"digest": shelf.put(file.getvalue()), "filename": "m.skops"})
    assert answer.status_code == 422 and "would unpack to" in answer.json()["error"]
