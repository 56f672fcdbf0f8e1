"""The `gan` family: image-to-image translation (Isola et al. 2017) with L in and ab out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..networks.pix2pix import Generator, UNetConfig, UNetDecoder, folded
from .adversarial import AB_SCALE, AdversarialObjective, AdversarialRecipe
from .family import NetworkGraph, configured, encoder_graph

RECIPE = AdversarialRecipe
GRID = 1


class _DecoderGraph(nn.Module):
    def __init__(self, decoder: UNetDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, cond: list[Tensor], mask: list[Tensor]) -> Tensor:
        return AB_SCALE * self.decoder(cond, mask)


def build(config: Mapping[str, Any]) -> Generator:
    """Build the network with random weights.

    Args:
        config: keyword arguments of `UNetConfig`.

    Raises:
        TypeError: unknown key.
    """
    return Generator(configured(UNetConfig, config))


def multiple(config: Mapping[str, Any]) -> int:
    """Give the sides that the U-Net halves down to one cell."""
    return configured(UNetConfig, config).multiple


def load_backbone(network: Generator, path: Path | None, report: Callable[[str], None]) -> None:
    """Do nothing: the network has no backbone."""


def objective(
    recipe: AdversarialRecipe, network: Generator, device: torch.device
) -> AdversarialObjective:
    """Train the whole network."""
    return AdversarialObjective(recipe, network, device)


def deployed(network: Generator, config: Mapping[str, Any]) -> tuple[Generator, dict[str, Any]]:
    """Fold the batch norms into the convolutions."""
    return folded(network), {**config, "folded": True}


def graphs(network: Generator) -> list[NetworkGraph]:
    """Cut the network in two, so that what does not depend on the dropout runs once a photo."""
    # Twice what the innermost map has one row for: a single one would be taken for all there is.
    config, side = network.config, 2 * network.config.multiple
    maps = {
        f"cond_{i}": torch.zeros(2, c, side >> (i + 1), 2 * side >> (i + 1))
        for i, c in enumerate(config.widths)
    }
    masks = {
        f"mask_{i}": torch.ones(6, c, side // stride, 2 * side // stride)
        for i, (c, stride) in enumerate(config.dropped)
    }
    mask_dims: dict[str, list[str | int]] = {
        name: ["rows", mask.shape[1], f"mask_height_{i}", f"mask_width_{i}"]
        for i, (name, mask) in enumerate(masks.items())
    }
    encoder, map_dims = encoder_graph(network.encoder, maps, (side, 2 * side))
    return [
        encoder,
        NetworkGraph(
            file="decoder.onnx",
            module=_DecoderGraph(network.decoder),
            examples={"cond": list(maps.values()), "mask": list(masks.values())},
            dims={**map_dims, **mask_dims, "ab": ["rows", 2, "padded_height", "padded_width"]},
            outputs=["ab"],
            prefix="decoder.",
        ),
    ]


def sampling(recipe: AdversarialRecipe) -> dict[str, Any]:
    """Make the table `sampling` of a bundle: where dropout stays on."""
    dropped = configured(UNetConfig, recipe.network).dropped
    return {"dropout": [{"channels": c, "stride": s} for c, s in dropped]}
