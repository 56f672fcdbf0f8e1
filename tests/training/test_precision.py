"""Precision and accumulation: what they change, and what they leave as it is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from made.tiny_runs import toy_recipe, write_photos

from colorize_cli.errors import UsageError
from training.data.batches import make_batch
from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.optimizer import adamw, check_gradients, descend, loss_scaler, parts
from training.recipe_tables import OptimTable
from training.run_state import RunState, resume

CPU = torch.device("cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos([write_photos(tmp_path / "photos")], {}, 32)


def run_of(**optim: Any) -> RunState:
    """A run of a network without dropout, which would be drawn otherwise for other parts."""
    diffusion = {"chroma_weight": 1.0, "weight_limit": 6.0}
    optim = {"photos": 5, "precision": "fp32"} | optim
    return RunState(toy_recipe(optim=optim, diffusion=diffusion), "cpu")


def stepped(run: RunState, photos: Photos, steps: int = 2) -> list[float]:
    losses = []
    for _ in range(steps):
        batch = make_batch(photos, run.recipe.data, 5, 0, run.step, CPU)
        losses += run.train_step(batch, 1.0)["loss"].tolist()
    return losses


def test_a_step_in_parts_is_the_same_step(photos: Photos) -> None:
    whole, cut = run_of(), run_of(accumulate=3)
    assert stepped(cut, photos) == pytest.approx(stepped(whole, photos), rel=1e-4)
    for name, tensor in whole.model.state_dict().items():
        other = cut.model.state_dict()[name]
        assert (other - tensor).norm() <= 1e-5 * tensor.norm() + 1e-6, name


def test_a_step_in_parts_shows_the_network_no_more_than_a_part(photos: Photos) -> None:
    run, seen = run_of(accumulate=2), []
    run.model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[1])))
    stepped(run, photos, 1)
    assert seen == [2, 3]


def test_parts_are_all_rows_and_never_empty() -> None:
    assert parts(5, 2) == [slice(0, 2), slice(2, 5)]
    assert parts(2, 7) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("accumulate", [0, 6])
def test_more_parts_than_photos_are_refused(accumulate: int) -> None:
    with pytest.raises(UsageError, match=r"optim\.accumulate"):
        toy_recipe(optim={"photos": 5, "accumulate": accumulate})


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.half)])
def test_the_network_computes_in_what_the_recipe_says_and_its_weights_stay_single(
    photos: Photos, precision: str, dtype: torch.dtype
) -> None:
    run, found = run_of(precision=precision), []
    head = [m for m in run.model.modules() if isinstance(m, torch.nn.Conv2d)][-1]
    head.register_forward_hook(lambda module, inputs, output: found.append(output.dtype))
    lower, single = stepped(run, photos), stepped(run_of(), photos)
    assert set(found) == {dtype}
    assert lower == pytest.approx(single, rel=0.05)
    assert lower != single
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


def test_a_run_in_half_precision_resumes_with_the_scale_of_its_loss(
    photos: Photos, tmp_path: Path
) -> None:
    def begun() -> RunState:
        run = run_of(precision="fp16", steps=3, photos=1)
        loss_scaler(run.objective.optimizers[0]).set_growth_interval(2)
        return run

    whole = begun()
    train(whole, photos, LoopSettings(tmp_path / "whole"), lambda line: None)
    first = begun()
    train(first, photos, LoopSettings(tmp_path / "run"), lambda line: None, lambda: first.step == 2)
    second = resume(tmp_path / "run", None, "cpu")
    scaler = loss_scaler(second.objective.optimizers[0])
    assert scaler.get_scale() == loss_scaler(first.objective.optimizers[0]).get_scale() > 65536
    train(second, photos, LoopSettings(tmp_path / "run"), lambda line: None)
    assert scaler.state_dict() == loss_scaler(whole.objective.optimizers[0]).state_dict()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], tensor)


def test_a_loss_that_overflows_lowers_its_scale_and_only_one_that_always_does_is_an_error() -> None:
    optim = OptimTable(lr=0.1, precision="fp16")
    network = torch.nn.Linear(2, 1)
    optimizer = adamw(optim, [([network.weight], 1.0), ([network.bias], 1.0)])
    scaler = loss_scaler(optimizer)
    assert scaler is not None
    before = network.weight.detach().clone()
    bad = torch.full((1, 2), float("inf"))
    descend(optimizer, network(bad).sum(), network, optim)
    check_gradients([optimizer])
    assert scaler.get_scale() == 32768
    assert torch.equal(network.weight, before)
    descend(optimizer, network(torch.ones(1, 2)).sum(), network, optim)
    assert not torch.equal(network.weight, before)
    for _ in range(16):
        descend(optimizer, network(bad).sum(), network, optim)
    with pytest.raises(UsageError, match="not finite"):
        check_gradients([optimizer])
