"""Forms with files (multipart/form-data): what a page or `curl -F` sends.

A part named X, or `args`, holds rows: JSON as the records door takes it, or CSV when its name or type says so. Other
parts are named like the model's inputs, one value or one file each: a NumPy file (.npy) is a whole tensor, JSON a
value of one row, anything else the text or the bytes of one row.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.lib import format as numpy_format
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header

from airgate_serving.codecs.csv_rows import read_csv, read_number
from airgate_serving.codecs.records import Table, arrange, read_arguments
from airgate_serving.codecs.stack import stack
from airgate_serving.elements import cast_array, check_shape
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import Array, Signature, Tensors, TensorSpec

CONTENT_FORM = "multipart/form-data"
ROWS, ARGUMENTS = "X", "args"
HINT = "Send a part named X with JSON or CSV, or one part for each input of the model."
MARK_NUMPY = b"\x93NUMPY"
logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it would write what is wrong with bodies into the log


@dataclass(frozen=True, slots=True)
class Part:
    """One field or file of a form."""

    name: str
    content: bytes
    filename: str = ""
    content_type: str = ""

    def is_csv(self) -> bool:
        """Return whether the part says that it is CSV."""
        return self.filename.lower().endswith(".csv") or self.content_type.startswith("text/csv")

    def is_json(self) -> bool:
        """Return whether the part says that it is JSON."""
        return self.filename.lower().endswith(".json") or self.content_type.startswith("application/json")


def decode_form(body: bytes, content_type: str, signature: Signature) -> tuple[Tensors, Table]:
    """Return the tensors of a form and the table to answer in. Raises BadRequest with one sentence."""
    parts = {part.name: part for part in read_parts(body, content_type)}
    for name in (ARGUMENTS, ROWS):
        if name in parts and name not in signature.input_by_name:
            return _read_rows(parts[name], signature)
    if ROWS in parts and not parts[ROWS].content.startswith(MARK_NUMPY):
        return _read_rows(parts[ROWS], signature)
    return _read_inputs(parts, signature)


def read_parts(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form, all in memory. Raises BadRequest when it is no form."""
    _, options = parse_options_header(content_type.encode("latin-1", "replace"))
    parts: list[Part] = []
    try:
        parser = FormParser(
            CONTENT_FORM,
            lambda field: parts.append(_read_field(field)),
            lambda file: parts.append(_read_file(file)),
            boundary=options.get(b"boundary", b""),
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},  # a locked process has no folder to spill into
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"The body is not a form: {str(error)[:200]}.", HINT) from error
    return parts


def _read_field(field: Any) -> Part:
    return Part(_read_name(field.field_name), field.value or b"", content_type=field.content_type or "")


def _read_file(file: Any) -> Part:
    file.file_object.seek(0)
    content = file.file_object.read()
    return Part(_read_name(file.field_name), content, _read_name(file.file_name), file.content_type or "")


def _read_name(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def _read_rows(part: Part, signature: Signature) -> tuple[Tensors, Table]:
    if part.is_csv():
        table = read_csv(part.content, signature)
        return arrange(table, signature), table
    rows = _read_json(part)
    return read_arguments(rows if part.name == ARGUMENTS else {ROWS: rows}, signature)


def _read_json(part: Part) -> Any:
    try:
        return orjson.loads(part.content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The part {part.name[:60]!r} is not JSON: {error}.", HINT) from error


def _read_inputs(parts: dict[str, Part], signature: Signature) -> tuple[Tensors, Table]:
    """Return one tensor a part; the answer has as many rows as the first one."""
    if set(parts) != set(signature.input_by_name):
        raise BadRequest(f"The form has {_list(parts)}; the model takes {_list(signature.input_by_name)}.", HINT)
    tensors = {spec.name: _read_input(parts[spec.name], spec) for spec in signature.inputs}
    first = next(iter(tensors.values()))
    return tensors, Table((), [[]] * (first.shape[0] if first.ndim else 1))


def _read_input(part: Part, spec: TensorSpec) -> Array:
    if part.content.startswith(MARK_NUMPY):
        array = cast_array(_read_numpy(part), spec)
        check_shape(array.shape, spec)
        return array
    if part.is_json():
        return stack([_read_json(part)], spec)
    text = part.content.decode("utf-8", "replace")
    return stack([text if spec.datatype == "BYTES" else read_number(text)], spec)


def _read_numpy(part: Part) -> Array:
    """Return the array of a .npy file, whose header is believed only as far as the bytes behind it go."""
    file = io.BytesIO(part.content)
    try:
        version = numpy_format.read_magic(file)
        read_header = numpy_format.read_array_header_1_0 if version == (1, 0) else numpy_format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(file)
        if dtype.kind not in "biufU":
            raise BadRequest(f"The part {part.name[:60]!r} holds {dtype}, which is neither numbers nor texts.", HINT)
        array = np.frombuffer(part.content[file.tell() :], dtype).reshape(shape, order="F" if is_fortran else "C")
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, AttributeError) as error:
        raise BadRequest(f"The part {part.name[:60]!r} is not a NumPy file: {str(error)[:120]}.", HINT) from error
    return array.astype(object) if dtype.kind == "U" else array.astype(dtype.newbyteorder("="))


def _list(names: Sequence[str] | dict[str, Any]) -> str:
    return ", ".join(repr(str(name)[:60]) for name in list(names)[:20]) or "no parts"
