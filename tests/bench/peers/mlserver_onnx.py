"""MLServer's way to serve an ONNX file: a runtime of one's own, as its documentation shows."""

import onnxruntime
from mlserver import MLModel, types
from mlserver.codecs import NumpyCodec


class OnnxModel(MLModel):
    """Runs one ONNX session on one thread."""

    async def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        return True

    async def predict(self, payload: types.InferenceRequest) -> types.InferenceResponse:
        """Answer every output of the model."""
        feeds = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        names = [output.name for output in self.session.get_outputs()]
        results = self.session.run(names, feeds)
        outputs = [NumpyCodec.encode_output(name, result) for name, result in zip(names, results, strict=True)]
        return types.InferenceResponse(model_name=self.name, outputs=outputs)
