"""`python -m tests.bench [NAME]`: run the benchmarks, print their tables, keep their figures."""

import importlib.util
import sys

from tests.bench.figures import render_table, write_figures

NAMES = ("serving", "gateway", "plugin", "web", "install")


def main(arguments: list[str]) -> int:
    """Run the named benchmark, or all; 2 for a name that does not exist."""
    wanted = arguments or [name for name in NAMES if find_module(name)]
    for name in wanted:
        if name not in NAMES or not find_module(name):
            print(f"There is no benchmark '{name}'. There are: {', '.join(n for n in NAMES if find_module(n))}.")
            return 2
        figures = importlib.import_module(f"tests.bench.{name}").find_figures()
        print(render_table(name, figures))
        print(f"kept in {write_figures(name, figures)}", flush=True)
    return 0


def find_module(name: str) -> bool:
    """Return whether the benchmark is there."""
    return importlib.util.find_spec(f"tests.bench.{name}") is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
