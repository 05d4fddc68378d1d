"""The long runs: seeded, bounded, and their dated results kept in tests/soak/results.

    make soak             all of them
    make soak ONLY=kills  one

Each run is a module with `run() -> dict`: what was done, what was seen, and the seed. A run that saw something wrong
raises, and nothing is kept.
"""
