"""Puts the two processes together that nobody sees: the reconciler, and the trial's supervisor.

In come settings; each file builds one process out of adapters and runs it until a signal comes. They are apart so that
the supervisor, which must be small and start at once, loads nothing of the store.
"""
