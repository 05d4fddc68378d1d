"""Tiny real models, made where they are needed: no binary lies in the repository."""

from onnx import ModelProto, TensorProto, helper


def make_onnx(factor: float = 2.0) -> bytes:
    """Return an ONNX file whose output `y` is its input `x` (FP32, [-1, 2]) times `factor`."""
    return make_graph(factor).SerializeToString()


def make_graph(factor: float) -> ModelProto:
    """Return the model as ONNX's own message."""
    shape = [None, 2]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "times",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
