"""Samples in a run: as the bundle would draw them, of the averaged weights, measured as ever."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photo, write_photos

from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.find_device import resolve
from training.evaluation.evaluate import EvaluationSettings, evaluate
from training.evaluation.selection import select
from training.families.torch_graphs import torch_graphs
from training.recipe import override
from training.recipe_tables import Recipe, ValidationTable
from training.run_state import RunState
from training.validation.losses import ValidationPhotos, read_validation
from training.watching.watch import FIGURES, Watch, family_in_training


@pytest.fixture
def held_out(tmp_path: Path) -> ValidationPhotos:
    folder = write_photos(tmp_path / "held-out", count=6, seed=5)
    return read_validation(ValidationTable(data=str(folder)), 32)


def quick(*changes: str) -> Recipe:
    return override(tiny_recipe(), ["sampling.steps=2", *changes])


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ([], [4]),
        (["samples.every_steps=0"], []),
        (["samples.every_steps=2"], [2, 4]),
        (["samples.every_steps=0", "samples.at_steps=[1, 3]"], [1, 3]),
    ],
)
def test_the_steps_are_those_that_were_chosen(
    held_out: ValidationPhotos, changes: list[str], due: list[int]
) -> None:
    run = RunState(quick(*changes), "cpu")
    watch = Watch(run, held_out)
    found = []
    for step in range(1, 5):
        run.step = step
        if watch.is_due(is_over=step == 4):
            found.append(step)
    assert found == due


def test_a_look_takes_the_averaged_weights_and_leaves_the_run_as_it_was(
    held_out: ValidationPhotos,
) -> None:
    run = RunState(quick("samples.shown=1", "samples.measured=3"), "cpu")
    watch = Watch(run, held_out)
    with torch.no_grad():  # so that the averages are others than the weights
        for value in run.ema.state.values():
            value.mul_(1.01)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    figures, panel = watch.look()
    after = run.model.state_dict()
    assert all(torch.equal(before[name], value) for name, value in after.items())
    average = {name: value.clone() for name, value in run.ema.state.items()}
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.add_(1.0)
    assert watch.look()[0] == figures
    assert run.model.training
    assert all(torch.equal(average[name], value) for name, value in run.ema.state.items())
    with torch.no_grad():
        for value in run.ema.state.values():
            value.add_(0.01)
    assert watch.look()[0] != figures
    assert figures.keys() == {*FIGURES, "colourfulness_of_truth", "photos"}
    assert figures["photos"] == 3
    assert panel is not None
    assert panel.pixels.shape == (32, 6 * 32 + 10, 3)


def test_a_network_whose_answers_are_not_finite_has_no_samples(held_out: ValidationPhotos) -> None:
    run = RunState(quick(), "cpu")
    run.ema.state["denoiser.conv_in.weight"].fill_(torch.nan)
    own = run.model.get_parameter("denoiser.conv_in.weight").clone()
    assert Watch(run, held_out).look() == ({}, None)
    assert torch.equal(run.model.get_parameter("denoiser.conv_in.weight"), own)


def test_the_figures_are_those_that_evaluate_measures(tmp_path: Path, tiny_bundle: Path) -> None:
    """The same photos at the same size, through the colorizer that `colorize evaluate` takes."""
    rng = np.random.default_rng(3)
    for i in range(6):
        coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        write_photo(tmp_path / "held-out" / "set" / f"{i}.png", cv2.resize(coarse, (64, 64)))
    recipe = quick("data.size=64", "sampling.steps=3", "sampling.gains=[0.9, 0.8]")
    run = RunState(recipe, "cpu")
    with torch.no_grad():
        for value in run.ema.state.values():
            value.add_(0.02 * torch.randn_like(value))
    photos = read_validation(ValidationTable(data=str(tmp_path / "held-out")), 64)
    figures, _ = Watch(run, photos).look()

    bundle = replace(load_bundle(tiny_bundle), family=family_in_training(recipe), views={})
    folder = [tmp_path / "held-out"]
    settings, chosen = EvaluationSettings((0.0, 0.0), samples=1), select(folder, "all", None)
    with run.ema.in_place():
        graphs = torch_graphs(recipe.family, run.model.eval(), torch.device("cpu"))
        colorizer = Colorizer(bundle, resolve("cpu"), size=64, graphs=graphs)
        result = evaluate(folder, chosen, colorizer, None, None, settings, lambda: None)
    row = result.summary.overall.rows["model"]
    assert figures["photos"] == 6
    for name in FIGURES:
        assert figures[name] == pytest.approx(row[name].value, rel=1e-3), name
