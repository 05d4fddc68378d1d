"""The composition roots: one file builds the server of a model, the other the test runtime.

In comes a configuration; each root builds the parts, starts them in order, and takes them down when the process is
asked to end. Arguments and environment are left to `cli`.
"""
