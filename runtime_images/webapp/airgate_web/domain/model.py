"""Models: an immutable file by digest, its versions, and the signature that was read in the sandbox."""

import datetime
from dataclasses import dataclass

FOLDER_FORMAT = "directory"  # of a model that is a folder, registered where it lies


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    datatype: in the terms of the Open Inference Protocol (FP32, INT64, BYTES, …).
    shape: -1 stands for a free dimension. sample: a value of that shape, nested lists, or None.
    values: the possible values where the model knows them. schema: the JSON Schema of each text of a BYTES tensor,
    where those are JSON: a map, a sequence or an optional value.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    sample: object = None
    values: tuple[object, ...] = ()
    schema: object = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a model that is called by its name. inputs, outputs: none where it does not tell, as a script's."""

    name: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a model and what comes out, in order: of `predict`, which is meant where no function is named.

    further: functions beside it. has_predict: False where a call has to name one of those.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    further: tuple[Function, ...] = ()
    has_predict: bool = True


@dataclass(frozen=True, slots=True)
class Permit:
    """An administrator's word that one file may be opened though the scanner refuses it. The lock it never lifts.

    digest: of the file. found: what the scanner says. withdrawn: since when it holds no more.
    """

    digest: str
    reason: str
    found: str
    allowed: datetime.datetime
    allowed_by: str
    withdrawn: datetime.datetime | None = None
    withdrawn_by: str = ""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model. Its file is stored under `digest` ("sha256:" and 64 hex digits) and never changes.

    size: bytes. task: "classification", "regression" or "". libraries: versions found in the file. path: where a model
    lies that is a folder; `digest` is then its manifest's, and nothing is stored. sample: a script's own example of its
    arguments; None where the signature tells what goes in. permit: of a file that the scanner refuses.
    """

    project: str
    model: str
    version: int
    format: str
    filename: str
    digest: str
    size: int
    signature: Signature
    task: str
    libraries: dict[str, str]
    created: datetime.datetime
    created_by: str
    description: str = ""
    path: str = ""
    sample: object = None
    permit: Permit | None = None

    @property
    def override(self) -> bool:
        """Whether the scanner is overruled for this version's file, now."""
        return self.permit is not None and self.permit.withdrawn is None and self.permit.digest == self.digest


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a list shows it: its newest version and how many there are."""

    project: str
    name: str
    latest: ModelVersion
    versions: int
