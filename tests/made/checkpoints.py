"""Checkpoints of small networks, as training writes them."""

from pathlib import Path

import torch

from training.checkpoint import Checkpoint, save_checkpoint
from training.families import family_of
from training.recipe import recipe_from_dict

ENCODER = {
    "encoder": {"channels": [16, 16, 16, 16], "groups": 4},
    "denoiser": {"channels": [16, 16, 16, 16], "groups": 4, "head_dim": 8, "emb_dim": 16},
}
PALETTE = {"channels": 8, "multipliers": [1, 2, 2], "blocks": 1, "head_dim": 8, "groups": 4}


def make_checkpoint(folder: Path, family: str) -> Path:
    """Write a checkpoint of a small network whose zero-initialised layers are not zero."""
    recipe = recipe_from_dict(
        {
            "name": "tiny",
            "family": family,
            "network": ENCODER if family == "encoder" else PALETTE,
            "data": {"grid": 4 if family == "encoder" else 1},
            "sampling": {"working_size": 64, "steps": 3},
            "license": "none",
        }
    )
    torch.manual_seed(0)
    network = family_of(recipe.family).build(recipe.network)
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    path = folder / f"{family}.safetensors"
    save_checkpoint(path, Checkpoint(recipe, network.state_dict(), {"step": 1}))
    return path
