"""What of an ONNX graph ONNX Runtime does not tell: the shapes of tensors in sequences, and the keys of maps.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Tensors are stepped over unread, so
the size of the weights does not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from airgate_serving.formats.onnx_file import Field, read_places
from airgate_serving.tensors import ANY, Scalar

MODEL_GRAPH, GRAPH_NODE, GRAPH_INPUT = 7, 1, 11
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR, TYPE_SEQUENCE, TYPE_OPTIONAL, ELEMENT = 1, 4, 9, 1
TENSOR_SHAPE, SHAPE_DIMENSION, DIMENSION_SIZE = 2, 1, 1
NODE_INPUT, NODE_KIND, NODE_ATTRIBUTE = 1, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INTS, ATTRIBUTE_STRINGS = 1, 8, 9
MAP_READER = "DictVectorizer"  # https://onnx.ai/onnx/operators/onnx_aionnxml_DictVectorizer.html
VOCABULARIES = ("string_vocabulary", "int64_vocabulary")
SIGN = 1 << 63


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """By the name of an input: the shape of each of its tensors, where it is known; the keys that its map may have."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    keys: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)


def read_graph(file: BinaryIO, size: int) -> GraphFacts:
    """Return what the graph of an ONNX file of `size` bytes says. Raises BadModelFile where it is damaged."""
    facts = GraphFacts()
    for graph in _enter(file, Field(0, 0, size), MODEL_GRAPH):
        for one in read_places(file, graph.begin, graph.end):
            if one.number == GRAPH_INPUT:
                _read_input(file, one, facts)
            elif one.number == GRAPH_NODE:
                _read_node(file, one, facts)
    return facts


def _enter(file: BinaryIO, outer: Field, *numbers: int) -> Iterator[Field]:
    """Yield the fields at the end of a path of field numbers."""
    for one in read_places(file, outer.begin, outer.end):
        if one.number == numbers[0]:
            yield from _enter(file, one, *numbers[1:]) if len(numbers) > 1 else (one,)


def _read_text(file: BinaryIO, place: Field) -> str:
    file.seek(place.begin)
    return file.read(place.end - place.begin).decode("utf-8", "replace")


def _read_input(file: BinaryIO, place: Field, facts: GraphFacts) -> None:
    name = "".join(_read_text(file, one) for one in _enter(file, place, VALUE_NAME))
    for kind in _enter(file, place, VALUE_TYPE):
        shape = _read_shape(file, _find_innermost(file, kind))
        if shape is not None:
            facts.shapes[name] = shape


def _find_innermost(file: BinaryIO, kind: Field) -> Field:
    """Return the type within all sequences and optionals."""
    for wrapper in (TYPE_OPTIONAL, TYPE_SEQUENCE):
        kind = next(_enter(file, kind, wrapper, ELEMENT), kind)
    return kind


def _read_shape(file: BinaryIO, kind: Field) -> tuple[int, ...] | None:
    """Return a tensor's shape, ANY where a size is a name; None where not even its rank is known."""
    shape = next(_enter(file, kind, TYPE_TENSOR, TENSOR_SHAPE), None)
    if shape is None:
        return None
    sizes = [list(_enter(file, one, DIMENSION_SIZE)) for one in _enter(file, shape, SHAPE_DIMENSION)]
    return tuple(found[-1].value if found and 0 < found[-1].value < SIGN else ANY for found in sizes)


def _read_node(file: BinaryIO, place: Field, facts: GraphFacts) -> None:
    """Note the keys of a map that a node reads."""
    kind = next(_enter(file, place, NODE_KIND), None)
    if kind is None or kind.end - kind.begin != len(MAP_READER) or _read_text(file, kind) != MAP_READER:
        return
    name = "".join(_read_text(file, one) for one in _enter(file, place, NODE_INPUT))
    for attribute in _enter(file, place, NODE_ATTRIBUTE):
        if any(_read_text(file, one) in VOCABULARIES for one in _enter(file, attribute, ATTRIBUTE_NAME)):
            texts = [_read_text(file, one) for one in _enter(file, attribute, ATTRIBUTE_STRINGS)]
            numbers = [_sign(one.value) for one in _enter(file, attribute, ATTRIBUTE_INTS) if one.begin == one.end]
            facts.keys[name] = (*texts, *numbers)


def _sign(value: int) -> int:
    return value - 2 * SIGN if value >= SIGN else value
