"""The best weights by the error of their samples, where the recipe says so."""

from pathlib import Path

import pytest
from made.tiny_runs import tiny_recipe, write_photos

from colorize_cli.errors import UsageError
from training.checkpoint import BEST_FILE, load_checkpoint
from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.recipe import override
from training.recipe_tables import ValidationTable
from training.run_state import RunState, resume
from training.validation.losses import ValidationPhotos, read_validation
from training.watching.best_samples import BestSamples


@pytest.fixture
def held_out(tmp_path: Path) -> ValidationPhotos:
    folder = write_photos(tmp_path / "held-out", count=6, seed=5)
    return read_validation(ValidationTable(data=str(folder)), 32)


def run_of(*changes: str) -> RunState:
    chosen = ["sampling.steps=2", "samples.every_steps=2", "samples.choose_best=true"]
    return RunState(override(tiny_recipe(), [*chosen, *changes]), "cpu")


def kept(out: Path) -> float:
    return load_checkpoint(out / BEST_FILE).progress["samples"]["ab_mae_first"]


def test_weights_are_kept_only_where_none_were_better(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    run = run_of()
    lines: list[str] = []
    best = BestSamples(run, held_out, tmp_path, lines.append)
    for error, expected in ((7.0, 7.0), (8.0, 7.0), (6.0, 6.0)):
        best.keep({"ab_mae_first": error})
        assert kept(tmp_path) == expected
    best.keep({})  # samples that are not finite
    assert kept(tmp_path) == 6.0


def test_a_run_that_goes_on_is_held_against_its_best(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    run = run_of()
    lines: list[str] = []
    BestSamples(run, held_out, tmp_path, lines.append).keep({"ab_mae_first": 5.0})
    run.step = 1
    BestSamples(run, held_out, tmp_path, lines.append).keep({"ab_mae_first": 6.0})
    assert kept(tmp_path) == 5.0
    assert lines == []
    # By another number of photos it is another error.
    other = run_of("samples.measured=2")
    other.step = 1
    BestSamples(other, held_out, tmp_path, lines.append).keep({"ab_mae_first": 6.0})
    assert kept(tmp_path) == 6.0
    assert len(lines) == 1
    assert lines[0].endswith("the best is found anew")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["samples.every_steps=0"], "of which samples.every_steps=0 draws none"),
        (["checkpoints.best=2"], "leave one of them out"),
    ],
)
def test_what_would_choose_nothing_is_refused(changes: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run_of(*changes)
    run_of(*changes, "samples.choose_best=false")
    run_of("samples.every_steps=0", "samples.at_steps=[1]")


def test_a_run_leaves_the_weights_of_its_least_error_whatever_the_loss_says(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    photos, out = Photos([write_photos(tmp_path / "photos")], {}, 32), tmp_path / "run"
    run = run_of()
    train(run, photos, LoopSettings(out, validation=held_out), lambda line: None)
    first = load_checkpoint(out / BEST_FILE)
    assert first.progress["step"] in (2, 4)
    assert "validation" not in first.progress
    lines: list[str] = []
    again = resume(out, override(run.recipe, ["optim.steps=6"]), "cpu")
    train(again, photos, LoopSettings(out, validation=held_out), lines.append)
    assert kept(out) <= first.progress["samples"]["ab_mae_first"]
    assert not any("found anew" in line for line in lines)
