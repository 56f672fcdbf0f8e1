"""The `encoder` family: a condition encoder, once a photo, and a denoiser on the ab grid."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorize_cli.errors import ModelError
from colorize_cli.model.bundle import load_bundle

from ..bundle_state import network_from_bundle
from ..networks.backbone import load_pretrained
from ..networks.encoder import ConditionEncoder, EncoderConfig
from ..networks.unet import Denoiser, DenoiserConfig
from .diffusion import DiffusionObjective
from .diffusion_recipe import DiffusionRecipe, sampling
from .family import NetworkGraph, configured_tables, encoder_graph
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
GRID = 4  # the stride of the encoder's finest map
SIDES = 64, 96  # of the photos that the graphs are traced with


class EncoderColorizer(nn.Module):
    """Condition encoder and denoiser."""

    def __init__(self, encoder: EncoderConfig, denoiser: DenoiserConfig) -> None:
        super().__init__()
        self.encoder = ConditionEncoder(encoder)
        self.denoiser = Denoiser(denoiser)

    def forward(self, noisy_ab: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
        """Predict from x_t (B*S, 2, h, w), L (B, 1, H, W) in 0..100 and gamma (B*S,)."""
        return self.denoiser(noisy_ab, self.encoder(L), gamma)


class _DenoiserGraph(nn.Module):
    def __init__(self, denoiser: nn.Module) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, noisy_ab: Tensor, cond: list[Tensor], gamma: Tensor) -> Tensor:
        predicted: Tensor = self.denoiser(noisy_ab, cond, gamma)
        return predicted


def build(config: Mapping[str, Any]) -> EncoderColorizer:
    """Build the network with random weights.

    Args:
        config: the tables `encoder` and `denoiser`, keyword arguments of their configurations.

    Raises:
        TypeError: unknown key.
    """
    return EncoderColorizer(
        *configured_tables(config, encoder=EncoderConfig, denoiser=DenoiserConfig)
    )


def multiple(config: Mapping[str, Any]) -> int:
    """Give the stride of the encoder's coarsest map."""
    return 32


def load_backbone(
    network: EncoderColorizer, path: Path | None, report: Callable[[str], None]
) -> None:
    """Load the backbone's ImageNet weights under timm's names, or take the default bundle's.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    load_default_encoder(network.encoder, path, report, neck=False)


def load_default_encoder(
    encoder: ConditionEncoder,
    path: Path | None,
    report: Callable[[str], None],
    *,
    neck: bool = True,
) -> None:
    """Take over the default bundle's condition encoder, or ImageNet's weights for its backbone.

    Where the neck is not wanted, or is of another shape, the backbone alone is taken.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    if path is not None:
        load_imagenet(encoder, path)
        return
    stored = network_from_bundle(load_bundle("default")).get_submodule("encoder").state_dict()
    own = encoder.state_dict()
    fits = neck and all(stored[name].shape == own[name].shape for name in own)
    kept = stored if fits else {k: v for k, v in stored.items() if k.startswith("backbone.")}
    encoder.load_state_dict({**own, **kept})
    report(f"{'encoder' if fits else 'backbone'}: from the default bundle's encoder")


def load_imagenet(encoder: ConditionEncoder, path: Path) -> None:
    """Fill in the backbone of an encoder from a file of ImageNet weights under timm's names.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    try:
        load_pretrained(encoder.backbone, path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot serve as the backbone: {error}") from error


def objective(
    recipe: DiffusionRecipe, network: EncoderColorizer, device: torch.device
) -> DiffusionObjective:
    """Train the denoiser, the neck, and the last stages of the backbone."""
    backbone = network.encoder.backbone
    backbone.requires_grad_(False)
    tuned = backbone.last_stages(recipe.optim.tuned_stages)
    return DiffusionObjective(recipe, network, device, denoiser=network.denoiser, backbone=tuned)


def graphs(network: EncoderColorizer) -> list[NetworkGraph]:
    """Cut the network in two, so that the encoder runs once for all samples of a photo."""
    maps = condition_maps(network.denoiser.config.channels)
    encoder, map_dims = encoder_graph(network.encoder, maps, SIDES)
    return [encoder, denoiser_graph(network.denoiser, maps, map_dims)]


def denoiser_graph(
    denoiser: nn.Module, maps: Mapping[str, Tensor], map_dims: Mapping[str, Sequence[str | int]]
) -> NetworkGraph:
    """Make the graph of a denoiser, which is a network's part `denoiser`.

    Args:
        denoiser: from (noisy_ab, maps, gamma) to a prediction, ab at the resolution of `cond_0`.
        maps: examples of what it is told, by name, for two photos.
        map_dims: their dimensions.
    """
    rows: list[str | int] = ["rows", 2, "height_0", "width_0"]
    return NetworkGraph(
        file="denoiser.onnx",
        module=_DenoiserGraph(denoiser),
        examples={
            "noisy_ab": torch.zeros(6, 2, *maps["cond_0"].shape[2:]),
            "cond": list(maps.values()),
            "gamma": torch.full((6,), 0.5),
        },
        dims={"noisy_ab": rows, "prediction": rows, "gamma": ["rows"], **map_dims},
        outputs=["prediction"],
        prefix="denoiser.",
    )


def condition_maps(channels: Sequence[int], sides: tuple[int, int] = SIDES) -> dict[str, Tensor]:
    """Make examples of the condition encoder's maps for two photos of `sides` pixels, by name."""
    height, width = sides
    return {
        f"cond_{i}": torch.zeros(2, c, height >> (i + 2), width >> (i + 2))
        for i, c in enumerate(channels)
    }
