"""A bundle as the checkpoint that it is: initializers under the names of the state dict."""

import json

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from torch import Tensor, nn

from colorize_cli.errors import ModelError
from colorize_cli.model.bundle import Bundle

from .families import family_of

# Key of an ONNX file's metadata: state-dict names whose values another initializer holds.
ALIASES_KEY = "colorize.aliases"
# Likewise: names of tensors that are all zero and so not in the graph, with their sizes.
ZEROS_KEY = "colorize.zeros"
_MOST_ZEROS = 1 << 28  # numbers of one tensor


def bundle_state(bundle: Bundle) -> dict[str, Tensor]:
    """Collect the tensors of a bundle's ONNX files by name, in float32.

    Returns:
        The values of the network's state dict, flat where the graph keeps them in another shape,
        and constants of the graphs under other names.

    Raises:
        ModelError: a file is no ONNX model.
    """
    state: dict[str, Tensor] = {}
    for name in bundle.files:
        if not name.endswith(".onnx"):
            continue
        try:
            model = onnx.load_model_from_string(bundle.read(name))
        except DecodeError as error:
            raise ModelError(
                f"{name} of bundle {bundle.name!r} is no ONNX file: {error}"
            ) from error
        for tensor in model.graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            if array.dtype.kind == "f":
                state[tensor.name] = torch.from_numpy(array.astype("float32"))
        try:
            _add_left_out(state, model)
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise ModelError(
                f"{name} of bundle {bundle.name!r} has notes that make no sense: {error}"
            ) from error
    return state


def _add_left_out(state: dict[str, Tensor], model: onnx.ModelProto) -> None:
    """Add the weights that the export left out, by its notes: copies of others, and zeros."""
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    for alias, target in metadata.get(ALIASES_KEY, {}).items():
        state[alias] = state[target]
    for zero, size in metadata.get(ZEROS_KEY, {}).items():
        if type(size) is not int or not 0 <= size <= _MOST_ZEROS:
            raise ValueError(f"{size!r} zeros")
        state[zero] = torch.zeros(size)


def trained_weights(bundle: Bundle) -> dict[str, Tensor]:
    """Give the weights of a bundle to whoever trains on.

    Raises:
        ModelError: it does not hold all of them, or in another form than training has.
    """
    if bundle.network.get("folded") or bundle.network.get("deployed"):
        raise ModelError(
            f"Bundle {bundle.name!r} is made for use, without what training needs: name the "
            "weights.safetensors of its run instead."
        )
    return network_from_bundle(bundle).state_dict()


def network_from_bundle(bundle: Bundle) -> nn.Module:
    """Build the PyTorch network of a bundle, with the bundle's weights in float32.

    Raises:
        ModelError: the bundle does not hold all weights of its network.
    """
    network = family_of(bundle.family.name).build(bundle.network)
    stored = bundle_state(bundle)
    wanted = network.state_dict()
    missing = sorted(set(wanted) - set(stored))
    if missing:
        raise ModelError(
            f"Bundle {bundle.name!r} cannot serve as a checkpoint: it lacks {len(missing)} "
            f"weights, {missing[0]} among them. Export it again from its checkpoint."
        )
    network.load_state_dict({name: stored[name].reshape(t.shape) for name, t in wanted.items()})
    return network
