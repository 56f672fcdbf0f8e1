"""Warnings of a run that goes wrong come where it does, and not where it does not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photos
from torch import Tensor

from training.data.batches import make_batch
from training.data.photos import Photos
from training.families.diffusion_loss import loss_of_mean, moments, per_row_loss, q_sample, target
from training.recipe import override
from training.run_state import RunState
from training.watching.doubts import Doubts
from training.watching.watch import family_in_training

CPU = torch.device("cpu")


def rows(count: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    """x_0 of photos that differ, gamma and eps."""
    torch.manual_seed(0)
    x_0 = torch.randn(count, 2, 1, 1) * 0.5 + torch.tensor([0.2, -0.3])[:, None, None]
    x_0 = x_0 + 0.1 * torch.randn(count, 2, 32, 32)
    return x_0, torch.rand(count) * 0.9, torch.randn(count, 2, 32, 32)


@pytest.mark.parametrize("prediction", ["eps", "v", "x_0"])
def test_the_loss_of_the_mean_is_that_of_networks_that_give_it(prediction: str) -> None:
    """The mean colour, or the mean of what has to be predicted: whichever is less off."""
    x_0, gamma, eps = rows()
    x_t = q_sample(x_0, gamma, eps)
    mean = x_0.mean(dim=(0, 2, 3), keepdim=True).expand_as(x_0)
    g = gamma[:, None, None, None]
    implied = (x_t - g.sqrt() * mean) / (1 - g).sqrt()
    truth = target(prediction, x_0, gamma, eps)
    of_colour = per_row_loss(target(prediction, mean, gamma, implied), truth)
    of_target = per_row_loss(target(prediction, mean, gamma, torch.zeros_like(eps)), truth)
    least = torch.minimum(of_colour, of_target)
    torch.testing.assert_close(
        loss_of_mean(prediction, moments(x_0), gamma), least, rtol=0.15, atol=0.01
    )
    assert (of_colour <= of_target).any()


@pytest.mark.parametrize("prediction", ["eps", "v", "x_0"])
def test_a_network_that_does_not_look_at_photos_is_warned_of_and_one_that_does_is_not(
    prediction: str, tmp_path: Path
) -> None:
    """As `TrainingLog` asks, with the figures that the objective itself gives."""
    recipe = override(
        tiny_recipe(photos=16), [f"diffusion.prediction={prediction}", "diffusion.ab_scale=60.0"]
    )
    run = RunState(recipe, "cpu")
    batch = make_batch(
        Photos([write_photos(tmp_path / "p", count=12)], {}, 32), recipe.data, 16, 0, 0, CPU
    )
    x_0 = batch.ab / recipe.diffusion.ab_scale  # type: ignore[attr-defined]
    mean = x_0.mean(dim=(0, 2, 3), keepdim=True)

    def knowing(share: float) -> Any:
        """A network that knows a share of what makes a photo differ from the mean."""

        def network(x_t: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
            guess = (mean + share * (x_0 - mean)).repeat_interleave(len(x_t) // len(x_0), dim=0)
            g = gamma[:, None, None, None]
            eps = (x_t - g.sqrt() * guess) / (1 - g).sqrt()
            return target(prediction, guess, gamma, eps) + 0 * weight.sum()

        return network

    weight = next(p for p in run.model.parameters() if p.requires_grad)
    told: dict[float, list[str]] = {0.0: [], 0.3: []}
    for share, lines in told.items():
        network = knowing(share)
        run.objective._predict = lambda model, *inputs, n=network: n(*inputs)  # type: ignore[attr-defined]
        doubts = Doubts(lines.append)
        for _ in range(2):
            doubts.of_loss(run.objective.figures(run.objective.step(batch, 0)))
    assert told[0.3] == []
    (line,) = told[0.0]
    assert "is no lower than that of predicting the mean whatever" in line
    assert "optim.lr" in line


def test_a_loss_that_no_mean_is_known_of_is_not_doubted() -> None:
    told: list[str] = []
    Doubts(told.append).of_loss({"loss": 1.0})
    Doubts(told.append).of_loss({"loss_by_third": [None] * 3, "loss_of_mean_by_third": [None] * 3})
    assert told == []


def test_where_no_input_is_all_noise_the_noisiest_third_that_there_is_counts() -> None:
    told: list[str] = []
    of_mean = {"loss_of_mean_by_third": [9.0, 0.5, None]}
    Doubts(told.append).of_loss({"loss_by_third": [0.1, 0.3, None], **of_mean})
    assert told == []
    Doubts(told.append).of_loss({"loss_by_third": [0.1, 0.5, None], **of_mean})
    assert len(told) == 1


def test_colour_that_collapses_is_warned_of_when_it_does_and_when_it_does_again() -> None:
    told: list[str] = []
    doubts = Doubts(told.append)
    for drawn in (20.0, 19.0, 21.0, 35.0, 5.0):
        doubts.of_samples({"colourfulness": drawn, "colourfulness_of_truth": 40.0})
    assert len(told) == 2
    assert "colour collapses: samples have a colourfulness of 19.0, photos 40.0" in told[0]
    assert "diffusion.schedule=cosine" in told[0]


def test_a_schedule_that_ends_above_noise_is_warned_of_and_another_is_not() -> None:
    cosine = family_in_training(tiny_recipe())
    tutorial = family_in_training(override(tiny_recipe(), ["diffusion.schedule=tutorial-20"]))
    assert cosine.warning is None
    assert "ends at gamma = 0.395, above 0.01" in (tutorial.warning or "")
