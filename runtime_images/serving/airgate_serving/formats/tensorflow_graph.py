"""What a SavedModel says of itself, read without TensorFlow: its version, its signatures, and the operations in it.

A SavedModel is a program. Its file is one protobuf message, SavedModel, whose functions are lists of operations; those
that touch files, other processes or Python are refused by name before TensorFlow sees the file. Field numbers are those
of `tensorflow/core/protobuf/{saved_model,meta_graph}.proto` and `tensorflow/core/framework/{graph,function}.proto`.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from airgate_serving.errors import BadModelFile, DangerousModelFile
from airgate_serving.formats.onnx_file import read_places

META_GRAPH = (2,)  # of SavedModel, repeated; what follows begins there
VERSION = (1, 5)
NODE, FUNCTION = (2, 1), (2, 2, 1)
FUNCTION_NAME, FUNCTION_NODE = (1, 1), (3,)
OPERATION, CALLED, CALLED_IN_LIST = (2,), (5, 2, 10, 1), (5, 2, 1, 9, 1)  # of a node
OBJECTS, RESTORED = (7,), (7, 2, 1)  # the graph of objects, and the functions that it restores
SIGNATURE, ASSET = (5, 1), (6, 2)  # names of signatures, and of files in the folder of assets
REACHES_OUT = re.compile(
    r"Dataset|Iterator|File|Reader|RecordInput|PyFunc|Summary|Writer|Snapshot|Debug|ImmutableConst|Proto"
    r"|Remap|Collective|Send|Recv|Rpc|TPU|RemoteCall|SymbolicGradient|DistributedSave|Mlir|TRT"
)
HARMLESS = re.compile(r"InitializeTableFromTextFile(V2)?|ShardedFilename")  # a table's words are the model's own file
KEEPS = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}) | {
    *("Save", "SaveSlices", "Restore", "RestoreSlice"),
}
TO_A_FILE = b"file://"  # where PrintV2 may print
HINT_EXPORT = "Export it again with model.export(FOLDER) of Keras, or tf.saved_model.save(model, FOLDER)."
HINT_OUT = "Export only what answers: reading files and Python code belong before the model, or into a script."


@dataclass(frozen=True, slots=True)
class SavedFunction:
    """A function of the file: its operations, the functions that they call, and whether one prints to a file."""

    name: str
    operations: frozenset[str]
    called: frozenset[str]
    prints: bool


@dataclass(frozen=True, slots=True)
class SavedFacts:
    """What the file says. version: of TensorFlow, empty when it says none. restored: functions that loading opens."""

    version: str
    functions: tuple[SavedFunction, ...]
    restored: frozenset[str]
    signatures: tuple[str, ...]
    assets: tuple[str, ...]


def read_facts(content: bytes) -> SavedFacts:
    """Return what a saved_model.pb says. Raises BadModelFile for one that is damaged or of TensorFlow 1."""
    reader = _Reader(content)
    try:
        graphs = list(reader.find((0, len(content)), META_GRAPH))
        if len(graphs) != 1 or not any(True for _ in reader.find(graphs[0], OBJECTS)):
            raise _OfTensorFlow1
        return _read_graph(reader, graphs[0])
    except _OfTensorFlow1:
        raise BadModelFile("The SavedModel is of TensorFlow 1: it holds no objects.", HINT_EXPORT) from None
    except BadModelFile as error:
        raise BadModelFile("The file saved_model.pb is damaged or cut short.", HINT_EXPORT) from error


def require_calm(facts: SavedFacts) -> None:
    """Raise DangerousModelFile, naming the operation or the file, for a model that would reach out of itself."""
    for asset in facts.assets:
        if PurePosixPath(asset).is_absolute() or ".." in PurePosixPath(asset).parts:
            raise DangerousModelFile(f"The model names {asset[:80]!r}, a file outside of it.", HINT_EXPORT)
    for function in facts.functions:
        found = sorted(name for name in function.operations if reaches_out(name))
        if found or function.prints:
            raise _refuse(found[0] if found else "PrintV2 to a file", function.name)
    reachable = facts.restored.union(*(function.called for function in facts.functions if function.name))
    for function in facts.functions:
        keeping = sorted(function.operations & KEEPS)
        if keeping and function.name in reachable:
            raise _refuse(keeping[0], function.name)


def reaches_out(operation: str) -> bool:
    """Return whether an operation of this name touches files, other processes, the network or Python."""
    return bool(REACHES_OUT.search(operation)) and not HARMLESS.fullmatch(operation)


def _refuse(operation: str, function: str) -> DangerousModelFile:
    place = f"its function {function[:80]}" if function else "its graph"
    return DangerousModelFile(
        f"The model uses the operation {operation[:60]} in {place}, which reaches out of the model, so it was not "
        "opened.",
        HINT_OUT,
    )


class _OfTensorFlow1(Exception):
    """The file has none of the objects that TensorFlow 2 restores."""


Place = tuple[int, int]


class _Reader:
    """Finds fields of nested messages by their numbers."""

    def __init__(self, content: bytes) -> None:
        self._content, self._file = content, io.BytesIO(content)

    def find(self, place: Place, path: tuple[int, ...]) -> Iterator[Place]:
        """Yield where each field at the end of a path of field numbers lies, within the message at a place."""
        for field in read_places(self._file, *place):
            if field.number != path[0]:
                continue
            if len(path) == 1:
                yield field.begin, field.end
            else:
                yield from self.find((field.begin, field.end), path[1:])

    def read(self, place: Place, path: tuple[int, ...]) -> list[str]:
        """Return the texts at the end of a path."""
        return [self.get(found).decode("utf-8", "replace") for found in self.find(place, path)]

    def get(self, place: Place) -> bytes:
        """Return the bytes of a place."""
        return self._content[place[0] : place[1]]


def _read_graph(reader: _Reader, graph: Place) -> SavedFacts:
    functions = [_read_function(reader, "", reader.find(graph, NODE))]
    for place in reader.find(graph, FUNCTION):
        name = "".join(reader.read(place, FUNCTION_NAME)[-1:])
        functions.append(_read_function(reader, name, reader.find(place, FUNCTION_NODE)))
    return SavedFacts(
        "".join(reader.read(graph, VERSION)[-1:]),
        tuple(functions),
        frozenset(reader.read(graph, RESTORED)),
        tuple(sorted(reader.read(graph, SIGNATURE))),
        tuple(reader.read(graph, ASSET)),
    )


def _read_function(reader: _Reader, name: str, nodes: Iterable[Place]) -> SavedFunction:
    operations: set[str] = set()
    called: set[str] = set()
    prints = False
    for node in nodes:
        named = reader.read(node, OPERATION)
        operations.update(named)
        called.update(named, reader.read(node, CALLED), reader.read(node, CALLED_IN_LIST))
        prints = prints or ("PrintV2" in named and TO_A_FILE in reader.get(node))
    return SavedFunction(name, frozenset(operations), frozenset(called), prints)
