"""Inputs that are not plain tensors: maps, sequences of tensors, and optional values.

Each is a tensor of texts of one dimension, a row a text, so that every door can carry it: a row's text is JSON. A map
is an object, a sequence a list, a tensor nested lists, an optional value that is not there null.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.onnx_graph import GraphFacts
from airgate_serving.formats.onnx_types import TEXT_KEYS, Nested, find_onnx_datatype, read_nested, read_shape
from airgate_serving.schemas import describe_map, describe_nested_lists
from airgate_serving.tensors import ANY, Scalar, TensorSpec, make_sample

MOST_KEYS = 256  # that a signature names
MOST_SAMPLED = 16  # of them, in a sample
RANKS = (1, 2, 3, 4)  # to try for a tensor of which nothing is known
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NestedSpec:
    """An input or output that is no plain tensor.

    shape: of each tensor in it, None where not even the rank is known. keys: those that the model knows of its map.
    """

    name: str
    kind: Nested
    shape: tuple[int, ...] | None = None
    keys: tuple[Scalar, ...] = ()
    rank: int = RANKS[0]  # of the sample's tensors where the shape is unknown

    @property
    def words(self) -> str:
        """What a row is, for a sentence: `a sequence of tensors of FP32`."""
        kind, many = self.kind, "s" if self.kind.is_sequence else ""
        key = "text" if kind.keys == TEXT_KEYS else "whole number"
        inner = f"map of {key} to number" if kind.keys else f"tensor{many} of {kind.datatype}"
        return f"a {'sequence of ' if many else ''}{inner}{', or null' if kind.is_optional else ''}"

    @property
    def example(self) -> str:
        """An example of a row's text: a map of the first keys, a sequence of one tensor."""
        if self.kind.keys:
            first = self.keys[:MOST_SAMPLED] or ("a" if self.kind.keys == TEXT_KEYS else 0,)
            value: object = {str(key): 0.0 for key in first}
        else:
            value = make_sample(self.kind.datatype, (ANY,) * self.rank if self.shape is None else self.shape)
        return orjson.dumps([value] if self.kind.is_sequence else value).decode()


def describe_input(node: Any, facts: GraphFacts, rank: int = RANKS[0]) -> TensorSpec:
    """Return the spec of any input. Raises BadModelFile for a type that no door, or no map of ours, can carry."""
    datatype = find_onnx_datatype(node.type)
    if datatype:
        shape = read_shape(node.shape)
        return TensorSpec(node.name, datatype, shape, make_sample(datatype, shape))
    one = read_input(node, facts, rank)
    values = one.keys if len(one.keys) <= MOST_KEYS else ()
    return TensorSpec(node.name, "BYTES", (ANY,), [one.example], values, describe_nested(one))


def read_input(node: Any, facts: GraphFacts, rank: int = RANKS[0]) -> NestedSpec:
    """Return what an input is that is no plain tensor. Raises BadModelFile as `describe_input` does."""
    kind = read_nested(node.type)
    if kind is None:
        raise BadModelFile(
            f"The input {node.name!r} is of type {node.type}, which has no counterpart in Open Inference.",
            "Export the model with inputs of numbers or text, or of maps or sequences of them.",
        )
    if kind.keys and (kind.is_sequence or kind.datatype != "FP32"):
        what = "takes maps to float alone" if not kind.is_sequence else "loses all but the first map of a sequence"
        raise BadModelFile(
            f"The input {node.name!r} is of type {node.type}, and ONNX Runtime's Python library {what}.",
            "Export the model with one map to float, or with inputs of numbers or text.",
        )
    shape = facts.shapes.get(node.name)
    if kind.is_sequence and shape == ():
        shape = None  # exporters write it for tensors of any shape, and ONNX Runtime takes those
    return NestedSpec(node.name, kind, shape, facts.keys.get(node.name, ()), rank)


def describe_nested(one: NestedSpec) -> Json:
    """Return the JSON Schema of a row of an input or output that is no plain tensor."""
    kind = one.kind
    if kind.keys:
        schema = describe_map(one.keys[:MOST_KEYS], whole_keys=kind.keys != TEXT_KEYS)
    else:
        schema = describe_nested_lists(kind.datatype, one.shape)
    if kind.is_sequence:
        schema = {"type": "array", "items": schema}
    if kind.is_optional:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*types, *(() if "null" in types else ("null",))]
    return {"title": one.words, **schema}
