"""How the first bytes of a model file look, for formats that are no archives: pure."""

from airgate_serving.formats.archive import MARK_HDF5

ONNX_FIELDS = {2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}


def looks_like_onnx(head: bytes) -> bool:
    """Return whether these bytes begin an ONNX ModelProto: field 1 (ir_version), a small number, then a known field."""
    return len(head) > 2 and head[0] == 0x08 and 1 <= head[1] < 64 and head[2] >> 3 in ONNX_FIELDS


def looks_like_hdf5(head: bytes) -> bool:
    """Return whether these bytes begin HDF5, of which Keras is the one maker here."""
    return head.startswith(MARK_HDF5)


def looks_like_xgboost(head: bytes) -> bool:
    """Return whether these bytes begin XGBoost's JSON or UBJSON: an object whose first name is one of its own."""
    plain = head.lstrip()[1:].lstrip() if head[:1] in b"{ \t\r\n" else b""
    ubjson = head.startswith(b"{L" + bytes(7) + b"\x07")  # the length of the name
    return plain.startswith((b'"learner"', b'"version"')) or (ubjson and head[10:17] in (b"learner", b"version"))


def looks_like_lightgbm(head: bytes) -> bool:
    """Return whether these bytes begin LightGBM's text: the word tree, then the version."""
    lines = head.splitlines()[:2]
    return len(lines) == 2 and lines[0] == b"tree" and lines[1].startswith(b"version=")


def looks_like_pmml(head: bytes) -> bool:
    """Return whether these bytes begin XML, in one byte a character or two, that speaks of PMML."""
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe").replace(b"\0", b"").lstrip()
    return plain.startswith(b"<") and b"PMML" in plain


def looks_pickled(head: bytes) -> bool:
    """Return whether these bytes begin a pickle of protocol 2 or later."""
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5
