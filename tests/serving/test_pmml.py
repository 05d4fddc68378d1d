"""PMML files: each answers what the model that it was written from answers, and says what it is."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary
from airgate_serving.formats import java
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.pmml_file import MOST_BYTES, MOST_DEPTH, decode, read_document
from airgate_serving.formats.table import guess_format, load
from airgate_serving.formats.versions import find_here, judge
from airgate_serving.sandbox.memory import find_memory
from airgate_serving.tensors import Tensors
from tests.serving import pmml_models as pmml
from tests.serving.test_mlflow import pack

IRIS, KINDS = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
NAMES = [f"x{place}" for place in range(10)]
CLASSES = ("a", "b", "c")


def open_text(tmp_path: Path, text: str) -> Runner:
    """Load a document as what its bytes say."""
    path = tmp_path / "model.bin"
    path.write_text(text)
    assert guess_format(path) == "pmml"
    return load(path, "pmml", LoadOptions())


def split(rows: Any, names: list[str] = NAMES) -> Tensors:
    """Return a matrix as one input a column."""
    return dict(zip(names, rows.T, strict=False))


def texts(*values: str) -> Any:
    """Return texts as a column."""
    return np.array(values, dtype=object)


def test_a_tree_answers_what_scikit_learn_answers(tmp_path) -> None:
    """Classes and probabilities are those of the tree that was written out, bit by bit; whole numbers stay whole."""
    text, model = pmml.make_iris_tree()
    runner = open_text(tmp_path, text)
    signature = runner.info.signature
    answer = runner.run(split(IRIS, [spec.name for spec in signature.inputs]))
    assert (
        answer["PredictedValue"].tolist() == model.predict(IRIS).tolist() and answer["PredictedValue"].dtype.kind == "i"
    )
    assert answer["Probabilities"].tolist() == model.predict_proba(IRIS).tolist()
    assert [spec.name for spec in signature.inputs] == load_iris().feature_names
    assert signature.outputs[1].values == (0, 1, 2) and signature.task == "classification"
    assert ("pmml", "4.4", "4.4") in [(one.name, one.in_file, one.installed) for one in runner.info.libraries]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_regressions_and_a_network_answer_what_scikit_learn_answers(tmp_path) -> None:
    """Sums in another order may differ in their last digit, no more."""
    linear = LinearRegression().fit(DIABETES, PROGRESS)
    answer = open_text(tmp_path, pmml.make_linear(linear, NAMES)).run(split(DIABETES))
    np.testing.assert_allclose(answer["PredictedValue"], linear.predict(DIABETES), rtol=1e-12)
    logistic = LogisticRegression(max_iter=500).fit(IRIS, np.array(CLASSES)[KINDS])
    runner = open_text(tmp_path, pmml.make_logistic(logistic, NAMES[:4], CLASSES))
    answer = runner.run(split(IRIS))
    assert answer["PredictedValue"].tolist() == logistic.predict(IRIS).tolist()
    np.testing.assert_allclose(answer["Probabilities"], logistic.predict_proba(IRIS), rtol=1e-9)
    network = MLPRegressor(
        hidden_layer_sizes=(5, 3), activation="tanh", solver="lbfgs", max_iter=50, random_state=0
    ).fit(DIABETES, PROGRESS / 100)
    runner = open_text(tmp_path, pmml.make_network(network, NAMES))
    answer = runner.run(split(DIABETES))
    np.testing.assert_allclose(answer["PredictedValue"], network.predict(DIABETES), rtol=1e-9)
    assert runner.info.signature.task == "regression"


def test_more_classes_than_a_function_of_java_has_arguments(tmp_path) -> None:
    """Each of three hundred classes has its probability, in its own column."""
    random = np.random.default_rng(0)
    weights, rows = random.random((300, 2)), random.random((5, 2))
    model = SimpleNamespace(coef_=weights, intercept_=np.zeros(300))
    runner = open_text(tmp_path, pmml.make_logistic(model, NAMES[:2], [f"c{place}" for place in range(300)]))
    scores = np.exp(rows @ weights.T)
    found = runner.run(split(rows))["Probabilities"]
    np.testing.assert_allclose(found, scores / scores.sum(axis=1, keepdims=True), rtol=1e-9)


def test_clusters_and_a_scorecard_answer_too(tmp_path) -> None:
    """What they answer is called as with every other format."""
    model = KMeans(3, n_init=1, random_state=0).fit(IRIS)
    runner = open_text(tmp_path, pmml.make_clusters(model.cluster_centers_, NAMES[:4]))
    answer = runner.run(split(IRIS))["PredictedValue"]
    assert [int(one) for one in answer] == model.predict(IRIS).tolist() and runner.info.signature.task == "clustering"
    card = open_text(tmp_path, pmml.make_scorecard())
    rows = {"age": np.array([30.0, 31.0, 31.0]), "home": texts("own", "own", "rent")}
    assert card.run(rows)["PredictedValue"].tolist() == [22.0, 37.0, 31.0]
    age, home = card.info.signature.inputs
    assert age.datatype == "FP64" and home.values == ("own", "rent") and home.nullable


def test_missing_and_invalid_values_go_where_the_file_says(tmp_path) -> None:
    """An empty text, the file's own mark, not-a-number; what is invalid gives no answer, by default."""
    rows = {"colour": texts("red", "green", "", "?", "purple", "red"), "grams": np.array([1.0, 2, 3, np.nan, 5, 501])}
    runner = open_text(tmp_path, pmml.make_fruit())
    answer = runner.run(rows)
    assert answer["PredictedValue"].tolist() == ["apple", "banana", "banana", "banana", "", ""]
    assert answer["Probabilities"][:2].tolist() == [[0.75, 0.25], [0.2, 0.8]]
    assert np.isnan(answer["Probabilities"][4:]).all()
    colour, grams = runner.info.signature.inputs
    assert colour.values == ("red", "green") and colour.sample == ["red"] and grams.sample == [250.0]
    replaced = open_text(tmp_path, pmml.make_fruit(missingValueReplacement="red", invalidValueTreatment="asMissing"))
    assert replaced.run(rows)["PredictedValue"].tolist() == ["apple", "banana", "apple", "apple", "apple", ""]


def test_what_a_file_declares_as_output_comes_too(tmp_path) -> None:
    """Numbers and texts under the file's own names, after what every format answers."""
    own = (
        '<Output><OutputField name="leaf" optype="categorical" dataType="string" feature="entityId"/>'
        '<OutputField name="twice" optype="continuous" dataType="double" feature="transformedValue">'
        '<Apply function="*"><FieldRef field="grams"/><Constant>2</Constant></Apply></OutputField></Output>'
    )
    runner = open_text(tmp_path, pmml.make_fruit().replace("</MiningSchema>", f"</MiningSchema>{own}"))
    answer = runner.run({"colour": texts("red"), "grams": np.array([1.5])})
    assert list(answer) == ["PredictedValue", "Probabilities", "leaf", "twice"]
    assert answer["PredictedValue"].tolist() == ["apple"] and answer["twice"].tolist() == [3.0]


def test_threads_that_come_and_go_get_the_same_answers(tmp_path) -> None:
    """Any thread may call, several at a time, and its end is noticed by nobody."""
    text, model = pmml.make_iris_tree()
    runner = open_text(tmp_path, text)
    rows = split(IRIS, [spec.name for spec in runner.info.signature.inputs])
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(runner.run(rows)["Probabilities"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(one.tolist() == model.predict_proba(IRIS).tolist() for one in found)


def test_a_packed_folder_of_mlflow_may_hold_pmml(tmp_path) -> None:
    """The file in it is opened from memory."""
    text, _ = pmml.make_iris_tree()
    pack(tmp_path / "m", {"pmml": {"data": "model.pmml"}}, {"model.pmml": text.encode()})
    assert load(tmp_path / "m", "mlflow", LoadOptions()).info.platform == "pmml"


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        (pmml.make_document("", "", "4.5"), MissingLibrary, r"of PMML 4\.5; this runtime reads 3\.0 to 4\.4"),
        (pmml.make_document("", "", "2.1"), BadModelFile, r"of PMML 2\.1; this runtime reads"),
        (pmml.make_document("", "", ""), BadModelFile, "PMML without a version"),
        (pmml.make_document("", "")[:-3], BadModelFile, "not well-formed"),
        (pmml.make_document("", ""), BadModelFile, "no model"),
        (pmml.make_document("", "<Other/>"), BadModelFile, "not a standard of PMML"),
        (pmml.make_document(pmml.make_field("x"), "<TreeModel/>"), BadModelFile, "cannot open the model"),
        ("<html><!-- PMML --></html>", BadModelFile, "its root is 'html'"),
        (pmml.make_deep(MOST_DEPTH), BadModelFile, f"more than {MOST_DEPTH} deep"),
        ("<?xml version='1.0' encoding='utf-7'?><PMML/>", BadModelFile, "encoding 'utf-7'"),
        ("<?xml version='1.0' encoding='rot13'?><PMML/>", BadModelFile, "encoding 'rot13'"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, text, kind, says) -> None:
    """Before a pod crash-loops, a person reads one sentence."""
    with pytest.raises(kind, match=says):
        open_text(tmp_path, text)


def test_a_newer_version_is_refused_before_a_pod_starts() -> None:
    """The webapp asks by the version alone, as for every other library."""
    verdict = judge(find_here({"pmml": "4.5"}))
    assert "of PMML 4.5" in verdict.refusal and "as PMML 4.4" in verdict.hint and verdict.needs == {"pmml": "4.5"}
    assert judge(find_here({"pmml": "4.4.1"})) == judge(find_here({"pmml": "3.0"})) == judge(())


def test_a_huge_file_is_refused_unread(tmp_path) -> None:
    """What would fill the memory ten times over is refused by its size."""
    path = tmp_path / "m"
    path.write_text(pmml.make_document("", ""))
    os.truncate(path, MOST_BYTES + 1)  # sparse
    with pytest.raises(BadModelFile, match="PMML is read up to 256 MiB"):
        load(path, guess_format(path), LoadOptions())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso8859-1"])
def test_texts_of_other_encodings_are_read_as_they_say(tmp_path, encoding) -> None:
    """A value with an accent is the same value; the document type is refused however it is written."""
    text = pmml.make_fruit().replace("red", "grün").replace("UTF-8", encoding.removesuffix("-sig"))
    assert "grün" in decode(text.encode(encoding))
    (tmp_path / "m").write_bytes(text.encode(encoding))
    assert (
        load(tmp_path / "m", guess_format(tmp_path / "m"), LoadOptions()).info.signature.inputs[0].values[0] == "grün"
    )
    (tmp_path / "m").write_bytes(text.replace("<PMML", "<!DOCTYPE PMML [<!ENTITY a 'b'>]><PMML").encode(encoding))
    with pytest.raises(DangerousModelFile, match="DOCTYPE"):
        read_document(tmp_path / "m")


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"sys/fs/cgroup/memory.max": "max"}, 2**33),
        ({"sys/fs/cgroup/memory.max": "536870912"}, 2**29),
        ({"proc/self/cgroup": "0::/pod/me\n", "sys/fs/cgroup/pod/memory.max": "1048576"}, 2**20),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 2**33),
    ],
)
def test_the_heap_comes_from_the_containers_limit(tmp_path, files, most) -> None:
    """Java is told half of what the container has, for it cannot look behind the lock."""
    for name, text in {"proc/meminfo": "MemTotal: 8388608 kB\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find_memory(tmp_path) == most
    assert java.choose_amounts(2**30, 3) == ("-Xmx512m", "-XX:ActiveProcessorCount=3")
    assert java.choose_amounts(1, 0)[0] == f"-Xmx{java.LEAST_HEAP}m"


def test_java_leaves_signals_and_folders_alone(tmp_path) -> None:
    """SIGTERM and SIGINT stay with the drain; tools of Java find no file of ours."""
    open_text(tmp_path, pmml.make_scorecard())
    arguments = java.find_class("java.lang.management.ManagementFactory").getRuntimeMXBean().getInputArguments()
    assert {"-Xrs", "-XX:-UsePerfData", "-XX:+DisableAttachMechanism"} <= {str(one) for one in arguments}
    assert not list(Path("/tmp").glob(f"hsperfdata_*/{os.getpid()}"))
