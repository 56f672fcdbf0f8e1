"""Checkpoints: safetensors files that carry their whole configuration, never pickles."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from colorize_cli.errors import ModelError
from colorize_cli.system.files import write_atomic

from .recipe import recipe_from_dict
from .recipe_tables import Recipe

RUN_FILE = "run.safetensors"  # everything that a resume needs
WEIGHTS_FILE = "weights.safetensors"  # the averaged weights, for export
BEST_FILE = "best.safetensors"  # those with the lowest validation loss
_METADATA_KEY = "colorize"
_NAMED = 3  # tensors that a message names, at most


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and where they come from.

    Attributes:
        recipe: what was trained.
        state: tensors by name; in a file of weights the network's state dict, averaged.
        progress: what the run has behind it: step, samples_seen, seconds, begun_from.
    """

    recipe: Recipe
    state: dict[str, Tensor]
    progress: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically, so that a crash never costs the last one."""
    metadata = {"recipe": checkpoint.recipe.to_dict(), "progress": checkpoint.progress}
    tensors = {name: tensor.detach().contiguous() for name, tensor in checkpoint.state.items()}
    write_atomic(path, save(tensors, {_METADATA_KEY: json.dumps(metadata)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint to the CPU.

    Raises:
        ModelError: missing, damaged, or not written by this program.
    """
    if not path.is_file():
        raise ModelError(no_checkpoint(path))
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_METADATA_KEY, "null"))
            metadata = metadata if isinstance(metadata, dict) else {}
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise ModelError(f"{path} is damaged or no safetensors file: {error}.") from error
    if not all(isinstance(metadata.get(part), dict) for part in ("recipe", "progress")):
        raise ModelError(f"{path} was not written by `colorize train`: it holds no recipe.")
    return Checkpoint(recipe_from_dict(metadata["recipe"]), state, metadata["progress"])


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take kernels and matrices to half precision.

    Vectors stay as they are, as do tensors with values that half precision cannot hold.
    """
    return {name: _half(tensor) for name, tensor in state.items()}


def _half(tensor: Tensor) -> Tensor:
    if tensor.dim() < 2 or not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if torch.isfinite(half).all() else tensor


def weights_digest(path: Path) -> str:
    """Compute the SHA-256 (hex) of a file of weights, by which a bundle names them."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def no_checkpoint(path: Path) -> str:
    """Say what a path is that is no file."""
    if path.is_dir():
        return f"No checkpoint {path}: it is a folder; a run's has {WEIGHTS_FILE} in it."
    return f"No checkpoint {path}: the file does not exist; name another, or begin a run."


def load_weights(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Fill a network with the weights of a checkpoint.

    Args:
        network: is left as it is where they do not fit.
        state: tensors by name.
        path: of the checkpoint, for the message.

    Raises:
        ModelError: they are the state of a run, or another network's.
    """
    differences = list(_differences(network.state_dict(), state))
    if not differences:
        network.load_state_dict(state)
        return
    if any(name.startswith(("model.", "ema.")) for name in state):
        raise ModelError(
            f"{path} is the state of a run, which --resume takes; its weights are in "
            f"{path.with_name(WEIGHTS_FILE)}."
        )
    more = len(differences) - _NAMED
    listed = "; ".join(differences[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
    raise ModelError(f"{path} holds the weights of another network than the recipe's: {listed}.")


def _differences(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tensor in wanted.items():
        if name not in state:
            yield f"{name} is missing"
        elif state[name].shape != tensor.shape:
            yield f"{name} is {tuple(state[name].shape)}, not {tuple(tensor.shape)}"
    yield from (f"{name} is unknown" for name in state if name not in wanted)
