"""The HTTP doors: Open Inference and records on one port, probes and metrics on another.

In come requests; out go answers whose every refusal is JSON with a sentence. `connection.py` alone knows HTTP's bytes,
`door.py` what is asked of everyone, `routes.py` is the page of contents. What a body means is left to `codecs`, running
it to `engine`.
"""
