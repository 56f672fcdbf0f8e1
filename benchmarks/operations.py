"""Count the floating point operations of an ONNX graph, for inputs of given shapes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from colorize_cli.model.bundle import Bundle

COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# These operators move or describe data but compute nothing.
_FREE = {
    *("Cast", "Concat", "Constant", "DequantizeLinear", "Expand", "Flatten", "Gather", "Identity"),
    *("QuantizeLinear", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}


@dataclass(frozen=True)
class Operations:
    """The operations that a graph computes.

    Attributes:
        flop: Multiplications and additions of convolutions and matrix products, two for each
            product that is added up, as the direct algorithm has them; biases are left out.
        by_kind: The same by operator.
        uncounted: The number of nodes by operator that compute something else (norms, activations,
            softmax, sums, resizing). They take time by the bytes that they move.
    """

    flop: int
    by_kind: Mapping[str, int]
    uncounted: Mapping[str, int]


def count_operations(
    model: ModelProto | bytes, shapes: Mapping[str, Sequence[int]] | None = None
) -> Operations:
    """Count the operations of one run of a graph.

    The graph is run once, on zeros: inference of shapes alone does not get through what PyTorch's
    exporter writes to reshape tensors of dynamic size.

    Args:
        model: The graph, or its serialized form.
        shapes: The shapes of the inputs by name; not needed where the graph fixes them.

    Raises:
        ValueError: A node has graphs of its own (If, Loop, Scan), whose runs nobody knows
            beforehand.
    """
    model = onnx.load_from_string(model) if isinstance(model, bytes) else model
    known = value_shapes(model, shapes or {})
    by_kind: Counter[str] = Counter()
    uncounted: Counter[str] = Counter()
    for node in model.graph.node:
        if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
            raise ValueError(f"{node.op_type} {node.name!r} has a graph of its own")
        if node.op_type in COUNTED:
            by_kind[node.op_type] += 2 * _products(node, known)
        elif node.op_type not in _FREE:
            uncounted[node.op_type] += 1
    return Operations(by_kind.total(), dict(by_kind), dict(uncounted))


def network_operations(
    bundle: Bundle, height: int, width: int, samples: int = 1
) -> dict[str, Operations]:
    """Count what the graphs of a bundle compute for one photo of a padded working size.

    Args:
        bundle: The model.
        height: The height of the working image in pixels.
        width: The width of the working image in pixels.
        samples: The number of samples that a step of the denoiser takes together.

    Returns:
        The operations by file name: those of one step for "denoiser.onnx", and those of
        "encoder.onnx" where there is one.
    """
    h, w = height // bundle.grid, width // bundle.grid
    step: dict[str, tuple[int, ...]] = {"noisy_ab": (samples, 2, h, w), "gamma": (samples,)}
    counts = {}
    if "encoder.onnx" in bundle.files:
        encoder = onnx.load_from_string(bundle.read("encoder.onnx"))
        L = {"L": (1, 1, height, width)}
        counts["encoder.onnx"] = count_operations(encoder, L)
        known = value_shapes(encoder, L)
        step |= {output.name: known[output.name] for output in encoder.graph.output}
    else:
        step["L"] = (1, 1, h, w)
    counts["denoiser.onnx"] = count_operations(bundle.read("denoiser.onnx"), step)
    return counts


def count_weights(bundle: Bundle) -> int:
    """Count the numbers that were learned, which are all tensors of floats in the graphs."""
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    files = (bundle.read(spec.name) for spec in bundle.family.graphs)
    graphs = (onnx.load_from_string(file).graph for file in files)
    tensors = [tensor for graph in graphs for tensor in graph.initializer]
    return sum(prod(tensor.dims) for tensor in tensors if tensor.data_type in floats)


def value_shapes(
    model: ModelProto, inputs: Mapping[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """Find the shapes of the outputs, and of all that convolutions and products take and give."""
    counted = [node for node in model.graph.node if node.op_type in COUNTED]
    outputs = [value.name for value in model.graph.output]
    asked = {name for node in counted for name in (*node.input[:2], node.output[0])}
    found = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    open_graph = ModelProto()
    open_graph.CopyFrom(model)
    for name in sorted(asked - found.keys() - set(outputs)):
        open_graph.graph.output.add(name=name)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        open_graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {i.name: np.zeros(inputs.get(i.name, i.shape), np.float32) for i in session.get_inputs()}
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, feed)
    return found | {name: value.shape for name, value in zip(names, values, strict=True)}


def _products(node: NodeProto, known: Mapping[str, tuple[int, ...]]) -> int:
    """Count the products that a convolution or matrix product adds up."""
    first, second = known[node.input[0]], known[node.input[1]]
    output = known[node.output[0]]
    if node.op_type == "Conv":  # weights (out, in / groups, *kernel)
        return prod(output) * prod(second[1:])
    if node.op_type == "ConvTranspose":  # weights (in, out / groups, *kernel)
        return prod(first) * prod(second[1:])
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return prod(output) * first[0 if transposed else 1]
    return prod(output) * first[-1]
