"""From an answer to a picture of it, and to text that reads well. Pure."""

import json
import math
from collections.abc import Mapping, Sequence

from airgate_web.domain.model import Signature

SHARES_MAX = 20  # bars that still fit
SLACK = 0.02  # how far from 1 the sum of probabilities may be: they are single floats
INDENT = "  "
LINE = 60  # characters of a list that may stand on one line

Shares = tuple[tuple[str, float], ...]


def find_shares(result: object, signature: Signature) -> Shares:
    """Return the first row's probabilities as (name, share), or () when the answer has none.

    The names are the classes of that output where the signature knows them, else places from 0.
    """
    row = result[0] if isinstance(result, list) and result else result
    if not isinstance(row, Mapping):
        return read_shares(row, ())
    classes = {spec.name: spec.values for spec in signature.outputs}
    found = (read_shares(value, classes.get(name, ())) for name, value in row.items())
    return next((shares for shares in found if shares), ()) or read_shares(row, ())


def read_shares(value: object, classes: Sequence[object]) -> Shares:
    """Return a list or an object of numbers that add up to 1 as shares, else ()."""
    if isinstance(value, list) and len(value) == 1:
        return read_shares(value[0], classes)
    pairs: Sequence[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(zip(classes if len(classes) == len(value) else range(len(value)), value, strict=True))
    read = ((str(name), read_share(one)) for name, one in pairs)
    shares = tuple((name, share) for name, share in read if share is not None)
    fits = 2 <= len(pairs) <= SHARES_MAX and len(shares) == len(pairs)
    return shares if fits and abs(sum(share for _, share in shares) - 1) <= SLACK else ()


def read_share(value: object) -> float | None:
    """Return a number from 0 to 1, else None; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if -SLACK <= value <= 1 + SLACK else None


def write_json(value: object, depth: int = 0) -> str:
    """Return JSON for reading: indented, but a list of plain values fills its lines. depth: indents around it."""
    if isinstance(value, Mapping) and value:
        parts = [f"{write_word(str(name))}: {write_json(item, depth + 1)}" for name, item in value.items()]
        return write_block("{", parts, "}", depth)
    if isinstance(value, list | tuple) and value:
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            return write_block("[", [write_json(item, depth + 1) for item in value], "]", depth)
        lines = fill_lines([write_word(item) for item in value])
        return f"[{lines[0]}]" if len(lines) == 1 else write_block("[", lines, "]", depth)
    return write_word(value)


def write_word(value: object) -> str:
    """Return a plain value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def write_block(begin: str, parts: Sequence[str], end: str, depth: int) -> str:
    """Return parts one a line between brackets, indented."""
    inner, outer = INDENT * (depth + 1), INDENT * depth
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}{end}"


def fill_lines(words: Sequence[str]) -> list[str]:
    """Return words joined by commas, as many a line as fit."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 2 <= LINE:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def write_seconds(seconds: float) -> str:
    """Return a duration as people read it: "0.4 ms", "38 ms", "2.1 s"."""
    if seconds < 0.0001:
        return "under 0.1 ms"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def write_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: "n × 64"; a free dimension is n."""
    return " × ".join("n" if size == -1 else str(size) for size in shape) or "one value"
