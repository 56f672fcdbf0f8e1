"""Which layers of an exported bundle stray farthest from the network's own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, ValueInfoProto
from torch import nn

from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.device import Device, open_session
from colorize_cli.runtimes.ort import grid_mean

from .recorded_graph import Calls
from .torch_runtime import TorchNetwork

Float = NDArray[np.float32]
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


def torch_layers(network: TorchNetwork, calls: Calls, step: int) -> Layers:
    """Compute what each convolution and linear layer gives, in PyTorch.

    Args:
        network: of any precision.
        calls: of a photograph.
        step: which of its calls of the denoiser.

    Returns:
        Outputs by the name that the layer has in the network.
    """
    found: dict[str, Float] = {}

    def keep(name: str) -> Any:
        return lambda _module, _inputs, output: found.update({name: output.float().numpy()})

    handles = [
        module.register_forward_hook(keep(name))
        for name, module in network.module.named_modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    try:
        network.denoiser(network.encode(calls.L))(*calls.steps[step])
    finally:
        for handle in handles:
            handle.remove()
    return found


def bundle_layers(bundle: Bundle, device: Device, calls: Calls, step: int) -> Layers:
    """Compute what `torch_layers` does, with the graphs of a bundle on a device."""
    x_t, gamma = calls.steps[step]
    feed = {"noisy_ab": x_t, "gamma": gamma}
    layers: dict[str, Float] = {}
    if bundle.family == "encoder":
        maps, layers = _run(bundle.read("encoder.onnx"), {"L": calls.L}, device)
        feed |= maps
    else:
        feed["L"] = grid_mean(calls.L, bundle.grid)
    return layers | _run(bundle.read("denoiser.onnx"), feed, device)[1]


def _run(
    data: bytes, feed: Mapping[str, Float], device: Device
) -> tuple[dict[str, Float], dict[str, Float]]:
    """Run a graph; give its outputs by name and the outputs of its layers by theirs."""
    model = onnx.load_model_from_string(data)
    outputs = [output.name for output in model.graph.output]
    layers = dict(_layers(model))
    model.graph.output.extend(ValueInfoProto(name=n) for n in layers.values() if n not in outputs)
    wanted = [output.name for output in model.graph.output]
    if device.name == "openvino":
        values = _run_openvino(model.SerializeToString(), feed, device)
    else:
        session = open_session(model.SerializeToString(), device)
        values = dict(zip(wanted, session.run(wanted, dict(feed)), strict=True))
    single = {name: np.asarray(value, np.float32) for name, value in values.items()}
    return {n: single[n] for n in outputs}, {name: single[n] for name, n in layers.items()}


def _run_openvino(data: bytes, feed: Mapping[str, Float], device: Device) -> dict[str, Any]:
    import openvino  # type: ignore[import-untyped]

    core = openvino.Core()
    is_bf16 = device.precision == "bf16" and "noisy_ab" in feed
    hint = {"INFERENCE_PRECISION_HINT": "bf16" if is_bf16 else "f32"}
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
