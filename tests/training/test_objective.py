"""The loop trains what has two networks, two losses, two optimizers and statistics of the data."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made.tiny_runs import write_photos
from torch import Tensor, nn

from training import families
from training.checkpoint import WEIGHTS_FILE, load_checkpoint
from training.data.batches import Batch
from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.optimizer import adamw, descend
from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe
from training.run_state import RunState, resume


class Statistics(nn.Module):
    """The mean ab of the photos of the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean_ab", torch.zeros(2))


class Adversarial:
    """A generator and a discriminator, each lowering its own loss, on centred ab."""

    def __init__(self, recipe: Recipe, model: nn.Module, device: torch.device) -> None:
        discriminator = nn.Conv2d(2, 1, 1)
        self.parts = {"model": model, "discriminator": discriminator, "statistics": Statistics()}
        self.optimizers = [
            adamw(recipe.optim, [(list(part.parameters()), 1.0)]) for part in (model, discriminator)
        ]
        self._optim = recipe.optim

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        generator, discriminator, statistics = self.parts.values()
        real = batch.ab
        if step == 0:
            statistics.mean_ab.copy_(real.mean(dim=(0, 2, 3)))
        real = (real - statistics.mean_ab[:, None, None]) / 50
        fake = generator(batch.L / 100)
        told = discriminator(real).sigmoid() - discriminator(fake.detach()).sigmoid()
        of_discriminator = (1 - told).mean(dim=(1, 2, 3))
        descend(self.optimizers[1], of_discriminator.mean(), discriminator, self._optim)
        of_generator = -discriminator(fake).sigmoid().mean(dim=(1, 2, 3))
        descend(self.optimizers[0], of_generator.mean(), generator, self._optim)
        return {"generator": of_generator.detach(), "discriminator": of_discriminator.detach()}

    def validate(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        fake = self.parts["model"](batch.L / 100)
        return -self.parts["discriminator"](fake).sigmoid().mean(dim=(1, 2, 3))

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        return {name: round(value.mean().item(), 5) for name, value in values.items()}


FAMILY = SimpleNamespace(
    RECIPE=Recipe,
    GRID=1,
    multiple=lambda config: 32,
    build=lambda config: nn.Conv2d(1, 2, 3, padding=1),
    objective=Adversarial,
)


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Callable[[], RunState]:
    def module(name: str) -> Any:
        return FAMILY

    monkeypatch.setitem(families.FAMILIES, "adversarial", "made")
    monkeypatch.setattr(families, "import_module", module)
    recipe = {"name": "toy", "family": "adversarial", "data": {"size": 32, "grid": 1}}
    recipe["optim"] = {"steps": 4, "photos": 2, "warmup": 1}
    return lambda: RunState(recipe_from_dict(recipe), "cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos([write_photos(tmp_path / "photos", count=1)], {}, 32)


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


def test_a_run_of_several_parts_goes_on_as_if_it_had_not_been_stopped(
    begin: Callable[[], RunState], photos: Photos, tmp_path: Path
) -> None:
    whole = begin()
    train(whole, photos, LoopSettings(tmp_path / "whole"), silent)
    first = begin()
    train(first, photos, LoopSettings(tmp_path / "parts"), silent, lambda: first.step == 2)
    second = resume(tmp_path / "parts", None, "cpu")
    train(second, photos, LoopSettings(tmp_path / "parts"), silent)
    for name, part in whole.objective.parts.items():
        again = second.objective.parts[name].state_dict()
        assert all(torch.equal(again[key], value) for key, value in part.state_dict().items())
    assert whole.objective.parts["statistics"].get_buffer("mean_ab").any()
    assert load_checkpoint(tmp_path / "parts" / WEIGHTS_FILE).state.keys() == {"weight", "bias"}


def test_every_loss_is_logged_under_its_name(
    begin: Callable[[], RunState], photos: Photos, tmp_path: Path
) -> None:
    lines: list[str] = []
    train(begin(), photos, LoopSettings(tmp_path / "run"), lines.append)
    entry = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert {"generator", "discriminator", "lr"} < entry.keys()
    assert entry["samples"] == 8
    assert f"generator {entry['generator']:.4f}  discriminator " in lines[-1]
