"""What a SavedModel says of itself, read without TensorFlow: its version, its signatures, and the operations in it.

A SavedModel is a program. Its file is one protobuf message, SavedModel, whose functions are lists of operations; those
that touch files, other processes or Python are refused by name before TensorFlow sees the file. Field numbers are those
of `tensorflow/core/protobuf/{saved_model,meta_graph}.proto` and `tensorflow/core/framework/{graph,function}.proto`.
Of several graphs the one for serving is read; a graph without objects, as TensorFlow 1 wrote them, is judged by what of
it is run (`tensorflow_session.py`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from airgate_serving.errors import BadModelFile, DangerousModelFile
from airgate_serving.formats.tensorflow_message import MessageReader, Place
from airgate_serving.formats.tensorflow_session import (
    KEEPS,
    READS_WORDS,
    Session,
    find_reaching,
    list_assets,
    read_session,
)

META_GRAPH = (2,)  # of SavedModel, repeated; what follows begins there
TAG, VERSION = (1, 4), (1, 5)
NODE, FUNCTION = (2, 1), (2, 2, 1)
FUNCTION_NAME, FUNCTION_NODE, FUNCTION_ATTRIBUTE = (1, 1), (3,), (5, 1)
STANDS_IN = "api_implements"  # the attribute of a function that TensorFlow may call in the place of another
OPERATION, CALLED, CALLED_IN_LIST = (2,), (5, 2, 10, 1), (5, 2, 1, 9, 1)  # of a node
OBJECTS, RESTORED = (7,), (7, 2, 1)  # the graph of objects, and the functions that it restores
SIGNATURE, ASSET_FILE = (5, 1), (2,)  # names of signatures; of an AssetFileDef, that of a file in the folder of assets
SERVE = "serve"  # the tag of the graph that is meant to answer
REACHES_OUT = re.compile(
    r"Dataset|Iterator|File|Reader|RecordInput|PyFunc|Summary|Writer|Snapshot|Debug|ImmutableConst|Proto"
    r"|Remap|Collective|Send|Recv|Rpc|TPU|RemoteCall|SymbolicGradient|DistributedSave|Mlir|TRT"
)
HARMLESS = re.compile(  # a table's words are the model's own file; a summary is a text until a writer has it
    r"InitializeTableFromTextFile(V2)?|ShardedFilename|(Scalar|Histogram|Image|Audio|Tensor|Merge)Summary(V2)?"
)
TO_A_FILE = b"file://"  # where PrintV2 may print
HINT_EXPORT = "Export it again with model.export(FOLDER) of Keras, or tf.saved_model.save(model, FOLDER)."
HINT_TAG = "Export it again with the tag serve: add_meta_graph_and_variables(session, ['serve'], …)."
HINT_WORDS = "Export its files of words with it: assets_collection=tf.compat.v1.get_collection('asset_filepaths')."
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
    """What the file says. version: of TensorFlow, empty when it says none. restored: functions that loading opens,
    or a call may, unnamed.

    tags: those of the graph that was chosen, None where there is but one. session: there for a graph of TensorFlow 1.
    """

    version: str
    functions: tuple[SavedFunction, ...]
    restored: frozenset[str]
    signatures: tuple[str, ...]
    assets: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    session: Session | None = None


def read_facts(content: bytes) -> SavedFacts:
    """Return what a saved_model.pb says. Raises BadModelFile for one that is damaged or has no graph to serve."""
    reader = MessageReader(content)
    try:
        graphs = list(reader.find(reader.whole, META_GRAPH))
        tags = [tuple(reader.read(graph, TAG)) for graph in graphs]
        chosen = choose_graph(tags)
        if chosen is not None:
            return _read_graph(reader, graphs[chosen], tags[chosen] if len(graphs) > 1 else None)
    except BadModelFile as error:
        raise BadModelFile("The file saved_model.pb is damaged or cut short.", HINT_EXPORT) from error
    there = "; ".join(", ".join(found)[:60] or "one without tags" for found in tags[:8]) or "none"
    raise BadModelFile(f"The SavedModel has no graph with the tag {SERVE}; it has {there}.", HINT_TAG)


def choose_graph(tags: Sequence[tuple[str, ...]]) -> int | None:
    """Return which of several graphs is the one to serve, by their tags; None where no tag says so."""
    if len(tags) == 1:
        return 0
    serving = [place for place, found in enumerate(tags) if SERVE in found]
    return min(serving, key=lambda place: (len(set(tags[place])), place), default=None)


def require_calm(facts: SavedFacts) -> None:
    """Raise DangerousModelFile, naming the operation or the file, for a model that would reach out of itself."""
    for asset in facts.assets:
        if PurePosixPath(asset).is_absolute() or ".." in PurePosixPath(asset).parts:
            raise DangerousModelFile(f"The model names {asset[:80]!r}, a file outside of it.", HINT_EXPORT)
    for function in facts.functions:
        found = sorted(name for name in function.operations if reaches_out(name))
        if found or function.prints:
            raise _refuse(found[0] if found else "PrintV2 to a file", function.name)
    of_session = find_reaching(facts.session) if facts.session else ""
    if of_session:
        raise _refuse(of_session, "")
    callers = [function for function in facts.functions if function.name or facts.session]
    reachable = facts.restored.union(*(function.called for function in callers))
    for function in facts.functions:
        keeping = sorted(function.operations & KEEPS)
        if keeping and function.name in reachable:
            raise _refuse(keeping[0], function.name)


def reaches_out(operation: str) -> bool:
    """Return whether an operation of this name touches files, other processes, the network or Python."""
    return bool(REACHES_OUT.search(operation)) and not HARMLESS.fullmatch(operation)


def _refuse(operation: str, function: str) -> DangerousModelFile:
    """Return why a model was not opened. function: where the operation stands, empty for the graph itself."""
    place = f"its function {function[:80]}" if function else "its graph"
    return DangerousModelFile(
        f"The model uses the operation {operation[:60]} in {place}, which reaches out of the model, so it was not "
        "opened.",
        HINT_WORDS if operation in READS_WORDS else HINT_OUT,
    )


def _read_graph(reader: MessageReader, graph: Place, tags: tuple[str, ...] | None) -> SavedFacts:
    """Return what is said of a graph. TensorFlow itself takes one of several for its session, with objects or not."""
    functions = [_read_function(reader, "", reader.find(graph, NODE))]
    stand_ins: set[str] = set()
    for place in reader.find(graph, FUNCTION):
        name = reader.read_last(place, FUNCTION_NAME)
        stand_ins.update({name} if STANDS_IN in reader.read(place, FUNCTION_ATTRIBUTE) else ())
        functions.append(_read_function(reader, name, reader.find(place, FUNCTION_NODE)))
    has_objects = any(True for _ in reader.find(graph, OBJECTS))
    return SavedFacts(
        reader.read_last(graph, VERSION),
        tuple(functions),
        frozenset(stand_ins.union(reader.read(graph, RESTORED))),
        tuple(sorted(reader.read(graph, SIGNATURE))),
        tuple(name for asset in list_assets(reader, graph) for name in reader.read(asset, ASSET_FILE)),
        tags,
        None if has_objects and tags is None else read_session(reader, graph),
    )


def _read_function(reader: MessageReader, name: str, nodes: Iterable[Place]) -> SavedFunction:
    operations: set[str] = set()
    called: set[str] = set()
    prints = False
    for node in nodes:
        named = reader.read(node, OPERATION)
        operations.update(named)
        called.update(named, reader.read(node, CALLED), reader.read(node, CALLED_IN_LIST))
        prints = prints or ("PrintV2" in named and TO_A_FILE in reader.get(node))
    return SavedFunction(name, frozenset(operations), frozenset(called), prints)
