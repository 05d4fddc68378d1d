"""A graph of TensorFlow 1, which a session ran: what of it is run here, and whether that touches files.

Such a graph holds its own saver: operations that write and read the variables' files. Loading runs the one that
restores them, with the name of the model's own files given to it, then what fills tables and local variables, each
given the model's own files of words; a question runs what leads to the outputs of a signature. Nothing else is ever
run. So the saver's operations may be there, but what is run may lead to them in that one way alone.
Field numbers are those of `tensorflow/core/protobuf/{meta_graph,saver,variable}.proto` and
`tensorflow/core/framework/node_def.proto`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from airgate_serving.formats.tensorflow_message import MessageReader, Place

NODE = (2, 1)  # of MetaGraphDef, as the next four
SAVER_FILE, SAVER_RESTORE = (3, 1), (3, 3)
COLLECTION, SIGNATURE, ASSET = (4,), (5,), (6,)
NODE_NAME, NODE_OPERATION, NODE_INPUT = 1, 2, 3
KEY, OUTPUT = (1,), (2, 2, 2)  # of a signature's entry; the outputs of SignatureDef are a map too, of TensorInfo
TENSOR_NAMES = ((1,), (4, 1), (4, 2), (4, 3))  # of TensorInfo: one tensor, or the three of a sparse one
COMPONENT = (5, 2)  # of TensorInfo: each TensorInfo of one that is put together
NAMED, INITIALIZER = (2, 1, 1), (2, 2, 1, 2)  # of a collection's entry: names of nodes; VariableDef.initializer_name
PACKED_ASSET = (2, 5, 1, 2)  # of a collection's entry: AssetFileDef as Any
ASSET_TENSOR = (1, 1)  # of AssetFileDef
LOCAL_VARIABLES, PACKED_ASSETS = "local_variables", "saved_model_assets"
BEGINS = "__saved_model_init_op"  # the signature that is no signature: what is run once when the model is loaded

RESTORES = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
KEEPS = RESTORES | {"SaveV2", "MergeV2Checkpoints", "ShardedFilename", "Save", "SaveSlices"}
READS_WORDS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})


@dataclass(frozen=True, slots=True)
class Node:
    """An operation of the graph. inputs: `name:0` for an output of another, `^name` for one to be run before."""

    operations: frozenset[str]  # one, unless the file says several, of which the last would hold
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """The nodes of a graph by name, and from which of them what is run leads on.

    answers: the outputs of signatures. begins: what fills tables. restores: the saver's operation, which is given the
    file's name as the tensor `file`. assets: tensors that are given names of the model's own files.
    """

    nodes: dict[str, Node]
    answers: frozenset[str]
    begins: frozenset[str]
    restores: str
    file: str
    assets: frozenset[str]


def read_session(reader: MessageReader, graph: Place) -> Session:
    """Return what the MetaGraphDef at a place says. Raises BadModelFile where it is damaged."""
    signatures = [(reader.read_last(entry, KEY), entry) for entry in reader.find(graph, SIGNATURE)]
    collections = [(reader.read_last(entry, KEY), entry) for entry in reader.find(graph, COLLECTION)]
    begins = {name for _, entry in collections for name in reader.read(entry, NAMED)}
    for key, entry in collections:
        begins.update(reader.read(entry, INITIALIZER) if key == LOCAL_VARIABLES else ())
    outputs: dict[bool, set[str]] = {True: set(), False: set()}  # by whether it is no signature
    for key, entry in signatures:
        outputs[key == BEGINS].update(_list_tensors(reader, entry))
    return Session(
        _read_nodes(reader, graph),
        frozenset(outputs[False]),
        frozenset(begins | outputs[True]),
        reader.read_last(graph, SAVER_RESTORE),
        _name_tensor(reader.read_last(graph, SAVER_FILE)),
        frozenset(_name_tensor(reader.read_last(asset, ASSET_TENSOR)) for asset in list_assets(reader, graph)),
    )


def _list_tensors(reader: MessageReader, entry: Place) -> Iterator[str]:
    """Yield the names of all tensors that a signature's outputs are made of."""
    ahead = list(reader.find(entry, OUTPUT))
    while ahead:
        info = ahead.pop()
        for path in TENSOR_NAMES:
            yield from reader.read(info, path)
        ahead += reader.find(info, COMPONENT)


def list_assets(reader: MessageReader, graph: Place) -> Iterator[Place]:
    """Yield where each AssetFileDef of a graph lies: in a field of its own, or as older files have it."""
    yield from reader.find(graph, ASSET)
    for entry in reader.find(graph, COLLECTION):
        if reader.read_last(entry, KEY) == PACKED_ASSETS:
            yield from reader.find(entry, PACKED_ASSET)


def find_reaching(session: Session) -> str:
    """Return an operation that is run and touches other files than the model's own; empty where none is."""
    found = _list_operations(session, session.answers) & (KEEPS | READS_WORDS)
    found |= _list_operations(session, session.begins) & KEEPS
    return min(found | _find_foreign_words(session) | _find_foreign_variables(session), default="")


def _list_operations(session: Session, wanted: Iterable[str]) -> set[str]:
    """Return the operations that are run for some tensors."""
    return {operation for node in _walk(session, wanted) for operation in node.operations}


def _find_foreign_words(session: Session) -> set[str]:
    """Return what fills a table from another file than one of the model's own."""
    nodes = [node for node in _walk(session, session.begins) if not session.assets.issuperset(node.inputs[1:2])]
    return {operation for node in nodes for operation in node.operations & READS_WORDS}


def _find_foreign_variables(session: Session) -> set[str]:
    """Return what would be run to restore the variables and writes, or reads other files than the one it is given."""
    found: set[str] = set()
    for node in _walk(session, (session.restores,)):
        found |= node.operations & (KEEPS - RESTORES | READS_WORDS)
        found |= node.operations & RESTORES if node.inputs[:1] != (session.file,) else set()
    return found


def _walk(session: Session, wanted: Iterable[str]) -> list[Node]:
    """Return all nodes that are run for some tensors or operations."""
    seen: set[str] = set()
    ahead = [_name_node(name) for name in wanted]
    while ahead:
        name = ahead.pop()
        if name in session.nodes and name not in seen:
            seen.add(name)
            ahead += [_name_node(one) for one in session.nodes[name].inputs]
    return [session.nodes[name] for name in seen]


def _read_nodes(reader: MessageReader, graph: Place) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for place in reader.find(graph, NODE):
        name, operations, inputs = "", set[str](), []
        for number, field in reader.list_fields(place):
            if number == NODE_NAME:
                name = reader.read_text(field)
            elif number == NODE_OPERATION:
                operations.add(reader.read_text(field))
            elif number == NODE_INPUT:
                inputs.append(_name_tensor(reader.read_text(field)))
        nodes[name] = Node(frozenset(operations), tuple(inputs))
    return nodes


def _name_tensor(name: str) -> str:
    """Return a tensor's name in full: an operation's first output may be called as the operation is."""
    return name if not name or ":" in name or name.startswith("^") else f"{name}:0"


def _name_node(name: str) -> str:
    """Return the name of the node that a tensor comes out of."""
    return name.removeprefix("^").partition(":")[0]
