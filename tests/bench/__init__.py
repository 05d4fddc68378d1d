"""How each published figure is made: ours and its peer side by side in one run.

    make bench               all of them
    make bench ONLY=serving  one

Each benchmark is a module with `find_figures(machine) -> list[Figure]`. It prints a table and writes
build/bench/NAME.json. Figures are measured, never asserted: tests elsewhere assert no duration.
"""
