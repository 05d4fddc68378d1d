"""Reads a multipart form as it arrives: fields are kept, the file's bytes are passed on and never held."""

from collections.abc import Iterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from airgate_web.domain.errors import Invalid

FIELDS_MAX = 64 * 1024  # bytes of everything that is not the file


class FormReader:
    """Feed it the body; `fields` and `filename` fill as they come by, `feed` yields what belongs to the file."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Invalid("The form has no boundary.", "Let your HTTP client make the multipart body.")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None  # known as soon as the file begins
        self._file: list[bytes] = []
        self._header, self._value = b"", b""
        self._disposition = b""
        self._part: bytearray | None = None  # None while the part is the file
        self._held = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
            },
        )

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next piece of the body and yield the file's bytes in it; Invalid when it is no form."""
        try:
            self._parser.write(data)
        except MultipartParseError:
            raise Invalid("The form is broken.", "Let your HTTP client make the multipart body.") from None
        chunks, self._file = self._file, []
        yield from chunks

    def _begin_part(self) -> None:
        self._disposition, self._part = b"", bytearray()

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += self._hold(data[start:end])

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._hold(data[start:end])

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        filename = options.get(b"filename")
        if filename is not None:
            if self.filename is not None:
                raise Invalid("The form has two files.", "Send one file a call.")
            self.filename, self._part = filename.decode(errors="replace"), None

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is None:
            self._file.append(data[start:end])
        else:
            self._part += self._hold(data[start:end])

    def _end_part(self) -> None:
        if self._part is not None:
            self.fields[self._name] = self._part.decode(errors="replace")

    def _hold(self, data: bytes) -> bytes:
        """Return what will be kept in memory; Invalid when it has become too much."""
        self._held += len(data)
        if self._held > FIELDS_MAX:
            raise Invalid(f"The form's fields are longer than {FIELDS_MAX // 1024} KiB.", "Send the model as a file.")
        return data
