"""The arc cosine, written out, because ONNX Runtime's CUDA provider has no kernel for it.

A node without one runs on the CPU: the noise level would leave the GPU and come back at each
step, and no CUDA graph could be captured.
"""

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

# Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 4.4.46: for 0 <= x <= 1
# arccos x = sqrt(1 - x) (a_0 + a_1 x + ... + a_7 x^7), within 2e-8.
_SERIES = (
    *(1.5707963050, -0.2145988016, 0.0889789874, -0.0501743046),
    *(0.0308918810, -0.0170881256, 0.0066700901, -0.0012624911),
)


def write_out_acos(model: ModelProto) -> None:
    """Replace each Acos of a graph, in place, by what gives the same for arguments of 0 to 1.

    Args:
        model: takes arc cosines of such numbers alone, float32: roots of noise levels.
    """
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        nodes.extend(_written_out(node) if node.op_type == "Acos" else [node])
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _written_out(node: NodeProto) -> Iterator[NodeProto]:
    """Horner's rule, from the last term on."""
    (x,), (y,) = node.input, node.output
    names = [f"{y}_a_{i}" for i in range(len(_SERIES))]
    for name, value in ((f"{y}_one", 1.0), *zip(names, _SERIES, strict=True)):
        tensor = numpy_helper.from_array(np.array(value, np.float32))
        yield helper.make_node("Constant", [], [name], value=tensor)
    total = names[-1]
    for i in reversed(range(len(_SERIES) - 1)):
        yield helper.make_node("Mul", [total, x], [f"{y}_times_{i}"])
        yield helper.make_node("Add", [f"{y}_times_{i}", names[i]], [f"{y}_plus_{i}"])
        total = f"{y}_plus_{i}"
    yield helper.make_node("Sub", [f"{y}_one", x], [f"{y}_rest"])
    yield helper.make_node("Sqrt", [f"{y}_rest"], [f"{y}_root"])
    yield helper.make_node("Mul", [f"{y}_root", total], [y])
