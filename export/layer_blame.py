"""Which layers of an exported bundle stray farthest from the network's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto
from torch import nn

from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.ort import open_session
from colorize_cli.runtimes.runtime import Device, Precision

from .recorded_calls import Calls, Feed
from .torch_runtime import torch_graphs

Layers: TypeAlias = Mapping[str, Float]

# What may lie between a stored weight and the layer that multiplies with it.
_BETWEEN = {"Cast", "DequantizeLinear", "Identity", "Reshape", "Transpose"}


def most_different(
    reference: Sequence[Layers], candidate: Sequence[Layers], count: int = 5
) -> list[tuple[str, float]]:
    """Rank layers by how far their outputs are apart.

    Args:
        reference: outputs by layer, for each of several calls.
        candidate: the same of what is judged.
        count: of the layers to name.

    Returns:
        Names and relative errors, the largest first: the root mean square of the difference over
        that of the reference, all calls together; infinite where the candidate is not finite.
    """
    errors = []
    for name in reference[0]:
        if name not in candidate[0]:
            continue
        wanted = np.concatenate([layers[name].ravel() for layers in reference]).astype(np.float64)
        got = np.concatenate([layers[name].ravel() for layers in candidate])
        size = max(float(np.sqrt(np.mean(wanted**2))), 1e-6)
        error = float(np.sqrt(np.mean((got - wanted) ** 2))) / size
        errors.append((name, error if np.isfinite(error) else np.inf))
    return sorted(errors, key=lambda item: -item[1])[:count]


def torch_layers(family: str, network: nn.Module, calls: Calls, part: float) -> Layers:
    """Compute what each convolution and linear layer gives, in PyTorch.

    Args:
        family: The family of the network.
        network: A network of any precision.
        calls: Calls that were recorded of a photograph.
        part: Which call of a graph, from 0 for its first to 1 for its last.

    Returns:
        Outputs by the name that the layer has in the network.
    """
    found: dict[str, Float] = {}

    def keep(name: str) -> Any:
        return lambda _module, _inputs, output: found.update({name: output.float().numpy()})

    handles = [
        module.register_forward_hook(keep(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    known: dict[str, Float] = {}
    try:
        for name, graph in torch_graphs(family, network).items():
            known |= graph.run(_feed(calls[name], part, known))
    finally:
        for handle in handles:
            handle.remove()
    return found


def bundle_layers(bundle: Bundle, device: Device, calls: Calls, part: float) -> Layers:
    """Compute what `torch_layers` does, with the graphs of a bundle on a device."""
    known: dict[str, Float] = {}
    layers: dict[str, Float] = {}
    for spec in bundle.family.graphs:
        precision = "fp32" if spec.needs_fp32 else device.precision
        feed = _feed(calls[spec.name], part, known)
        outputs, of_graph = _run(bundle.read(spec.name), feed, replace(device, precision=precision))
        known |= outputs
        layers |= of_graph
    return layers


def _feed(calls: Sequence[Feed], part: float, known: Mapping[str, Float]) -> Feed:
    """Take a call's inputs; those that a graph before it gave come from there."""
    feed = calls[round(part * (len(calls) - 1))]
    return {name: known.get(name, value) for name, value in feed.items()}


def _run(data: bytes, feed: Feed, device: Device) -> tuple[dict[str, Float], dict[str, Float]]:
    """Run a graph; give its outputs by name and the outputs of its layers by theirs."""
    model = onnx.load_model_from_string(data)
    outputs = [output.name for output in model.graph.output]
    layers = dict(_layers(model))
    model.graph.output.extend(ValueInfoProto(name=n) for n in layers.values() if n not in outputs)
    wanted = [output.name for output in model.graph.output]
    if device.precision is None:
        session = open_session(model.SerializeToString(), device)
        values = dict(zip(wanted, session.run(wanted, dict(feed)), strict=True))
    else:  # of the runtimes here OpenVINO alone has a precision of its own
        values = _run_openvino(model.SerializeToString(), feed, device.precision)
    single = {name: np.asarray(value, np.float32) for name, value in values.items()}
    return {n: single[n] for n in outputs}, {name: single[n] for name, n in layers.items()}


def _run_openvino(data: bytes, feed: Feed, precision: Precision) -> dict[str, Any]:
    import openvino  # type: ignore[import-untyped]

    core = openvino.Core()
    hint = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
    compiled = core.compile_model(core.read_model(data), "CPU", hint)
    results = compiled(dict(feed))
    return {
        name: results[output].copy() for output in compiled.outputs for name in output.get_names()
    }


def _layers(model: ModelProto) -> Iterator[tuple[str, str]]:
    """Name the layers of a graph as the network does, by their weights, with their outputs."""
    makers = {output: node for node in model.graph.node for output in node.output}
    weights = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        weight = _stored(node.input[1], makers, weights)
        if weight is not None:
            name = weight.removesuffix("_quantized").removesuffix(".weight")
            yield name, node.output[0]


def _stored(name: str, makers: Mapping[str, NodeProto], weights: set[str]) -> str | None:
    """Go back from an input of a layer to the weight that is stored, if it is one."""
    while name not in weights:
        node = makers.get(name)
        if node is None or node.op_type not in _BETWEEN:
            return None
        name = node.input[0]
    return name
