"""The third door: Open Inference over gRPC.

In come protobuf messages; out go protobuf messages, or a status with a sentence. Protobuf stops in `convert.py`; what
the tensors mean is left to `codecs`, running them to `engine`.
"""
