"""Checkpoints: safetensors files that carry their whole configuration, never pickles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from colorize_cli.errors import ModelError
from colorize_cli.files import write_atomic

from .recipe import Recipe, recipe_from_dict

_METADATA_KEY = "colorize"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and where they come from.

    Attributes:
        recipe: what was trained.
        state: tensors by name; in a file of weights the network's state dict, averaged.
        progress: numbers of the run: step, samples_seen, seconds.
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
        raise ModelError(f"No checkpoint {path}.")
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_METADATA_KEY, "null"))
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise ModelError(f"{path} is damaged or no safetensors file: {error}.") from error
    if metadata is None:
        raise ModelError(f"{path} was not written by `colorize train`: it holds no recipe.")
    return Checkpoint(recipe_from_dict(metadata["recipe"]), state, metadata["progress"])


def pack_run(
    model: Mapping[str, Tensor],
    ema: Mapping[str, Tensor],
    names: list[str],
    optimizer: torch.optim.Optimizer,
) -> dict[str, Tensor]:
    """Flatten the state of a run into one dict of tensors; `names` are the optimizer's."""
    state = {f"model.{name}": tensor for name, tensor in model.items()}
    state |= {f"ema.{name}": tensor for name, tensor in ema.items()}
    for index, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            state[f"optim.{key}.{names[index]}"] = value
    return state


def unpack_run(
    state: Mapping[str, Tensor], names: list[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """Undo `pack_run`: the model's state, the average's, and the optimizer's by index."""
    model = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    ema = {k.removeprefix("ema."): v for k, v in state.items() if k.startswith("ema.")}
    index = {name: i for i, name in enumerate(names)}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith("optim."):
            _, entry, name = key.split(".", 2)
            optimizer.setdefault(index[name], {})[entry] = value
    return model, ema, optimizer
