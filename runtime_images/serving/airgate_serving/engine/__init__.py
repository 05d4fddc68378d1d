"""Runs tensors through a model: admission, zero-wait batching, warm-up, thread counts, and what it all took.

In come tensors that fit the signature; out come tensors, or Busy, DeadlinePassed and NotReady. Bytes are left to
`codecs`, opening files to `formats`, and words for refusals to the doors.
"""
