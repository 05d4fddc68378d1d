"""What a file of PyTorch is, told by the names in it and read without PyTorch.

A zip with `data.pkl` is what `torch.save` writes; with `constants.pkl` and `code/` beside it, it is TorchScript; with
`archive_format` or `serialized_exported_program.json`, a program of `torch.export`. Weights come alone, or in an
archive beside the source of their network.
"""

import ast
import enum
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import list_members, read_member

SOURCE, MAKE_MODEL, SAMPLE = "model.py", "make_model", "SAMPLE"
WEIGHTS = (".pt", ".pth", ".safetensors")
MLFLOW, MLFLOW_FILES = "MLmodel", ("data/model.pth", "data/model.pt2")
MARK_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a number as a pickle, with which torch.save once began
MARK_SAFETENSORS = re.compile(rb'.{6}\0\0\{\s*"', re.DOTALL)  # the length of a JSON object, then the object
MOST_GROWTH = 256 * 1024**2  # bytes that a file may have more when it is unpacked: PyTorch packs code, not weights
MOST_SOURCE = 4 * 1024**2  # bytes
OWN_NAMES = re.compile(
    r"torch(\.\w*Storage|\.(Size|device|\w+\d+|float|bool)|\.serialization\._get_layout|\._utils\._rebuild_\w+"
    r"|\._tensor\._rebuild_from_type_v2|\.nn\.parameter\.(Parameter|Buffer))"
    r"|collections\.OrderedDict|_codecs\.encode|(__builtin__|builtins)\.set"
)
EXPORT = (
    "torch.jit.script(model).save('model.pt') or torch.export.save(torch.export.export(model, (example,)), 'model.pt2')"
)
HINT_EXPORT = f"Save the network too: {EXPORT}."
HINT_SOURCE = (
    f"Save the network too: {EXPORT}; or pack the state_dict with a {SOURCE} whose function {MAKE_MODEL}() returns the "
    "network."
)


class Kind(enum.Enum):
    """What a file is: a program, weights with their network's source, or what is refused."""

    TORCHSCRIPT = "a TorchScript model"
    EXPORTED = "a program of torch.export"
    SOURCE = "a state_dict with its source"
    MLFLOW = "an MLflow model of PyTorch"
    SAVED = "what torch.save wrote"
    WEIGHTS = "weights alone"


def is_pytorch(path: Path) -> bool:
    """Return whether an archive is one of PyTorch's, or weights with their source. A script keeps weights too."""
    kind = find_kind(list_members(path))
    return kind is not None and not (kind is Kind.SOURCE and "predict" in find_functions(read_source(path)))


def looks_like_legacy(head: bytes) -> bool:
    """Return whether these bytes begin what torch.save wrote before PyTorch 1.6."""
    return head.startswith(MARK_LEGACY)


def looks_like_safetensors(head: bytes) -> bool:
    """Return whether these bytes begin weights in the format safetensors."""
    return bool(MARK_SAFETENSORS.match(head))


def find_kind(names: Iterable[str]) -> Kind | None:
    """Return what an archive with these members is, or None for something else."""
    names = list(names)
    inner = {name.partition("/")[2] for name in names}
    if "data.pkl" in inner and "constants.pkl" in inner:
        return Kind.TORCHSCRIPT
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        return Kind.EXPORTED
    if "data.pkl" in inner and "version" in inner:
        return Kind.SAVED
    if any(name.endswith(MLFLOW) for name in names) and any(name.endswith(MLFLOW_FILES) for name in names):
        return Kind.MLFLOW
    return Kind.SOURCE if find_source(names) and any(name.endswith(WEIGHTS) for name in names) else None


def find_source(names: Iterable[str]) -> str:
    """Return the name of the source among the members of an archive, or nothing."""
    return next((name for name in names if PurePosixPath(name).name == SOURCE), "")


def read_source(path: Path) -> bytes:
    """Return the source in an archive. Raises BadModelFile."""
    return read_member(path, find_source(list_members(path)), MOST_SOURCE)


def find_functions(source: bytes) -> set[str]:
    """Return the names of a source's own functions; none of what is no Python."""
    try:
        return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def require_modest(file: IO[bytes]) -> None:
    """Raise BadModelFile for a zip that unpacks to far more than its size, or holds two files of one name."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    size, unpacked = file.seek(0, 2), sum(member.file_size for member in members)
    file.seek(0)
    if unpacked > size + MOST_GROWTH:
        raise BadModelFile(f"The file would unpack to {unpacked} bytes, more than is opened.", HINT_EXPORT)
    if len({member.filename for member in members}) < len(members):
        raise BadModelFile("The file holds two files of the same name.", HINT_EXPORT)


def explain_saved(file: IO[bytes]) -> BadModelFile:
    """Return why what torch.save wrote is not opened alone: a state_dict has no network, a whole model is a pickle."""
    foreign = find_foreign(file)
    if foreign is None:
        return BadModelFile(
            "The file is a state_dict: weights alone, without the network that they belong to.", HINT_SOURCE
        )
    return BadModelFile(
        f"The file is a whole model as a pickle, which is opened by running whatever it names (first {foreign[:80]}), "
        "so it is not opened.",
        HINT_SOURCE,
    )


def find_foreign(file: IO[bytes]) -> str | None:
    """Return the first name in what torch.save wrote that no state_dict needs. Raises BadModelFile when it is damaged.

    It serves a sentence: weights are read by PyTorch's own restricted reader.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            place = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
            names = list(list_names(archive.read(place)))
    except (StopIteration, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise BadModelFile("The file is damaged: its pickle cannot be read.", HINT_EXPORT) from error
    return next((name for name in names if not OWN_NAMES.fullmatch(name)), None)


def list_names(content: bytes) -> Iterator[str]:
    """Yield what a pickle names, as `module.name`. Raises ValueError for what is none."""
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif isinstance(argument, str):
            texts.append(argument)


class ShapeReader(pickle.Unpickler):  # noqa: S301 - it imports nothing
    """Reads the tensors of a pickle for their types and sizes alone: nothing that it names is imported."""

    def find_class(self, module: str, name: str) -> object:
        """Return a stand-in. Raises UnpicklingError for what no tensor needs."""
        stand_ins = {"restore_type_tag": lambda value, _: value, "OrderedDict": dict}
        if name == "_rebuild_tensor_v2":
            return lambda kind, _, size, *__: (kind, tuple(size))
        if module == "torch" and name.endswith("Storage"):
            return name.removesuffix("Storage")
        if name in stand_ins and module in ("torch.jit._pickle", "collections"):
            return stand_ins[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, pid: tuple[object, ...]) -> object:
        """Return the type of a storage, for example Float."""
        return pid[1]
