"""The heads of requests and answers in HTTP/1.1: pure."""

from functools import lru_cache
from http import HTTPStatus

from airgate_serving.rest.door import Pairs

HEADS = 64  # beginnings of answers that are kept


class Headers:
    """A request's headers; of one that came twice the first."""

    __slots__ = ("raw",)

    def __init__(self) -> None:
        """Start with none. raw: values by lower-case names."""
        self.raw: dict[bytes, bytes] = {}

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a header by its lower-case name."""
        value = self.raw.get(name.encode())
        return default if value is None else value.decode("latin-1")


def read_path(target: bytes) -> str:
    """Return the path of a target, which somebody may send with scheme and host, as to a proxy."""
    path = target.partition(b"?")[0]
    if not path.startswith(b"/") and b"://" in path:
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return path.decode("latin-1")


def write_request_head(method: bytes, target: bytes, version: str, headers: Headers) -> bytes:
    """Return a request's head without the wish for another protocol, and without what has been answered by then."""
    left_out = (b"upgrade", b"connection", b"expect")
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % pair for pair in headers.raw.items() if pair[0] not in left_out]
    return b"\r\n".join([*lines, b"", b""])


@lru_cache(HEADS)
def write_head(status: int, content_type: str, headers: Pairs, keep: bool) -> bytes:
    """Return the beginning of an answer, which few answers have for themselves; its last lines are still to come."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [] if keep else ["connection: close"]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")
