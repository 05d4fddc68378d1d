"""`python -m tests.bench [NAME]`: run the benchmarks, print their tables, keep their figures."""

import importlib
import sys
import traceback

from airgate_kit import logs  # noqa: F401 -- before anything loads gRPC, whose C core would write between the tables
from tests.bench.figures import render_table, write_figures

NAMES = ("serving", "gateway", "streaming", "plugin", "web", "install")


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; 1 when one broke, 2 for a name that does not exist."""
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"There is no benchmark '{unknown[0]}'. There are: {', '.join(NAMES)}.")
        return 2
    broken = [name for name in arguments or NAMES if not run_one(name)]
    if broken:
        print(f"Broke, with the reason above: {', '.join(broken)}.")
    return 1 if broken else 0


def run_one(name: str) -> bool:
    """Run one benchmark, print its table and keep its figures; False when it broke, so that the others still run."""
    try:
        figures = importlib.import_module(f"tests.bench.{name}").find_figures()
    except Exception:  # noqa: BLE001 -- whatever it was, it is printed
        traceback.print_exc()
        return False
    print(render_table(name, figures))
    print(f"kept in {write_figures(name, figures)}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
