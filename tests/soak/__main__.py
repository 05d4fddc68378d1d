"""`python -m tests.soak [NAME]`: run, print, keep."""

import datetime
import importlib
import json
import sys
from pathlib import Path

from tests.bench.figures import find_machine

NAMES = ("kills", "kubelet", "flapping", "day", "serving", "images", "large", "pods")
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> int:
    """Run the named soak, or all; 2 for a name that does not exist."""
    for name in arguments or NAMES:
        if name not in NAMES:
            print(f"There is no long run '{name}'. There are: {', '.join(NAMES)}.")
            return 2
        result = importlib.import_module(f"tests.soak.{name}").run()
        path = RESULTS / f"{datetime.date.today():%Y-%m-%d}-{name}.json"
        path.write_text(json.dumps({**result, "machine": find_machine()}, indent=1) + "\n")
        print(f"{name}: {result}\nkept in {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
