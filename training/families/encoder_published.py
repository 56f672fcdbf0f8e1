"""The `encoder-published` family: Color-diffusion (Millon 2023) as it was published."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..networks.published import GreyEncoder, Published, PublishedConfig, PublishedUNet, folded
from .diffusion import DiffusionObjective
from .diffusion_recipe import DiffusionRecipe, sampling
from .family import NetworkGraph, configured

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


class _EncoderGraph(nn.Module):
    def __init__(self, encoder: GreyEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return tuple(cond.float() for cond in self.encoder(L))


class _DenoiserGraph(nn.Module):
    def __init__(self, denoiser: PublishedUNet) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, noisy_ab: Tensor, cond: list[Tensor], gamma: Tensor) -> Tensor:
        return self.denoiser(noisy_ab, cond, gamma)


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
    map_dims: dict[str, list[str | int]] = {
        name: ["batch", cond.shape[1], f"height_{i}", f"width_{i}"]
        for i, (name, cond) in enumerate(maps.items())
    }
    rows: list[str | int] = ["rows", 2, "height_0", "width_0"]
    return [
        NetworkGraph(
            file="encoder.onnx",
            module=_EncoderGraph(network.encoder),
            examples={"L": torch.full((2, 1, side, 2 * side), 50.0)},
            dims={"L": ["batch", 1, "padded_height", "padded_width"], **map_dims},
            outputs=list(maps),
            prefix="encoder.",
        ),
        NetworkGraph(
            file="denoiser.onnx",
            module=_DenoiserGraph(network.denoiser),
            examples={
                "noisy_ab": torch.zeros(6, 2, side, 2 * side),
                "cond": list(maps.values()),
                "gamma": torch.full((6,), 0.5),
            },
            dims={"noisy_ab": rows, "prediction": rows, "gamma": ["rows"], **map_dims},
            outputs=["prediction"],
            prefix="denoiser.",
        ),
    ]
