"""Bytes to tensors and back: pure functions, no I/O, no model.

In come bodies in Open Inference JSON, Open Inference with binary tensors, or records/split JSON, and a signature; out
go tensors that fit the signature, or a BadRequest with one sentence. Running them is left to `engine`.
"""
