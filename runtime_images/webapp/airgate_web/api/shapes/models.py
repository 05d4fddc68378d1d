"""Models, their versions, data sets and tests, as JSON."""

import datetime
from typing import Any

from pydantic import Field

from airgate_web.api.shapes.base import Answer, Body


class TensorAnswer(Answer):
    """datatype: in terms of Open Inference. shape: -1 is a free dimension. sample: of one row, as nested lists.

    content_schema: of each text, where those are JSON.
    """

    name: str
    datatype: str
    shape: list[int]
    sample: Any = None
    values: list[Any] = []
    content_schema: Any = Field(None, validation_alias="schema")


class FunctionAnswer(Answer):
    """A function that is called by its name. Without inputs and outputs where it does not tell, as a script's."""

    name: str
    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]


class SignatureAnswer(Answer):
    """What goes into a model's predict and comes out. further: functions beside it.

    has_predict: false where a call has to name one of those.
    """

    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]
    further: list[FunctionAnswer]
    has_predict: bool


class PermitBody(Body):
    """digest: of the version's file, so that no other is allowed than the one that was looked at."""

    digest: str
    reason: str


class PermitAnswer(Answer):
    """Why a file may be opened though the scanner refuses it. found: what that says. withdrawn: null while it holds."""

    digest: str
    reason: str
    found: str
    allowed: datetime.datetime
    allowed_by: str
    withdrawn: datetime.datetime | None
    withdrawn_by: str


class VersionAnswer(Answer):
    """One version of a model. size: bytes. permit: of a file that the scanner refuses."""

    project: str
    model: str
    version: int
    format: str
    filename: str
    digest: str
    size: int
    signature: SignatureAnswer
    task: str
    libraries: dict[str, str]
    created: datetime.datetime
    created_by: str
    description: str
    path: str
    permit: PermitAnswer | None


class WarningAnswer(Answer):
    """What a runtime says before it opens a model. runtime: slug. sentence: what, and why. hint: what to do."""

    runtime: str
    model: str
    sentence: str
    hint: str


class JudgedVersionAnswer(VersionAnswer):
    """One version, with what each runtime that runs its format warns of."""

    warnings: list[WarningAnswer]


class RegistrationBody(Body):
    """A folder. path: where it lies, for web and for the runtimes alike. digest: of its manifest."""

    name: str
    path: str
    digest: str
    description: str = ""


class ModelAnswer(Answer):
    """A model: its newest version and how many there are."""

    project: str
    name: str
    versions: int
    latest: VersionAnswer


class DataSetAnswer(Answer):
    """A data set. size: bytes."""

    project: str
    name: str
    filename: str
    digest: str
    size: int
    created: datetime.datetime
    created_by: str
    description: str


class SampleAnswer(Answer):
    """Bodies to start with. predict: for a call of that function, and its "args" for a test.

    infer: tensors for Open Inference, which knows predict alone; empty for another function.
    """

    function: str
    predict: dict[str, Any]
    infer: dict[str, Any]


class TrialBody(Body):
    """args: what stands under "args" in a call of the function.

    function: predict when empty, or the first where the model has no predict. runtime: slug; one that fits when empty.
    """

    args: Any = None
    function: str = ""
    runtime: str = ""


class TrialAnswer(Answer):
    """What came of one test. ok false: the model failed, error and hint say why."""

    ok: bool
    result: Any
    stdout: str
    stderr: str
    device: str
    seconds: float
    load_seconds: float
    error: str
    hint: str
