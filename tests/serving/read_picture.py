"""Reads a picture with rapidocr's own code, in its own environment: `python read_picture.py PICTURE [HOW URL]`.

With a server's address it is that which runs the three networks, over Open Inference with `json` or `binary` tensors.
Prints the lines found as JSON: corners, text, score.
"""

import json
import sys
import urllib.request
from typing import Any

import numpy as np
from rapidocr_onnxruntime import RapidOCR

SHORT_SIDE = 160  # to which the picture is brought: tensors of 1 MB in place of 20
LENGTH = "Inference-Header-Content-Length"


class Served:
    """What rapidocr takes for a session of ONNX Runtime: it asks a server."""

    def __init__(self, own: Any, url: str, binary: bool) -> None:
        """Ask for the outputs of a session at a model's address."""
        self.own, self.url, self.binary = own, url, binary

    def __getattr__(self, name: str) -> Any:
        """Leave all else, such as the alphabet, to the session."""
        return getattr(self.own, name)

    def __call__(self, array: Any) -> list[Any]:
        """Return the outputs for the network's only input."""
        tensor = {"name": self.get_input_names()[0], "shape": array.shape, "datatype": "FP32"}
        raw = np.ascontiguousarray(array, "<f4").tobytes() if self.binary else b""
        more = {"parameters": {"binary_data_size": len(raw)}} if self.binary else {"data": array.reshape(-1).tolist()}
        asked = {"inputs": [tensor | more], "parameters": {"binary_data_output": self.binary}}
        head = json.dumps(asked).encode()
        headers = {LENGTH: str(len(head))} if self.binary else {}
        with urllib.request.urlopen(urllib.request.Request(self.url, head + raw, headers), timeout=60) as answer:
            return read_outputs(answer.read(), int(answer.headers.get(LENGTH, 0)))


def read_outputs(body: bytes, length: int) -> list[Any]:
    """Return the arrays of an answer of one output."""
    (output,) = json.loads(body[: length or None])["outputs"]
    values = np.frombuffer(body[length:], "<f4") if length else np.array(output["data"], np.float32)
    return [values.reshape(output["shape"])]


def main() -> None:
    """Read one picture."""
    picture, *served = sys.argv[1:]
    reader = RapidOCR(det_limit_side_len=SHORT_SIDE, intra_op_num_threads=1)
    if served:
        parts = {
            "det": (reader.text_det, "infer"),
            "cls": (reader.text_cls, "infer"),
            "rec": (reader.text_rec, "session"),
        }
        for name, (part, field) in parts.items():
            url = f"{served[1]}/v2/models/{name}/infer"
            setattr(part, field, Served(getattr(part, field), url, served[0] == "binary"))
    lines, _ = reader(picture)
    print(json.dumps([{"corners": corners, "text": text, "score": score} for corners, text, score in lines or []]))


if __name__ == "__main__":
    main()
