"""KServe's way to serve an ONNX file: a model of one's own on its SDK, as its documentation shows."""

import os

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class OnnxModel(Model):
    """Runs one ONNX session on one thread."""

    def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.names = [output.name for output in self.session.get_outputs()]
        self.ready = True
        return self.ready

    async def predict(self, payload: InferRequest, headers: object = None, response_headers: object = None) -> object:
        """Answer every output of the model."""
        feeds = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        results = zip(self.names, self.session.run(self.names, feeds), strict=True)
        datatypes = {"float32": "FP32", "int64": "INT64"}
        outputs = [
            InferOutput(name, list(r.shape), datatypes[str(r.dtype)], r.reshape(-1).tolist()) for name, r in results
        ]
        return InferResponse(payload.id or "1", self.name, outputs)


if __name__ == "__main__":
    model = OnnxModel("digits")
    model.load()
    ModelServer().start([model])
