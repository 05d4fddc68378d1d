"""Programs that Qualcomm's compiler made for Cloud AI cards (QPC): a folder or an archive with `programqpc.bin`.

The signature is read without a card. A program answers on the cards that were granted, by their host-global QIDs, and
nowhere else. What was compiled for one row takes any number of them, one after the other.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from airgate_serving.errors import BadModelFile, CardMissing, ModelFailed
from airgate_serving.formats.archive import copy_member, find_one, is_archive, list_members
from airgate_serving.formats.interface import LoadOptions, ModelInfo
from airgate_serving.formats.qaic_library import PROGRAM, Binding, Program, QaicError
from airgate_serving.tensors import ANY, DATATYPES, Array, Signature, Tensors, TensorSpec, make_sample

ENGINE = "Qualcomm Cloud AI"
HINT_COMPILE = (
    "Compile it again with qaic-compile of the Platform SDK that this runtime has, and pack the whole folder."
)
HINT_CARD = "Deploy it with whole cards of qualcomm.com/qaic: as many as it was compiled for."


def load(path: Path, options: LoadOptions) -> "QpcRunner":
    """Return the program in a folder or an archive, active on the granted cards. Raises BadModelFile or its kin."""
    folder = unpack(path, options.scratch) if path.is_file() and is_archive(path) else find_folder(path)
    try:
        program = Program(folder, Path(options.qaic_sdk))
    except QaicError as error:
        raise BadModelFile(f"Qualcomm's runtime cannot open the program: {error}.", HINT_COMPILE) from error
    runner = QpcRunner(program, options.qids)
    if options.qids:
        activate(program, options.qids)
    elif not options.describe:
        raise CardMissing("The program runs on Qualcomm cards, and none was granted.", HINT_CARD)
    return runner


def find_folder(path: Path) -> Path:
    """Return the folder of a program, given it or the program in it. Raises BadModelFile."""
    folder = path if path.is_dir() else path.parent
    if not (folder / PROGRAM).is_file():
        raise BadModelFile(f"{path.name} is no folder or archive with {PROGRAM}.", HINT_COMPILE)
    return folder


def unpack(path: Path, scratch: Path | None) -> Path:
    """Put the program of an archive into the scratch folder, for the library opens no other thing than a folder."""
    if scratch is None:
        raise BadModelFile("There is no room here to unpack a program.", "Give the folder it was packed from.")
    name = find_one(list_members(path), PROGRAM, "program")
    copy_member(path, name, scratch / PurePosixPath(name).name)
    return scratch


def activate(program: Program, qids: Sequence[int]) -> None:
    """Load a program onto cards. Raises CardMissing naming them."""
    try:
        program.activate(qids)
    except QaicError as error:
        named = ", ".join(map(str, qids))
        raise CardMissing(f"Qualcomm's runtime cannot run the program on QID {named}: {error}.", HINT_CARD) from error


class QpcRunner:
    """An open program with its signature."""

    def __init__(self, program: Program, qids: Sequence[int]) -> None:
        """Read the signature; raise BadModelFile for a datatype that has no counterpart."""
        self._program = program
        self._by_row = all(one.shape[:1] == (1,) and len(one.shape) > 1 for one in program.bindings)
        inputs = tuple(self._describe(one) for one in program.bindings if one.is_input)
        outputs = tuple(self._describe(one) for one in program.bindings if not one.is_input)
        device = f"QID {', '.join(map(str, qids))}" if qids else "none"
        self.info = ModelInfo(
            Signature(inputs, outputs),
            platform="qualcomm_qpc",
            engine=f"{ENGINE}{', simulated' if program.is_simulated else ''}",
            device=f"{device} (simulated)" if qids and program.is_simulated else device,
        )

    def _describe(self, one: Binding) -> TensorSpec:
        if not one.datatype:
            raise BadModelFile(
                f"{one.name!r} is of a datatype that has no counterpart in Open Inference.", HINT_COMPILE
            )
        shape = (ANY, *one.shape[1:]) if self._by_row else one.shape
        return TensorSpec(one.name, one.datatype, shape, make_sample(one.datatype, shape) if one.is_input else None)

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs. Raises ModelFailed with what Qualcomm's runtime says."""
        try:
            if not self._by_row:
                return self._program.run(inputs)
            rows = min((len(array) for array in inputs.values()), default=0)
            return self._join([self._run_row(inputs, row) for row in range(rows)])
        except QaicError as error:
            raise ModelFailed(f"The program failed on its card: {error}.") from error

    def _run_row(self, inputs: Tensors, row: int) -> Tensors:
        return self._program.run({name: array[row : row + 1] for name, array in inputs.items()})

    def _join(self, answers: Sequence[Tensors]) -> Tensors:
        return {spec.name: self._stack(spec, answers) for spec in self.info.signature.outputs}

    def _stack(self, spec: TensorSpec, answers: Sequence[Tensors]) -> Array:
        if not answers:
            return np.empty((0, *spec.shape[1:]), dtype=DATATYPES[spec.datatype])
        return np.concatenate([answer[spec.name] for answer in answers])
