"""Elements: from JSON values and from raw bytes to arrays of the model's type, never losing a digit in silence."""

import math
from collections.abc import Sequence

import numpy as np

from airgate_serving.errors import BadRequest
from airgate_serving.tensors import ANY, DATATYPES, Array, TensorSpec, explain_shape

LENGTH_PREFIX = 4  # bytes before each text in a raw BYTES tensor, little-endian
Json = object


def read_array(data: Json, spec: TensorSpec) -> Array:
    """Return JSON numbers, booleans or texts, nested or flat, as an array of the model's datatype.

    Raises BadRequest for ragged data, for elements of another kind and for numbers that do not fit.
    """
    if spec.datatype == "BYTES":
        return _read_texts(data, spec)
    return cast_array(_read_plain(data, spec.name), spec)


def cast_array(array: Array, spec: TensorSpec) -> Array:
    """Return the array in the model's datatype. Raises BadRequest where that would lose more than precision."""
    wanted = DATATYPES[spec.datatype]
    if array.dtype == wanted:
        return array
    if wanted.kind == "f" and array.dtype.kind in "fiu":
        return _cast_floats(array, spec)
    if array.size == 0 and array.dtype.kind == "f":
        return array.astype(wanted)
    if wanted.kind in "iu" and array.dtype.kind in "iu":
        return _cast_integers(array, spec)
    if wanted.kind == "b" and array.dtype.kind in "iu" and not np.any((array != 0) & (array != 1)):
        return array.astype(wanted)
    raise BadRequest(
        f"The input {spec.name!r} holds {_explain_kind(array)}; the model takes {spec.datatype}.",
        _explain_texts(spec) or "Send elements of that datatype.",
    )


def fit_shape(array: Array, shape: Sequence[int], spec: TensorSpec) -> Array:
    """Return the array in `shape`. Raises BadRequest when the elements do not fill it or the model takes another."""
    if not _fits(shape, spec.shape):
        raise _explain_misfit(shape, spec)
    try:
        return array.reshape(shape)
    except ValueError:
        needed = math.prod(shape)
        raise BadRequest(
            f"The input {spec.name!r} has {array.size} elements; {explain_shape(tuple(shape))} needs {needed}."
        ) from None


def check_shape(shape: Sequence[int], spec: TensorSpec) -> None:
    """Raise BadRequest when a shape is not one that the model takes."""
    if not _fits(shape, spec.shape):
        raise _explain_misfit(shape, spec)


def _explain_misfit(shape: Sequence[int], spec: TensorSpec) -> BadRequest:
    return BadRequest(
        f"The input {spec.name!r} has the shape {explain_shape(tuple(shape))[:200]}; the model takes "
        f"{explain_shape(spec.shape)}, where {ANY} is any size."
    )


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    if len(shape) != len(wanted):
        return False
    for size, free in zip(shape, wanted):  # noqa: B905, SIM110 - a generator costs every request a microsecond
        if size < 0 or (size != free and free != ANY):
            return False
    return True


def read_raw(raw: bytes | memoryview, datatype: str, name: str) -> Array:
    """Return little-endian, row-major bytes as a flat array. Raises BadRequest when they are not whole elements."""
    if datatype == "BYTES":
        return _read_raw_texts(bytes(raw), name)
    dtype = DATATYPES[datatype]
    if len(raw) % dtype.itemsize:
        raise BadRequest(f"The input {name!r} has {len(raw)} bytes, which are not whole elements of {datatype}.")
    return np.frombuffer(raw, dtype=dtype.newbyteorder("<")).astype(dtype, copy=False)


def write_raw(array: Array) -> bytes:
    """Return an array as little-endian, row-major bytes; texts carry their length before them."""
    if array.dtype.kind in "OUS":
        texts = [str(text).encode() for text in array.reshape(-1)]
        return b"".join(len(text).to_bytes(LENGTH_PREFIX, "little") + text for text in texts)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _read_plain(data: Json, name: str) -> Array:
    try:
        array = np.array(data)
    except ValueError as error:
        raise BadRequest(f"The input {name!r} is ragged: its rows are of different lengths.") from error
    except (OverflowError, RecursionError) as error:
        raise BadRequest(f"The input {name!r} holds a number too large for any datatype.") from error
    return _read_missing(array, name) if array.dtype.kind == "O" else array


def _read_missing(array: Array, name: str) -> Array:
    """Return an array with nulls as not-a-number, which is how JSON writes those."""
    for element in array.reshape(-1):
        if element is not None and not isinstance(element, int | float):
            raise BadRequest(f"The input {name!r} holds {_show(element)}, which is not a number.")
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise BadRequest(f"The input {name!r} holds a number too large for any datatype.") from error


def _read_texts(data: Json, spec: TensorSpec) -> Array:
    try:
        array = np.array(data, dtype=object)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The input {spec.name!r} is ragged: its rows are of different lengths.") from error
    if spec.nullable:
        array[array == None] = ""  # noqa: E711 - element by element
    for element in array.reshape(-1):
        if not isinstance(element, str):
            sentence = f"The input {spec.name!r} holds {_show(element)}; the model takes texts (BYTES)."
            raise BadRequest(sentence, _explain_texts(spec))
    return array


def _explain_texts(spec: TensorSpec) -> str:
    """Return a hint for an input whose texts are JSON."""
    return f"Each text is the JSON of {spec.schema['title']}; /predict takes it as it is." if spec.schema else ""


def _cast_floats(array: Array, spec: TensorSpec) -> Array:
    try:
        with np.errstate(over="raise"):
            return array.astype(DATATYPES[spec.datatype])
    except FloatingPointError as error:
        raise BadRequest(f"The input {spec.name!r} holds a number too large for {spec.datatype}.") from error


def _cast_integers(array: Array, spec: TensorSpec) -> Array:
    limits = np.iinfo(DATATYPES[spec.datatype].name)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise BadRequest(
            f"The input {spec.name!r} holds a number outside {limits.min} to {limits.max}, the range of "
            f"{spec.datatype}."
        )
    return array.astype(DATATYPES[spec.datatype])


def _read_raw_texts(raw: bytes, name: str) -> Array:
    texts: list[str] = []
    place = 0
    while place < len(raw):
        start = place + LENGTH_PREFIX
        place = start + int.from_bytes(raw[place:start], "little")
        if start > len(raw) or place > len(raw):
            raise BadRequest(f"The input {name!r} ends in the middle of a text: each needs its length before it.")
        texts.append(_decode_text(raw[start:place], name))
    return np.array(texts, dtype=object)


def _decode_text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The input {name!r} holds a text that is not UTF-8.") from error


def _show(element: object) -> str:
    """Return an element for a sentence; a number may have more digits than Python prints."""
    return repr(element)[:40] if isinstance(element, str | list | dict | None) else f"a {type(element).__name__}"


def _explain_kind(array: Array) -> str:
    kinds = {"f": "fractions", "i": "whole numbers", "u": "whole numbers", "b": "booleans", "U": "texts"}
    return kinds.get(array.dtype.kind, f"elements of type {array.dtype}")
