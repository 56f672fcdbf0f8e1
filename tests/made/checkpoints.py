"""Checkpoints of small networks, as training writes them."""

from pathlib import Path

import torch

from training.checkpoint import Checkpoint, save_checkpoint
from training.families import family_of
from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe

ENCODER = {
    "encoder": {"channels": [16, 16, 16, 16], "groups": 4},
    "denoiser": {"channels": [16, 16, 16, 16], "groups": 4, "head_dim": 8, "emb_dim": 16},
}
GAN = {"channels": 4, "halvings": 7}
GAN_ENCODER = {
    "encoder": {"channels": [16, 16, 16, 16], "groups": 4},
    "decoder": {"channels": [8, 8], "depth": 1, "groups": 4},
}
PALETTE = {"channels": 8, "multipliers": [1, 2, 2], "blocks": 1, "head_dim": 8, "groups": 4}

PUBLISHED = {"channels": 8, "multipliers": [1, 2], "groups": 4, "head_dim": 4}
VAE_MDN = {
    "channels": 4,
    "latent": 8,
    "components": 3,
    "mdn": [16, 8, 8],
    "hidden": 16,
    "encoder": {"channels": [16, 16, 16, 16], "groups": 4},
}
NETWORKS = {
    "encoder": ENCODER,
    "palette": PALETTE,
    "encoder-published": PUBLISHED,
    "vae-mdn": VAE_MDN,
    "gan": GAN,
    "gan-encoder": GAN_ENCODER,
}
_DIFFUSION = ("encoder", "palette", "encoder-published")


def tiny_network_recipe(family: str) -> Recipe:
    """Make a recipe of a family with the smallest network."""
    is_diffusion = family in _DIFFUSION
    table = {
        "name": "tiny",
        "family": family,
        "network": NETWORKS[family],
        "data": {"grid": family_of(family).GRID},
        "optim": {"views": 2 if is_diffusion else 1},
        "sampling": {"working_size": 64, "steps": 3} if is_diffusion else {"working_size": 128},
        "license": "none",
    }
    return recipe_from_dict(table)


def make_checkpoint(folder: Path, family: str) -> Path:
    """Write a checkpoint of a small network whose zero-initialised layers are not zero."""
    recipe = tiny_network_recipe(family)
    torch.manual_seed(0)
    network = family_of(recipe.family).build(recipe.network)
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    path = folder / f"{family}.safetensors"
    save_checkpoint(path, Checkpoint(recipe, network.state_dict(), {"step": 1}))
    return path
