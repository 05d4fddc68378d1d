"""mosec's way to serve an ONNX file: a worker of one's own behind its server in Rust, with orjson both ways."""

import os
from typing import Any

import numpy
import onnxruntime
import orjson
from mosec import Server, Worker


class OnnxWorker(Worker):
    """Runs one ONNX session on one thread, a request after the other."""

    def __init__(self) -> None:
        """Open the session."""
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.names = [output.name for output in self.session.get_outputs()]

    def deserialize(self, data: bytes) -> Any:
        """Return the only input of Open Inference's JSON: [1, columns]."""
        tensor = orjson.loads(data)["inputs"][0]
        return tensor["name"], numpy.array(tensor["data"], numpy.float32).reshape(tensor["shape"])

    def forward(self, data: Any) -> Any:
        """Answer every output of the model."""
        return self.session.run(self.names, dict([data]))

    def serialize(self, data: list[Any]) -> bytes:
        """Return Open Inference's JSON."""
        outputs = [{"name": n, "shape": r.shape, "data": r.reshape(-1)} for n, r in zip(self.names, data, strict=True)]
        return orjson.dumps({"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)


class JoiningWorker(OnnxWorker):
    """Joins the requests that wait into one run."""

    def forward(self, data: Any) -> Any:
        """Answer every output of the model, a row a request."""
        results = super().forward((data[0][0], numpy.concatenate([rows for _, rows in data])))
        return [[result[place : place + 1] for result in results] for place in range(len(data))]


if __name__ == "__main__":
    most = int(os.environ["MOST"])
    server = Server()
    server.append_worker(JoiningWorker if most > 1 else OnnxWorker, num=1, max_batch_size=most)
    server.run()
