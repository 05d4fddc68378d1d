"""Ten minutes of the serving runtime at its worst: overload, ends, hostile models, changes of the model.

Each part is a file beside this one, with its amounts at its top: what tests/serving asks briefly, asked for long.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.serving_drain import drain
from tests.soak.serving_hostile import attack
from tests.soak.serving_overload import overload
from tests.soak.serving_versions import turn

SEED = 20261130
PARTS = {"overload": overload, "drain": drain, "hostile": attack, "versions": turn}


def run() -> dict[str, object]:
    """Do each part. Raises RuntimeError with the part, the seed and the promise that was not kept."""
    return {"seed": SEED, **{name: run_part(name, part) for name, part in PARTS.items()}}


def run_part(name: str, part: Callable[[Path, random.Random], dict[str, object]]) -> dict[str, object]:
    """Return the figures of one part, whose chance is its own, so that it can be run alone."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airgate-serving-") as folder:
        try:
            figures = part(Path(folder), random.Random(f"{SEED} {name}"))
        except Exception as error:
            raise RuntimeError(f"serving, {name}, seed {SEED}: {error}") from error
    print(f"  {name}: {figures}", flush=True)
    return {"minutes": round((time.monotonic() - begin) / 60, 1), **figures}
