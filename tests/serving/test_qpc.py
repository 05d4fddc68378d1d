"""Programs for Qualcomm's cards, by a SIMULATED runtime library: no card and no SDK of Qualcomm's has been here."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airgate_serving.errors import BadModelFile, CardMissing, MissingLibrary, ModelFailed
from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import guess_format, load
from tests.serving.server import run_command, start_server, wait_for
from tests.serving.simulated_qaic import lay_out, write_program
from tests.serving.test_onnx import make_tar, make_zip
from tests.serving.test_tester import Shelf, call, start_tester


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A simulated SDK, forgotten by this process afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield str(lay_out(tmp_path))
    for name in ("qaicrt", "QAicApi_pb2"):
        sys.modules.pop(name, None)


def open_program(path: Path, sdk: str, *qids: int, **more: Any) -> Any:
    """Open a folder or archive on these cards."""
    assert guess_format(path) == "qpc"
    return load(path, "qpc", LoadOptions(qids=qids, qaic_sdk=sdk, **more))


def test_a_program_of_one_row_answers_any_number_of_rows(tmp_path, sdk) -> None:
    """It was compiled for a fixed shape; whoever asks need not know."""
    runner = open_program(write_program(tmp_path / "p"), sdk, 2)
    assert [spec.shape for spec in runner.info.signature.inputs] == [(-1, 4)]
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert runner.run({"x": rows})["y"].tolist() == (rows * 2).tolist()
    assert runner.run({"x": rows[:0]})["y"].shape == (0, 4)
    assert (runner.info.engine, runner.info.device) == ("Qualcomm Cloud AI, simulated", "QID 2 (simulated)")


@pytest.mark.parametrize(
    ("dims", "kind"), [((8, 4), "FLOAT_16_TYPE"), ((5,), "INT64_I_TYPE"), ((2, 3), "UINT8_Q_TYPE")]
)
def test_any_other_shape_is_asked_for_as_it_was_compiled(tmp_path, sdk, dims, kind) -> None:
    """Whether eight rows are eight questions only their maker knows."""
    runner = open_program(write_program(tmp_path / "p", dims, kind), sdk, 0)
    (spec,) = runner.info.signature.inputs
    assert spec.shape == dims
    values = np.ones(dims, dtype={"FP16": np.float16, "INT64": np.int64, "UINT8": np.uint8}[spec.datatype])
    assert runner.run({"x": values})["y"].tolist() == (values * 2).tolist()


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_is_unpacked_into_the_one_folder_that_may_be_written(tmp_path, sdk, make) -> None:
    """The library opens a folder and nothing else; of the archive only the program is written."""
    program = (write_program(tmp_path / "p") / "programqpc.bin").read_bytes()
    (tmp_path / "m").write_bytes(make({"net/programqpc.bin": program, "net/networkdesc.bin": b"", "net/evil.py": b"x"}))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    runner = open_program(tmp_path / "m", sdk, 0, scratch=scratch)
    assert runner.run({"x": np.ones((1, 4), dtype=np.float32)})["y"].tolist() == [[2.0] * 4]
    assert [path.name for path in scratch.iterdir()] == ["programqpc.bin"]
    with pytest.raises(BadModelFile, match="no room"):
        open_program(tmp_path / "m", sdk, 0)


def test_the_granted_cards_are_the_ones_that_are_used(tmp_path, sdk) -> None:
    """A program for several cards gets all of them; one that is not there, or too few, is named."""
    several = write_program(tmp_path / "p", cards=2)
    assert open_program(several, sdk, 1, 3).info.device == "QID 1, 3 (simulated)"
    with pytest.raises(CardMissing, match=r"QID 1: it did not load it"):
        open_program(several, sdk, 1)
    with pytest.raises(CardMissing, match=r"QID 9: RuntimeError: no device with QID 9"):
        open_program(write_program(tmp_path / "q"), sdk, 9)


def test_without_a_card_a_program_is_described_and_not_served(tmp_path, sdk) -> None:
    """An upload needs no card, a deployment does."""
    path = write_program(tmp_path / "p")
    assert open_program(path, sdk, describe=True).info.device == "none"
    with pytest.raises(CardMissing, match="none was granted") as caught:
        open_program(path, sdk)
    assert "qualcomm.com/qaic" in caught.value.hint


def test_without_the_sdk_the_sentence_says_what_is_missing_and_where_it_is_looked_for(tmp_path) -> None:
    """The default image has none of it."""
    with pytest.raises(MissingLibrary, match=r"qaicrt of Qualcomm's Platform SDK below .*/nothing") as caught:
        open_program(write_program(tmp_path / "p"), str(tmp_path / "nothing"), 0)
    assert "image has the Platform SDK" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b'{"simulated": "no"}', b"{"])
def test_what_is_no_program_is_refused_with_the_librarys_own_reason(tmp_path, sdk, content) -> None:
    """The compiler's output is opened by Qualcomm's code alone."""
    write_program(tmp_path / "p")
    (tmp_path / "p/programqpc.bin").write_bytes(content)
    with pytest.raises(BadModelFile, match="cannot open the program"):
        open_program(tmp_path / "p", sdk, 0)


def test_a_run_that_fails_on_the_card_is_the_models_failure(tmp_path, sdk) -> None:
    """Not the request's, and not a crash."""
    runner = open_program(write_program(tmp_path / "p"), sdk, 0)
    with pytest.raises(ModelFailed, match="did not finish the run"):
        runner.run({"x": np.full((1, 4), math.nan, dtype=np.float32)})


def test_a_datatype_without_a_counterpart_is_refused(tmp_path, sdk) -> None:
    """BF16 is none of Open Inference's."""
    with pytest.raises(BadModelFile, match="datatype"):
        open_program(write_program(tmp_path / "p", kind="BFLOAT16_TYPE"), sdk, 0)


@pytest.mark.process
@pytest.mark.parametrize("packed", [False, True])
def test_a_program_is_served_behind_the_lock_on_its_cards(tmp_path, packed) -> None:
    """Every door answers, the device line says SIMULATED, and what was unpacked is gone afterwards."""
    path, sdk = write_program(tmp_path / "doubling"), lay_out(tmp_path)
    if packed:
        content = make_zip({"p/programqpc.bin": (path / "programqpc.bin").read_bytes()})
        path = tmp_path / "doubling.zip"
        path.write_bytes(content)
    room = tmp_path / "tmp"
    room.mkdir()
    env = {"AIRGATE_QAIC_SDK": str(sdk), "QAIC_VISIBLE_DEVICES": "1", "TMPDIR": str(room)}
    with start_server(path, env=env) as server:
        answer = server.post("/predict", {"X": [{"x": [1, 2, 3, 4]}, {"x": [5, 6, 7, 8]}]}).json()
        assert answer == {"result": [{"y": [2, 4, 6, 8]}, {"y": [10, 12, 14, 16]}]}
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
        outputs = server.post("/v2/models/m/infer", {"inputs": [tensor]}).json()["outputs"]
        assert outputs[0]["data"] == [2.0, 4.0, 6.0, 8.0]
        assert "Qualcomm Cloud AI, simulated device: QID 1 (simulated)\n" in server.output
        assert len(list(room.iterdir())) == packed
    wait_for(lambda: not list(room.iterdir()))


@pytest.mark.process
def test_a_program_is_inspected_without_a_card_and_tested_with_one(tmp_path) -> None:
    """The tester that reads uploads holds no card; one that does computes on it. Large ones fit too."""
    sdk, program = lay_out(tmp_path), write_program(tmp_path / "p") / "programqpc.bin"
    large = json.loads(program.read_text()) | {"weights": "0" * 33 * 1024 * 1024}  # over what a call may print
    (tmp_path / "scratch").mkdir()
    shelf = Shelf(tmp_path / "blobs")
    digest = shelf.put(make_zip({"programqpc.bin": json.dumps(large).encode()}))
    for cards, status in (("", 422), ("0", 200)):
        env = {"AIRGATE_QAIC_SDK": str(sdk), "QAIC_VISIBLE_DEVICES": cards, "AIRGATE_GATE_SECRET": "gate-secret"}
        with start_tester(shelf, tmp_path / "scratch", env=env) as tester:
            found = call(tester, "/inspect", {"digest": digest, "filename": "p.zip"}).json()
            assert (found["format"], found["signature"]["inputs"][0]["shape"]) == ("qpc", [-1, 4])
            tested = call(tester, "/test", {"digest": digest, "args": {"X": [{"x": [1, 2, 3, 4]}]}})
            assert tested.status_code == status, tested.text
            assert (
                (tested.json()["code"] == "card-missing") if status == 422 else "simulated" in tested.json()["stdout"]
            )


@pytest.mark.process
def test_a_whole_file_of_rows_is_answered_by_a_program(tmp_path) -> None:
    """Batch has the same cards."""
    path, sdk = write_program(tmp_path / "p"), lay_out(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"x": [1, 2, 3, 4]}\n{"x": [0, 0, 0, 1]}\n')
    files = ("--rows", str(tmp_path / "rows.jsonl"), "--to", str(tmp_path / "out.jsonl"))
    env = {"AIRGATE_QAIC_SDK": str(sdk), "QAIC_VISIBLE_DEVICES": "1"}
    done = run_command("batch", str(path), *files, env=env)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["y"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        [2.0, 4.0, 6.0, 8.0],
        [0.0, 0.0, 0.0, 2.0],
    ]
    ports = ("--http-port", "0", "--grpc-port", "0", "--admin-port", "0")
    nothing = run_command(
        str(path), *ports, env={"QAIC_VISIBLE_DEVICES": "1", "AIRGATE_QAIC_SDK": str(tmp_path / "no")}
    )
    assert nothing.returncode == 3 and "Platform SDK" in nothing.stderr
