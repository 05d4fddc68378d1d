"""Fields of a protobuf message of TensorFlow's, found by their numbers without TensorFlow.

What comes in are bytes of a stranger's; what goes out are places in them and texts. Fields written otherwise than as
texts or messages are passed over, as TensorFlow's own reader passes over a field whose kind is not the one it knows.
"""

import io
from collections.abc import Iterator

from airgate_serving.formats.onnx_file import WIRE_BYTES, read_places

Place = tuple[int, int]
"""Where a field's content begins and ends."""


class MessageReader:
    """Finds fields of nested messages by their numbers. Everything raises BadModelFile where the bytes are damaged."""

    def __init__(self, content: bytes) -> None:
        """Read the message that `content` is."""
        self._content, self._file = content, io.BytesIO(content)
        self.whole: Place = (0, len(content))

    def list_fields(self, place: Place) -> Iterator[tuple[int, Place]]:
        """Yield number and place of each text or message within the message at a place."""
        for field in read_places(self._file, *place):
            if field.wire == WIRE_BYTES:
                yield field.number, (field.begin, field.end)

    def find(self, place: Place, path: tuple[int, ...]) -> Iterator[Place]:
        """Yield where each field at the end of a path of field numbers lies, within the message at a place."""
        for number, found in self.list_fields(place):
            if number != path[0]:
                continue
            if len(path) == 1:
                yield found
            else:
                yield from self.find(found, path[1:])

    def read(self, place: Place, path: tuple[int, ...]) -> list[str]:
        """Return the texts at the end of a path."""
        return [self.read_text(found) for found in self.find(place, path)]

    def read_last(self, place: Place, path: tuple[int, ...]) -> str:
        """Return the text of a field that is not repeated: of several the last holds; empty where there is none."""
        return "".join(self.read(place, path)[-1:])

    def read_text(self, place: Place) -> str:
        """Return the text at a place."""
        return self.get(place).decode("utf-8", "replace")

    def get(self, place: Place) -> bytes:
        """Return the bytes of a place."""
        return self._content[place[0] : place[1]]
