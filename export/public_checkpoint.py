"""Checkpoints of the tutorial and of the public implementation of Palette (Saharia et al. 2022).

Both are pickled state dicts of one UNet, the network of the `palette` family, under the names of
guided diffusion's. What they do not hold is the tutorial's: 20 steps whose betas rise linearly
from 1e-4 to 0.09, eps-prediction, DDPM with the posterior variance, x_0 clamped to -1..1, and ab
in bytes of an 8-bit Lab picture, scaled to -1..1.
"""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorize_cli.errors import ModelError
from training.checkpoint import Checkpoint, no_checkpoint
from training.families.diffusion_recipe import DenoisingTable, DiffusionRecipe, DiffusionTable
from training.families.palette import GRID, build
from training.recipe_tables import DataTable

# The UNet's first weight. What stands before it in a name (`denoise_fn.`, `module.`) wraps the
# UNet, and what has no such prefix (the tables of a noise schedule) is none of its weights.
_FIRST = "input_blocks.0.0.weight"
_ZIP = b"PK\3\4"
_BYTE_SCALE = 127.5
_SIZE = 128


def load_public(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is run.

    Args:
        path: what `torch.save` wrote: a state dict, or dicts that hold one; where averaged weights
            lie beside the trained ones, under a key with "ema" in it, they are taken.

    Raises:
        ModelError: missing, damaged, holding more than data, or of another network.
    """
    state = _unet(path, _load(path))
    config = _config(path, state)
    expected = build(config).state_dict()
    strange = sorted(set(state) ^ set(expected))
    if strange:
        what = "has" if strange[0] in state else "lacks"
        raise ModelError(
            f"{path} is of another UNet than the palette family's: it {what} {strange[0]}. "
            "Attention beside the middle block's is not supported."
        )
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            raise ModelError(
                f"{path}: {name} is {tuple(state[name].shape)} where L and noisy ab in, and two "
                f"channels out, need {tuple(tensor.shape)}. A network on RGB cannot be taken over."
            )
    recipe = DiffusionRecipe(
        name=path.stem,
        family="palette",
        network=config,
        data=DataTable(size=_SIZE, grid=GRID),
        diffusion=DiffusionTable("tutorial-20", "eps", _BYTE_SCALE),
        sampling=DenoisingTable(
            working_size=_SIZE, method="ddpm", clamp="static", limit=1.0, variance="posterior"
        ),
    )
    return Checkpoint(recipe, {name: tensor.float() for name, tensor in state.items()}, {})


def check_file(path: Path) -> None:
    """Tell by its first bytes whether a file can be a checkpoint at all.

    Raises:
        ModelError: missing, or neither a zip file nor a pickle.
    """
    if not path.is_file():
        raise ModelError(no_checkpoint(path))
    with path.open("rb") as file:
        head = file.read(len(_ZIP))
    if head != _ZIP and head[:1] != pickle.PROTO:
        raise ModelError(
            f"{path} is no checkpoint: torch.save writes zip files and pickles, and it is neither."
        )


def _load(path: Path) -> Any:
    check_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than tensors, which could run code on being read. Where you trust "
            "it, save its state dict alone: torch.save(model.state_dict(), ...)."
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is damaged or no PyTorch checkpoint: {error}.") from error


def _unet(path: Path, content: Any) -> dict[str, Tensor]:
    """Find the UNet's weights, and take off what stands before their names."""
    found = dict(_state_dicts(content, ""))
    places = [place for place in found if "ema" in place.lower()] or list(found)
    if len(places) != 1:
        listed = ", ".join(repr(place) for place in places)
        raise ModelError(
            f"{path} holds no weights of the palette family's UNet ({_FIRST} is not among them)."
            if not found
            else f"{path} holds several networks ({listed}): save the one that is meant alone."
        )
    return found[places[0]]


def _state_dicts(content: Any, place: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield each state dict of a UNet in nested dicts, with the keys that lead to it."""
    if not isinstance(content, Mapping):
        return
    for key, value in content.items():
        if isinstance(value, Tensor) and str(key).endswith(_FIRST):
            prefix = str(key).removesuffix(_FIRST)
            state = {
                str(name).removeprefix(prefix): tensor
                for name, tensor in content.items()
                if str(name).startswith(prefix) and _belongs(str(name).removeprefix(prefix))
            }
            yield f"{place}{prefix}", state
        elif isinstance(value, Mapping):
            yield from _state_dicts(value, f"{place}{key}/")


def _belongs(name: str) -> bool:
    roots = ("cond_embed", "input_blocks", "middle_block", "output_blocks", "out")
    return name.partition(".")[0] in roots


def _config(path: Path, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read the shape of the network off its weights; what they do not show is as published."""
    channels = len(state[_FIRST])
    stages = 1 + max(int(n.split(".")[1]) for n in state if n.startswith("input_blocks."))
    widths = [
        len(state.get(f"input_blocks.{i}.0.out_layers.3.weight", ())) for i in range(1, stages)
    ]
    # A level has `blocks` stages and one before them: the first convolution, or a halving, which
    # keeps the width. So the widths repeat at a distance of blocks + 1, and one distance fits.
    for blocks in range(1, stages):
        levels, rest = divmod(stages, blocks + 1)
        tops = [widths[level * (blocks + 1)] for level in range(levels)] if not rest else []
        multipliers = [width // channels for width in tops]
        if tops and widths == _widths(channels, multipliers, blocks):
            return {"channels": channels, "multipliers": multipliers, "blocks": blocks}
    raise ModelError(f"{path}: the widths {widths} of its blocks are no palette UNet's.")


def _widths(channels: int, multipliers: list[int], blocks: int) -> list[int]:
    widths: list[int] = []
    for level, multiplier in enumerate(multipliers):
        if level:
            widths.append(widths[-1])
        widths += [channels * multiplier] * blocks
    return widths
