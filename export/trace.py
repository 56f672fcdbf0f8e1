"""PyTorch networks to ONNX graphs that name their weights as the state dict does.

Opset 18, the default, runs everywhere that the runtime does: it is the newest for which ONNX
Runtime's CUDA provider has a kernel of every operator here, and its form of GroupNorm is the one
that fuses.
"""

import json
import logging
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import nn
from torch.export import Dim

from training.bundle_state import ALIASES_KEY, ZEROS_KEY
from training.families import family_of
from training.families.family import NetworkGraph

from .write_out_acos import write_out_acos

OPSET = 18
# Smaller tensors stay in single precision: they weigh nothing, and biases gain from it.
HALF_FROM = 1024


def export_graphs(network: nn.Module, family: str, opset: int = OPSET) -> dict[str, bytes]:
    """Export a network, which may have been halved with `.half()` before.

    Args:
        network: inputs and outputs of its graphs are float32 all the same.
        family: of the network.
        opset: version of ONNX's operators, 18 to 23.

    Returns:
        ONNX files by name, as the bundle format has them: dynamic batch, rows, height and width,
        weights of float32 networks stored in half precision, no traces of this machine.

    Raises:
        RuntimeError: a weight of the state dict cannot be found in the graph.
    """
    return {name: pack(model, network) for name, model in trace(network, family, opset).items()}


def trace(network: nn.Module, family: str, opset: int = OPSET) -> dict[str, ModelProto]:
    """Export a network as `export_graphs` does, but to graphs with weights as the network has them.

    Raises:
        RuntimeError: a weight of the state dict cannot be found in the graph.
    """
    network = network.eval()
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    models = {}
    for graph in family_of(family).graphs(network):
        with torch.no_grad():
            model = _export(graph, opset)
        _name_dims(model, graph.dims)
        _strip(model)
        write_out_acos(model)
        _name_weights(model, {k: v for k, v in state.items() if k.startswith(graph.prefix)})
        models[graph.file] = model
    return models


def pack(model: ModelProto, network: nn.Module) -> bytes:
    """Store the large float32 weights of a graph in half precision, check and serialize it.

    Args:
        model: from `trace`; changed in place.
        network: that it was traced from, whose state dict tells weights from constants.
    """
    _store_in_half(model, network.state_dict().keys())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _export(graph: NetworkGraph, opset: int) -> ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # says that torchvision is missing
    free = {name: _free_dims(graph.dims[name]) for names in graph.inputs.values() for name in names}
    shapes = {
        name: [free[part] for part in parts]
        if isinstance(graph.examples[name], list)
        else free[name]
        for name, parts in graph.inputs.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export about itself; the parity check decides
        program = torch.onnx.export(
            graph.module,
            kwargs=dict(graph.examples),
            dynamo=True,
            opset_version=opset,
            external_data=False,
            dynamic_shapes=shapes,
            input_names=list(free),
            output_names=list(graph.outputs),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _free_dims(dims: Sequence[str | int]) -> dict[int, Any]:
    """Tell the exporter which dimensions vary, and which tensors share the first.

    It takes several samples of several photos for granted, or says that a single one were another
    network and tries a slower way; the graph is the same for one.
    """
    first = Dim(str(dims[0]), min=4 if dims[0] == "rows" else None)
    return {i: Dim.DYNAMIC if i else first for i, name in enumerate(dims) if isinstance(name, str)}


def _name_dims(model: ModelProto, dims: Mapping[str, Sequence[str | int]]) -> None:
    """Give the inputs and outputs dimension names that a reader understands."""
    for value in (*model.graph.input, *model.graph.output):
        sizes = value.type.tensor_type.shape.dim
        for size, name in zip(sizes, dims[value.name], strict=True):
            if isinstance(name, str):
                size.dim_param = name


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
