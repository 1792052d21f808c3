"""Small real models for the tests, made on the spot."""

from functools import cache

from onnx import TensorProto, checker, helper


@cache
def make_adder(inputs: str = "row", width: int = 2, add: float = 0) -> bytes:
    """An ONNX model float32[-1, width] -> the sum of each row plus ``add``, float32[-1, 1]."""
    nodes = [helper.make_node("ReduceSum", [inputs, "axes"], ["sum"], keepdims=1)]
    constants = [helper.make_tensor("axes", TensorProto.INT64, [1], [1])]
    if add:
        nodes[0].output[0] = "part"
        nodes.append(helper.make_node("Add", ["part", "more"], ["sum"]))
        constants.append(helper.make_tensor("more", TensorProto.FLOAT, [1], [add]))
    graph = helper.make_graph(
        nodes,
        "adder",
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [None, 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()
