"""The arc cosine without an Acos."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from export.write_out_acos import write_out_acos


def test_it_is_the_arc_cosine_of_0_to_1() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    nodes = [helper.make_node("Sqrt", ["x"], ["r"]), helper.make_node("Acos", ["r"], ["y"])]
    model = helper.make_model(
        helper.make_graph(nodes, "angle", [x], [y]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    write_out_acos(model)
    onnx.checker.check_model(model, full_check=True)
    assert "Acos" not in {node.op_type for node in model.graph.node}
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    gammas = np.concatenate([np.linspace(0, 1, 10_001), 1 - np.logspace(-7, -2, 200)])
    gammas = gammas.astype(np.float32)
    (angles,) = session.run(None, {"x": gammas})
    # The root is rounded to float32 before, which near 1 matters more than the series does.
    np.testing.assert_allclose(angles, np.arccos(np.sqrt(gammas)), rtol=4e-7, atol=1e-7)
