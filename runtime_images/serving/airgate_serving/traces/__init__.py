"""Traces for OpenTelemetry, where the address of a collector is given; nothing here is imported otherwise.

In come requests that doors and engine noted down; out go spans, over HTTP, from a process of its own: the one that
serves is locked in and opens no connection. Between them is a pipe that is never waited for: what does not fit is
dropped and counted.
"""
