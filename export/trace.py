"""PyTorch networks to ONNX graphs that name their weights as the state dict does.

Opset 18, the default, runs everywhere that the runtime does: it is the newest for which ONNX
Runtime's CUDA provider has a kernel of every operator here, and its form of GroupNorm is the one
that fuses.
"""

import json
import logging
import warnings
from collections.abc import Collection, Mapping

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from training.bundle_state import ALIASES_KEY, ZEROS_KEY
from training.networks.build import EncoderColorizer, Network
from training.networks.encoder import ConditionEncoder
from training.networks.palette import Palette
from training.networks.unet import Denoiser

from .onnx_edit import write_out_acos

OPSET = 18
# Smaller tensors stay in single precision: they weigh nothing, and biases gain from it.
HALF_FROM = 1024


class _EncoderGraph(nn.Module):
    def __init__(self, encoder: ConditionEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return tuple(cond.float() for cond in self.encoder(L))


class _DenoiserGraph(nn.Module):
    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, noisy_ab: Tensor, cond: list[Tensor], gamma: Tensor) -> Tensor:
        return self.denoiser(noisy_ab, cond, gamma)


def export_graphs(network: Network, opset: int = OPSET) -> dict[str, bytes]:
    """Export a network, which may have been halved with `.half()` before.

    Args:
        network: of any family; inputs and outputs of the graphs are float32 all the same.
        opset: version of ONNX's operators, 18 to 23.

    Returns:
        ONNX files by name, as the bundle format has them: dynamic batch, rows, height and width,
        weights of float32 networks stored in half precision, no traces of this machine.

    Raises:
        RuntimeError: a weight of the state dict cannot be found in the graph.
    """
    return {name: pack(model, network) for name, model in trace(network, opset).items()}


def trace(network: Network, opset: int = OPSET) -> dict[str, ModelProto]:
    """Export a network as `export_graphs` does, but to graphs with weights as the network has them.

    Raises:
        RuntimeError: a weight of the state dict cannot be found in the graph.
    """
    network = network.eval()
    with torch.no_grad():
        graphs = (
            _encoder_family(network, opset)
            if isinstance(network, EncoderColorizer)
            else _palette_family(network, opset)
        )
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    for model, prefix in graphs.values():
        _strip(model)
        write_out_acos(model)
        _name_weights(model, {k: v for k, v in state.items() if k.startswith(prefix)})
    return {name: model for name, (model, _) in graphs.items()}


def pack(model: ModelProto, network: Network) -> bytes:
    """Store the large float32 weights of a graph in half precision, check and serialize it.

    Args:
        model: from `trace`; changed in place.
        network: that it was traced from, whose state dict tells weights from constants.
    """
    _store_in_half(model, network.state_dict().keys())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _encoder_family(network: EncoderColorizer, opset: int) -> dict[str, tuple[ModelProto, str]]:
    L = torch.full((2, 1, 64, 96), 50.0)
    conds = network.encoder(L)
    names = [f"cond_{i}" for i in range(len(conds))]
    encoder = _export(
        _EncoderGraph(network.encoder),
        {"L": L},
        {"L": {0: "batch", 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}},
        ["L"],
        names,
        opset,
    )
    light: dict[str, list[str | int]] = {"L": ["batch", 1, "padded_height", "padded_width"]}
    _name_dims(encoder, light)
    map_dims: dict[str, list[str | int]] = {
        name: ["batch", cond.shape[1], f"height_{i}", f"width_{i}"]
        for i, (name, cond) in enumerate(zip(names, conds, strict=True))
    }
    _name_dims(encoder, map_dims)

    free = {0: "batch", 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    grid = conds[0].shape[2:]
    denoiser = _export(
        _DenoiserGraph(network.denoiser),
        {
            "noisy_ab": torch.zeros(6, 2, *grid),
            "cond": [cond.float() for cond in conds],
            "gamma": torch.full((6,), 0.5),
        },
        {
            "noisy_ab": {0: "rows", 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},
            "cond": [free] * len(conds),
            "gamma": {0: "rows"},
        },
        ["noisy_ab", *names, "gamma"],
        ["prediction"],
        opset,
    )
    _name_dims(denoiser, map_dims | _row_dims("height_0", "width_0"))
    return {"encoder.onnx": (encoder, "encoder."), "denoiser.onnx": (denoiser, "denoiser.")}


def _palette_family(network: Palette, opset: int) -> dict[str, tuple[ModelProto, str]]:
    model = _export(
        network,
        {
            "noisy_ab": torch.zeros(6, 2, 32, 48),
            "L": torch.full((2, 1, 32, 48), 50.0),
            "gamma": torch.full((6,), 0.5),
        },
        {
            "noisy_ab": {0: "rows", 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},
            "L": {0: "batch", 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},
            "gamma": {0: "rows"},
        },
        ["noisy_ab", "L", "gamma"],
        ["prediction"],
        opset,
    )
    light: dict[str, list[str | int]] = {"L": ["batch", 1, "height", "width"]}
    _name_dims(model, light | _row_dims("height", "width"))
    return {"denoiser.onnx": (model, "")}


def _row_dims(height: str, width: str) -> dict[str, list[str | int]]:
    rows: list[str | int] = ["rows", 2, height, width]
    return {"noisy_ab": rows, "prediction": rows, "gamma": ["rows"]}


def _export(
    module: nn.Module,
    inputs: Mapping[str, object],
    dynamic_shapes: Mapping[str, object],
    input_names: list[str],
    output_names: list[str],
    opset: int,
) -> ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # says that torchvision is missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export about itself; the parity check decides
        program = torch.onnx.export(
            module,
            kwargs=dict(inputs),
            dynamo=True,
            opset_version=opset,
            external_data=False,
            dynamic_shapes=dict(dynamic_shapes),
            input_names=input_names,
            output_names=output_names,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _name_dims(model: ModelProto, dims: Mapping[str, list[str | int]]) -> None:
    """Give the inputs and outputs dimension names that a reader understands."""
    for value in (*model.graph.input, *model.graph.output):
        for dim, name in zip(
            value.type.tensor_type.shape.dim, dims.get(value.name, ()), strict=False
        ):
            if isinstance(name, str):
                dim.dim_param = name


def _strip(model: ModelProto) -> None:
    """Remove what the exporter writes about its source: stack traces with absolute paths."""
    for item in (model, model.graph, *model.graph.node, *model.graph.initializer):
        del item.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.value_info[:]  # with the exporter's names of dimensions; inferred on loading
    model.graph.doc_string = model.doc_string = ""


def _name_weights(model: ModelProto, state: Mapping[str, NDArray[np.generic]]) -> None:
    """Rename initializers that the exporter folded or shared back to the state dict's names.

    Norm weights come out reshaped under made-up names, equal tensors as one, and biases that are
    all zero not at all; the last two are recorded in the file's metadata.
    """
    # torch names parameters as the wrapper module sees them, which is as the state dict does.
    by_content: dict[tuple[str, bytes], TensorProto] = {}
    for tensor in model.graph.initializer:
        by_content.setdefault(_content(numpy_helper.to_array(tensor)), tensor)
    present = {tensor.name for tensor in model.graph.initializer}
    aliases: dict[str, str] = {}
    zeros: dict[str, int] = {}
    renamed: dict[str, str] = {}
    for name, array in state.items():
        if name in present:
            continue
        match = by_content.get(_content(array))
        if match is None and not array.any():
            zeros[name] = array.size
        elif match is None:
            raise RuntimeError(f"the exported graph does not hold the weight {name}")
        elif match.name in state:
            aliases[name] = match.name
        else:
            renamed[match.name] = name
            match.name = name
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    if aliases:
        model.metadata_props.add(key=ALIASES_KEY, value=json.dumps(aliases))
    if zeros:
        model.metadata_props.add(key=ZEROS_KEY, value=json.dumps(zeros))


def _content(array: NDArray[np.generic]) -> tuple[str, bytes]:
    """Identify values whatever their float type: norms keep half weights in single precision."""
    if array.dtype.kind == "f":
        return "f", array.astype(np.float32).tobytes()
    return array.dtype.str, array.tobytes()


def _store_in_half(model: ModelProto, weights: Collection[str]) -> None:
    """Keep large float32 weights as float16 with a cast behind, which the runtime folds."""
    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.name not in weights or array.dtype != np.float32 or array.size < HALF_FROM:
            continue
        single = f"{tensor.name}.float"
        for node in model.graph.node:
            for i, name in enumerate(node.input):
                if name == tensor.name:
                    node.input[i] = single
        casts.append(helper.make_node("Cast", [tensor.name], [single], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), tensor.name))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
