"""The toy family in PyTorch: a convolution from L to ab, which learns the mean."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor, nn

from training.data.batches import Batch
from training.families.family import NetworkGraph
from training.optimizer import adamw, descend
from training.recipe_tables import Recipe

RECIPE = Recipe
GRID = 4


class Painter(nn.Module):
    """(B, 1, H, W) L to (B, 2, H / 4, W / 4) ab in Lab units."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, GRID, stride=GRID)

    def forward(self, L: Tensor) -> Tensor:
        ab: Tensor = self.conv(L / 50 - 1)
        return ab


class MeanObjective:
    """The mean squared error of ab."""

    def __init__(self, recipe: Recipe, network: nn.Module, device: torch.device) -> None:
        self.parts = {"model": network}
        self.optimizers = [adamw(recipe.optim, [(list(network.parameters()), 1.0)])]
        self._recipe = recipe

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        network = self.parts["model"]
        loss = self._loss(batch)
        descend(self.optimizers[0], loss.mean(), network, self._recipe.optim)
        return {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self, batch: Batch, rng: Generator) -> Tensor:
        return self._loss(batch)

    def _loss(self, batch: Batch) -> Tensor:
        return (self.parts["model"](batch.L) - batch.ab).square().mean(dim=(1, 2, 3))

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        return {"loss": round(values["loss"].mean().item(), 5)}


def build(config: Mapping[str, Any]) -> Painter:
    return Painter(**config)


def multiple(config: Mapping[str, Any]) -> int:
    return GRID


def deployed(network: nn.Module, config: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    return network, dict(config)


def load_backbone(network: nn.Module, path: Path | None, report: Callable[[str], None]) -> None:
    """Leave the network as it is: it has no backbone."""


def objective(recipe: Recipe, network: nn.Module, device: torch.device) -> MeanObjective:
    return MeanObjective(recipe, network, device)


def graphs(network: nn.Module) -> list[NetworkGraph]:
    dims: dict[str, list[str | int]] = {
        "L": ["batch", 1, "padded_height", "padded_width"],
        "ab": ["batch", 2, "height", "width"],
    }
    L = torch.full((2, 1, 64, 96), 50.0)
    return [NetworkGraph("painter.onnx", network, {"L": L}, dims, ["ab"])]


def sampling(recipe: Recipe) -> dict[str, Any]:
    return {}
