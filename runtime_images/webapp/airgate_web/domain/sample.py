"""A script's own example of its arguments (`SAMPLE`): what of it is kept. Pure."""

import json

from airgate_web.domain.errors import BadModel

BYTES_MAX = 64 * 1024  # of it as JSON: it is kept with the version and shown in a text field
DEPTH_MAX = 32  # lists and objects in one another


def read_sample(value: object) -> object:
    """Return the example that a script names; BadModel, saying what to write instead, when it cannot be kept."""
    if is_deeper(value, DEPTH_MAX):
        raise BadModel(
            f"The script's SAMPLE has more than {DEPTH_MAX} lists or objects in one another.", "Write a flatter one."
        )
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):  # what no JSON has, NaN, or half a character
        raise BadModel("The script's SAMPLE is not JSON.", "Use numbers, text, lists and dictionaries.") from None
    if size > BYTES_MAX:
        raise BadModel(
            f"The script's SAMPLE has {size:,} bytes as JSON, over the limit of {BYTES_MAX:,}.",
            "Write a smaller example; SAMPLE is what the Test page begins with.",
        )
    return value


def is_deeper(value: object, levels: int) -> bool:
    """Return whether there are more than so many lists and objects in one another."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not isinstance(value, dict | list):
        return False
    return levels == 0 or any(is_deeper(item, levels - 1) for item in items)
