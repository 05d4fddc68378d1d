"""Model files become runners here.

In comes the path of a file that the process has already locked itself in with; out goes a `Runner` with a signature
that turns tensors into tensors. Each format is one file; the heavy libraries are imported inside its `load()`.
Batching, deadlines and the question who may call are left to `engine` and the doors.
"""
