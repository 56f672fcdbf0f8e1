"""A gradient that is not finite stops the run with the step, its photos and what to try."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photos

from colorize_cli.errors import DeviceError, UsageError
from training.data.batches import make_batch
from training.data.photos import Photos
from training.families.encoder import EncoderColorizer
from training.loop import LoopSettings, train
from training.optimizer import LostStepError, gradient_norm
from training.recipe import override
from training.run_state import RunState, resume
from training.watching import lost_step
from training.watching.lost_step import FILE, lost_steps_told, names_in_batch

CPU = torch.device("cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos([write_photos(tmp_path / "photos", count=20)], {}, 32)


def test_the_names_of_a_batch_are_those_of_its_photos(photos: Photos, tmp_path: Path) -> None:
    names = names_in_batch(photos, 2, 7, 3)
    whole = make_batch(photos, tiny_recipe().data, 2, 7, 3, CPU)
    few = Photos([folder_of(names, tmp_path)], {}, 32)
    assert sorted(few.names) == sorted(set(names))
    assert names != names_in_batch(photos, 2, 7, 4)
    assert len(names) == len(whole.L)


def folder_of(names: list[str], tmp_path: Path) -> Path:
    for name in names:
        (tmp_path / "few" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "few" / name).write_bytes((tmp_path / "photos" / name).read_bytes())
    return tmp_path / "few"


@pytest.mark.parametrize("after", [0, 2])
def test_a_step_that_is_lost_is_named_with_its_photos_however_late_it_is_seen(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Step 3 is lost, and seen at the end of the run or, after a resume, at the next save."""
    out = tmp_path / "run"
    out.mkdir()
    forward = EncoderColorizer.forward
    first = RunState(tiny_recipe(steps=5), "cpu")
    if after:
        train(first, photos, LoopSettings(out), lambda line: None, lambda: first.step == after)
    state = resume(out, None, "cpu") if after else first
    calls = []

    def spoilt(self: Any, *inputs: Any) -> Any:
        calls.append(1)
        return forward(self, *inputs) * (torch.nan if len(calls) + after == 3 else 1.0)

    monkeypatch.setattr(EncoderColorizer, "forward", spoilt)
    with (
        pytest.raises(UsageError, match=r"gradient of step 3 .*weights were left") as told,
        lost_steps_told(state, photos, out),
    ):
        train(state, photos, LoopSettings(out), lambda line: None)
    names = names_in_batch(photos, 2, state.recipe.seed, 2)
    kept = json.loads((out / FILE).read_text())
    assert (kept["step"], kept["photos"]) == (3, names)
    assert ", ".join(names) in str(told.value)
    assert "--resume" in str(told.value)
    assert "optim.lr=0.00025" in str(told.value)


def test_the_norm_of_the_gradient_is_that_since_the_last_look(photos: Photos) -> None:
    run = RunState(override(tiny_recipe(), ["optim.clip=1e9"]), "cpu")
    norms = []
    for step in range(2):
        run.train_step(make_batch(photos, run.recipe.data, 2, 0, step, CPU), 1.0)
        grads = [p.grad for p in run.model.parameters() if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in grads]).norm().item())
    optimizers = run.objective.optimizers
    assert gradient_norm(optimizers) == pytest.approx(sum(norms) / 2, rel=1e-4)
    assert gradient_norm(optimizers) is None


def test_the_other_processes_leave_it_to_the_first_to_say_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = []

    def wait() -> None:
        waited.append(1)
        raise DeviceError("The processes of this run lost each other")  # the first one ended

    monkeypatch.setattr(lost_step, "wait", wait)
    with pytest.raises(LostStepError), lost_step.lost_steps_left_to_the_first():
        raise LostStepError(1, 0)
    assert waited
