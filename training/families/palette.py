"""The `palette` family: one UNet that sees L itself, at the resolution of ab."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..networks.palette import Palette, PaletteConfig
from .diffusion import DiffusionObjective
from .diffusion_recipe import DiffusionRecipe, sampling
from .family import NetworkGraph, configured
from .family import unchanged as deployed

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


def build(config: Mapping[str, Any]) -> Palette:
    """Build the network with random weights.

    Args:
        config: keyword arguments of `PaletteConfig`.

    Raises:
        TypeError: unknown key.
    """
    return Palette(configured(PaletteConfig, config))


def multiple(config: Mapping[str, Any]) -> int:
    """Give the sides that the U-Net halves without a rest."""
    return 32


def load_backbone(network: Palette, path: Path | None, report: Callable[[str], None]) -> None:
    """Do nothing: the network has no backbone."""


def objective(
    recipe: DiffusionRecipe, network: Palette, device: torch.device
) -> DiffusionObjective:
    """Train the whole network."""
    return DiffusionObjective(recipe, network, device, denoiser=network)


def graphs(network: Palette) -> list[NetworkGraph]:
    """Take the whole network for one graph."""
    rows: list[str | int] = ["rows", 2, "height", "width"]
    return [
        NetworkGraph(
            file="denoiser.onnx",
            module=network,
            examples={
                "noisy_ab": torch.zeros(6, 2, 32, 48),
                "L": torch.full((2, 1, 32, 48), 50.0),
                "gamma": torch.full((6,), 0.5),
            },
            dims={
                **{"noisy_ab": rows, "prediction": rows, "gamma": ["rows"]},
                "L": ["batch", 1, "height", "width"],
            },
            outputs=["prediction"],
        )
    ]
