"""Read a bundle as the checkpoint that it is: initializers under the names of the state dict."""

import onnx
import torch
from torch import Tensor

from colorize_cli.bundle import Bundle
from colorize_cli.errors import ModelError


def bundle_state(bundle: Bundle) -> dict[str, Tensor]:
    """Collect the network's weights from a bundle's ONNX files, in float32.

    Returns:
        The state dict of the network that `training.networks.build.build` makes of the bundle's
        `network` table, and perhaps constants of the graphs under other names.

    Raises:
        ModelError: a file is no ONNX model.
    """
    state: dict[str, Tensor] = {}
    for name in bundle.files:
        if not name.endswith(".onnx"):
            continue
        try:
            model = onnx.load_model_from_string(bundle.read(name))
        except Exception as error:  # protobuf raises its own kinds
            raise ModelError(
                f"{name} of bundle {bundle.name!r} is no ONNX file: {error}"
            ) from error
        for tensor in model.graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            if array.dtype.kind == "f":
                state[tensor.name] = torch.from_numpy(array.astype("float32"))
    return state
