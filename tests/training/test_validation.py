"""The validation loss: the same noise each time, finer than the spread of photos, best kept."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photos

from colorize_cli.errors import UsageError
from training.checkpoint import BEST_FILE, load_checkpoint
from training.data.photos import Photos
from training.data.shards import half_of
from training.loop import LoopSettings, train
from training.recipe import override
from training.recipe_tables import ValidationTable
from training.run_state import RunState, resume
from training.validation import run as command
from training.validation.losses import (
    ValidationPhotos,
    loss_change,
    mean_loss,
    read_validation,
    validation_losses,
)

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


@pytest.fixture
def held_out(tmp_path: Path) -> ValidationPhotos:
    folder = write_photos(tmp_path / "held-out", count=20, seed=5)
    return read_validation(ValidationTable(data=str(folder)), 32)


def losses_of(run: RunState, photos: ValidationPhotos) -> np.ndarray:
    return validation_losses(run.objective, photos, run.recipe.data, CPU)


def test_the_same_network_has_the_same_losses_and_training_is_left_as_it_was(
    held_out: ValidationPhotos,
) -> None:
    run = RunState(tiny_recipe(), "cpu")
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    one, other = losses_of(run, held_out), losses_of(run, held_out)
    assert one.shape == (20,)
    np.testing.assert_array_equal(one, other)
    assert run.model.training
    assert all(torch.equal(before[name], v) for name, v in run.model.state_dict().items())


def test_a_change_is_seen_that_is_far_smaller_than_the_spread_of_photos() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0.05, 0.4, 200)
    after = before * rng.normal(0.99, 0.01, 200)
    sets = ["a", "b"] * 100
    spread, change = mean_loss(before, sets), loss_change(before, after, sets)
    assert spread.high - spread.low > 0.05 * spread.value
    assert -0.013 < change.low < change.value < change.high < -0.007


def test_photos_are_chosen_by_content_and_by_half(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "some", count=40)
    table = ValidationTable(data=str(folder), half="tune", photos=8)
    chosen = read_validation(table, 32)
    assert len(chosen.crops) == 8
    assert list(chosen.digests) == sorted(chosen.digests)
    tuned = {f.name for f in (folder / "set").iterdir() if half_of(f.read_bytes()) == "tune"}
    for file in (folder / "set").iterdir():
        file.rename(file.with_name(f"x{file.name}"))
        if file.name not in tuned:
            file.with_name(f"x{file.name}").unlink()
    assert read_validation(table, 32).digests == chosen.digests


def test_too_few_photos_are_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "few", count=4)
    with pytest.raises(UsageError, match=r"4 photos .* Name a folder that has more"):
        read_validation(ValidationTable(data=str(folder)), 32)


def test_photos_that_a_run_would_enlarge_to_a_crop_are_enlarged_here(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "small", count=6)  # of 40 by 36 pixels
    table = ValidationTable(data=str(folder))
    with pytest.raises(UsageError, match="of 48 pixels or more"):
        read_validation(table, 48)
    with pytest.raises(UsageError, match="of 39 pixels or more"):
        read_validation(table, 48, 0.8)
    assert read_validation(table, 48, 0.7).crops.shape == (6, 48, 48, 3)


def test_a_run_logs_the_loss_and_keeps_the_best_weights(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    photos, out = Photos([write_photos(tmp_path / "photos")], {}, 32), tmp_path / "run"
    run = RunState(tiny_recipe(lr=1e-2), "cpu")
    lines: list[str] = []
    train(run, photos, LoopSettings(out, validation=held_out), lines.append)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    judged = [entry["validation"] for entry in log if "validation" in entry]
    assert judged[-1].keys() == {"loss", "low", "high"}
    assert any(line.startswith("validation loss ") for line in lines)
    assert load_checkpoint(out / BEST_FILE).progress["step"] == 4
    with run.ema.in_place():
        assert judged[-1]["loss"] == pytest.approx(losses_of(run, held_out).mean(), abs=1e-5)

    # A run that goes on and gets worse keeps the best, and says by how much it is behind.
    best = (out / BEST_FILE).read_bytes()
    worse = resume(out, tiny_recipe(steps=6, ema=0.0), "cpu")
    with torch.no_grad():
        for parameter in worse.model.parameters():
            parameter.add_(torch.randn_like(parameter))
    worse.ema.restart()
    train(worse, photos, LoopSettings(out, validation=held_out), lines.append)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    judged = [entry["validation"] for entry in log if "validation" in entry]
    assert judged[-1]["change_low"] > 0
    assert (out / BEST_FILE).read_bytes() == best


@pytest.mark.parametrize("count", [20, 24])
def test_a_run_that_goes_on_with_other_photos_finds_its_best_anew(
    tmp_path: Path, held_out: ValidationPhotos, count: int
) -> None:
    photos, out = Photos([write_photos(tmp_path / "photos")], {}, 32), tmp_path / "run"
    train(RunState(tiny_recipe(), "cpu"), photos, LoopSettings(out, validation=held_out), silent)
    folder = write_photos(tmp_path / "others", count=count, seed=6)
    others = read_validation(ValidationTable(data=str(folder)), 32)
    lines: list[str] = []
    second = resume(out, tiny_recipe(steps=5), "cpu")
    train(second, photos, LoopSettings(out, validation=others), lines.append)
    assert sum("was judged on other photos" in line for line in lines) == 1
    assert load_checkpoint(out / BEST_FILE).progress["step"] == 5
    assert len(load_checkpoint(out / BEST_FILE).progress["validation"]["losses"]) == count


def test_a_run_is_the_same_whether_it_is_judged_or_not(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    photos = Photos([write_photos(tmp_path / "photos")], {}, 32)
    often = override(tiny_recipe(), ["validation.every_minutes=0.0"])
    runs = [RunState(often, "cpu") for _ in range(2)]
    lines: list[str] = []
    train(runs[0], photos, LoopSettings(tmp_path / "plain"), silent)
    train(runs[1], photos, LoopSettings(tmp_path / "judged", validation=held_out), lines.append)
    assert any(line.startswith("validation loss ") for line in lines)
    plain, judged = (run.model.state_dict() | run.ema.state for run in runs)
    assert all(torch.equal(judged[name], value) for name, value in plain.items())


def test_the_weights_come_back_where_validation_fails(held_out: ValidationPhotos) -> None:
    run = RunState(tiny_recipe(), "cpu")
    with torch.no_grad():
        run.ema.state["denoiser.conv_in.weight"].add_(1)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    moved = run.model.get_parameter("denoiser.conv_in.weight")

    def fail() -> None:
        with run.ema.in_place():
            assert not torch.equal(moved, before["denoiser.conv_in.weight"])
            raise RuntimeError("it broke")

    with pytest.raises(RuntimeError, match="broke"):
        fail()
    assert all(torch.equal(before[name], v) for name, v in run.model.state_dict().items())


@pytest.mark.parametrize("alone", [1, 3])
def test_photos_that_are_alone_in_their_set_do_not_void_the_interval(alone: int) -> None:
    before = np.random.default_rng(0).uniform(0.05, 0.4, 20)
    sets = ["a"] * (20 - alone) + [f"b{i}" for i in range(alone)]
    change = loss_change(before, 0.9 * before, sets)
    assert change.low <= change.value <= change.high
    assert change.value == pytest.approx(-0.1)
    assert mean_loss(before, sets).high > mean_loss(before, sets).low


def test_two_networks_are_compared_photo_by_photo(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "held-out", count=20, seed=5)
    run = RunState(tiny_recipe(), "cpu")
    run.save_weights(tmp_path / "first.safetensors")
    run.save_weights(tmp_path / "same.safetensors")
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.add_(torch.randn_like(parameter))
    run.ema.restart()
    run.save_weights(tmp_path / "worse.safetensors")
    models = [str(tmp_path / f"{name}.safetensors") for name in ("first", "same", "worse")]
    lines: list[str] = []
    command.run(models, ValidationTable(data=str(folder)), "cpu", lines.append)
    assert lines[0] == "20 photos of 1 set"
    assert lines[2].endswith("+0.00% (+0.00% to +0.00%) on " + models[0] + ": no different")
    assert lines[3].endswith(": worse")


def test_networks_of_different_losses_are_not_compared(tmp_path: Path) -> None:
    models = []
    for scale in (26.0, 40.0):
        run = RunState(override(tiny_recipe(), [f"diffusion.ab_scale={scale}"]), "cpu")
        models.append(str(tmp_path / f"{scale}.safetensors"))
        run.save_weights(Path(models[-1]))
    with pytest.raises(UsageError, match="cannot be compared"):
        command.run(models, ValidationTable(data=str(tmp_path)), "cpu", print)
