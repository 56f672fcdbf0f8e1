"""The `encoder-published` family: Color-diffusion (Millon 2023) as it was published."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..networks.published import Published, PublishedConfig, folded
from .diffusion import DiffusionObjective
from .diffusion_recipe import DiffusionRecipe, sampling
from .encoder import denoiser_graph
from .family import NetworkGraph, configured, encoder_graph

__all__ = [
    "GRID",
    "RECIPE",
    "build",
    "deployed",
    "graphs",
    "load_backbone",
    "multiple",
    "objective",
    "sampling",
]

RECIPE = DiffusionRecipe
GRID = 1


def build(config: Mapping[str, Any]) -> Published:
    """Build the network with random weights.

    Args:
        config: keyword arguments of `PublishedConfig`.

    Raises:
        TypeError: unknown key.
    """
    return Published(configured(PublishedConfig, config))


def multiple(config: Mapping[str, Any]) -> int:
    """Give the sides that the U-Net halves without a rest."""
    return configured(PublishedConfig, config).multiple


def load_backbone(network: Published, path: Path | None, report: Callable[[str], None]) -> None:
    """Do nothing: the encoder learns with the rest."""


def objective(
    recipe: DiffusionRecipe, network: Published, device: torch.device
) -> DiffusionObjective:
    """Train the whole network."""
    return DiffusionObjective(recipe, network, device, denoiser=network.denoiser)


def deployed(network: Published, config: Mapping[str, Any]) -> tuple[Published, dict[str, Any]]:
    """Store the standardised weights."""
    return folded(network), {**config, "folded": True}


def graphs(network: Published) -> list[NetworkGraph]:
    """Cut the network in two, so that the encoder runs once a photo instead of once a step."""
    config, side = network.config, 8 * network.config.multiple
    channels = config.widths[:-1]
    channels[0] += 1  # L itself
    maps = {
        f"cond_{i}": torch.zeros(2, c, side >> i, 2 * side >> i) for i, c in enumerate(channels)
    }
    encoder, map_dims = encoder_graph(network.encoder, maps, (side, 2 * side))
    return [encoder, denoiser_graph(network.denoiser, maps, map_dims)]
