"""From an answer to a picture of it, and to text that reads well. Pure."""

import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence

SHARES_MAX = 20  # bars that still fit
SLACK = 0.02  # how far from 1 the sum of probabilities may be: they are single floats
FLAT_LIST = re.compile(r"\[\n(?P<indent> *)(?P<elements>[^\[\]{}]*?)\s+\]")  # without lists in it, one element a line
SPREAD_COMMA = re.compile(r",\s+")
LINE = 60  # characters of a list that may stand on one line

Shares = tuple[tuple[str, float], ...]


def find_shares(result: object) -> Shares:
    """Return the first row's probabilities as (name, share), or () when the answer has none."""
    row = result[0] if isinstance(result, list) and result else result
    candidates = list(row.values()) if isinstance(row, Mapping) else [row]
    if isinstance(row, Mapping):
        candidates.append(row)
    return next((shares for shares in map(read_shares, candidates) if shares), ())


def read_shares(value: object) -> Shares:
    """Return a list or an object of numbers that add up to 1 as shares, else ()."""
    if isinstance(value, list) and len(value) == 1:
        return read_shares(value[0])
    pairs: Sequence[tuple[str, object]] = ()
    if isinstance(value, Mapping):
        pairs = [(str(name), share) for name, share in value.items()]
    elif isinstance(value, list):
        pairs = [(str(place), share) for place, share in enumerate(value)]
    shares = tuple(
        (name, share) for name, share in ((name, read_share(one)) for name, one in pairs) if share is not None
    )
    fits = 2 <= len(pairs) <= SHARES_MAX and len(shares) == len(pairs)
    return shares if fits and abs(sum(share for _, share in shares) - 1) <= SLACK else ()


def read_share(value: object) -> float | None:
    """Return a number from 0 to 1, else None; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if -SLACK <= value <= 1 + SLACK else None


def write_json(value: object) -> str:
    """Return JSON for reading: indented, but a list of plain values fills its lines."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return FLAT_LIST.sub(fill_lines, text)


def fill_lines(found: re.Match[str]) -> str:
    """Return a flat list on one line when it fits, else on full lines of its own indent."""
    joined = SPREAD_COMMA.sub(", ", found["elements"])
    if len(joined) <= LINE:
        return f"[{joined}]"
    indent = found["indent"]
    lines = textwrap.fill(joined, LINE, break_long_words=False, break_on_hyphens=False).replace("\n", f"\n{indent}")
    return f"[\n{indent}{lines}\n{indent[:-2]}]"


def write_seconds(seconds: float) -> str:
    """Return a duration as people read it: "0.4 ms", "38 ms", "2.1 s"."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def write_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: "n × 64"; a free dimension is n."""
    return " × ".join("n" if size == -1 else str(size) for size in shape) or "one value"
