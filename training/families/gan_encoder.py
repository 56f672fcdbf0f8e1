"""The `gan-encoder` family: a GAN whose generator stands on the pretrained condition encoder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..networks.encoder import ConditionEncoder, EncoderConfig
from ..networks.map_decoder import MapDecoder, MapDecoderConfig
from .adversarial import AB_SCALE, AdversarialObjective, AdversarialRecipe
from .encoder import SIDES, condition_maps, load_default_encoder
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

RECIPE = AdversarialRecipe
GRID = 1


class EncoderGenerator(nn.Module):
    """Condition encoder and decoder."""

    def __init__(self, encoder: EncoderConfig, decoder: MapDecoderConfig) -> None:
        super().__init__()
        self.channels = encoder.channels
        self.encoder = ConditionEncoder(encoder)
        self.decoder = MapDecoder(encoder.channels, decoder)

    def forward(self, L: Tensor) -> Tensor:
        """Map L (B, 1, H, W), 0..100, to ab (B, 2, H, W) in units of 110."""
        return self.decoder(self.encoder(L))


class _DecoderGraph(nn.Module):
    def __init__(self, decoder: MapDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, cond: list[Tensor]) -> Tensor:
        return AB_SCALE * self.decoder(cond)


def build(config: Mapping[str, Any]) -> EncoderGenerator:
    """Build the network with random weights.

    Args:
        config: the tables `encoder` and `decoder`, keyword arguments of their configurations.

    Raises:
        TypeError: unknown key.
    """
    return EncoderGenerator(
        *configured_tables(config, encoder=EncoderConfig, decoder=MapDecoderConfig)
    )


def multiple(config: Mapping[str, Any]) -> int:
    """Give the stride of the encoder's coarsest map."""
    return 32


def load_backbone(
    network: EncoderGenerator, path: Path | None, report: Callable[[str], None]
) -> None:
    """Take the default bundle's condition encoder, or ImageNet's weights for its backbone.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    load_default_encoder(network.encoder, path, report)


def objective(
    recipe: AdversarialRecipe, network: EncoderGenerator, device: torch.device
) -> AdversarialObjective:
    """Train the decoder; with `optim.tuned_stages`, the neck and so much of the backbone, too."""
    network.encoder.requires_grad_(bool(recipe.optim.tuned_stages))
    network.encoder.backbone.requires_grad_(False)
    tuned = network.encoder.backbone.last_stages(recipe.optim.tuned_stages)
    return AdversarialObjective(recipe, network, device, backbone=tuned)


def graphs(network: EncoderGenerator) -> list[NetworkGraph]:
    """Cut the network in two, as its graphs are of other precisions."""
    maps = condition_maps(network.channels)
    encoder, map_dims = encoder_graph(network.encoder, maps, SIDES)
    return [
        encoder,
        NetworkGraph(
            file="decoder.onnx",
            module=_DecoderGraph(network.decoder),
            examples={"cond": list(maps.values())},
            dims={**map_dims, "ab": ["batch", 2, "padded_height", "padded_width"]},
            outputs=["ab"],
            prefix="decoder.",
        ),
    ]


def sampling(recipe: AdversarialRecipe) -> dict[str, Any]:
    """Make the table `sampling` of a bundle: there is no dropout, and so one answer."""
    return {"dropout": []}
