"""What a run leaves: states to go back to, the best weights, what made them, in which precision."""

import subprocess
from pathlib import Path

import pytest
import torch
from made.tiny_runs import toy_recipe, write_photos

from colorize_cli.errors import UsageError
from training.checkpoint import (
    BEST_FILE,
    RUN_FILE,
    WEIGHTS_FILE,
    load_checkpoint,
    load_weights,
)
from training.data.photos import Photos
from training.families import family_of
from training.kept_checkpoints import FOLDER, forget_best, keep_best
from training.loop import LoopSettings, train
from training.machine.made_with import commit
from training.machine.processes import Share, alone
from training.recipe_tables import Recipe, ValidationTable
from training.run_state import RunState, resume
from training.validation.judge import Judge
from training.validation.losses import read_validation, validation_losses


def recipe(**checkpoints: object) -> Recipe:
    table = {"every_minutes": 0.0} | checkpoints
    return toy_recipe(optim={"steps": 4, "photos": 1}, checkpoints=table)


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos([write_photos(tmp_path / "photos")], {}, 32)


def silent(line: str) -> None:
    """Take a line and leave it at that."""


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / FOLDER).glob("*"))


def test_the_newest_states_are_kept_and_a_run_goes_back_to_one(
    photos: Photos, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    train(RunState(recipe(last=2), "cpu"), photos, LoopSettings(out), silent)
    assert names(out) == [f"state-0000000{step}.safetensors" for step in (3, 4)]
    ended = (out / WEIGHTS_FILE).read_bytes()
    (out / RUN_FILE).write_bytes((out / FOLDER / names(out)[0]).read_bytes())
    (out / FOLDER / "state-00000009.safetensors").touch()  # of the course that is left now
    again = resume(out, recipe(last=3), "cpu")
    assert again.step == 3
    train(again, photos, LoopSettings(out), silent)
    assert names(out) == [f"state-0000000{step}.safetensors" for step in (3, 4)]
    last, first = (load_checkpoint(out / WEIGHTS_FILE), tmp_path / "first.safetensors")
    first.write_bytes(ended)
    for name, tensor in load_checkpoint(first).state.items():
        assert torch.equal(last.state[name], tensor)


def test_none_is_kept_where_none_is_asked_for(photos: Photos, tmp_path: Path) -> None:
    train(RunState(recipe(), "cpu"), photos, LoopSettings(tmp_path / "run"), silent, lambda: True)
    assert not (tmp_path / "run" / FOLDER).exists()


def test_the_best_weights_are_kept_by_their_loss(tmp_path: Path) -> None:
    losses = {1: 0.5, 2: 0.3, 3: 0.6, 4: 0.4, 5: 0.35}
    for step, loss in losses.items():
        keep_best(tmp_path, step, loss, 2, lambda path: path.write_bytes(b"weights"))
    assert names(tmp_path) == [
        "weights-00000002-loss-0.300000.safetensors",
        "weights-00000005-loss-0.350000.safetensors",
    ]
    keep_best(tmp_path, 6, 0.9, 2, lambda path: pytest.fail("it is none of the best"))
    forget_best(tmp_path)
    assert names(tmp_path) == []


def test_a_run_keeps_as_many_of_the_best_as_its_recipe_says(photos: Photos, tmp_path: Path) -> None:
    state = RunState(recipe(best=2), "cpu")
    held_out = write_photos(tmp_path / "held-out", count=5, seed=3)
    judged = read_validation(ValidationTable(data=str(held_out)), 32)
    out = tmp_path / "run"
    out.mkdir()
    judge = Judge(state, judged, out, silent)
    for step, scale in enumerate((1.0, 30.0, 0.0), 1):
        state.step = step
        for average in state.ema.state.values():
            average.mul_(scale)
        judge.judge()
    kept = [load_checkpoint(out / FOLDER / name).progress["step"] for name in names(out)]
    assert len(kept) == 2
    assert load_checkpoint(out / BEST_FILE).progress["step"] in kept


def test_weights_in_half_precision_take_half_and_are_read_like_others(
    photos: Photos, tmp_path: Path
) -> None:
    sizes = {}
    for half in (False, True):
        out = tmp_path / str(half)
        state = RunState(recipe(half=half), "cpu")
        train(state, photos, LoopSettings(out), silent, lambda: True)
        sizes[half] = (out / WEIGHTS_FILE).stat().st_size
        network = family_of("palette").build(state.recipe.network)
        load_weights(network, load_checkpoint(out / WEIGHTS_FILE).state, out / WEIGHTS_FILE)
        for name, parameter in network.named_parameters():
            assert parameter.dtype == torch.float32
            torch.testing.assert_close(parameter.data, state.ema.state[name], rtol=1e-3, atol=1e-6)
        whole = load_checkpoint(out / RUN_FILE).state
        assert {tensor.dtype for tensor in whole.values()} == {torch.float32}
    assert sizes[True] < 0.55 * sizes[False]


def test_a_checkpoint_says_by_what_it_was_made(photos: Photos, tmp_path: Path) -> None:
    state = RunState(recipe(), "cpu")
    train(state, photos, LoopSettings(tmp_path), silent, lambda: True)
    for name in (RUN_FILE, WEIGHTS_FILE):
        checkpoint = load_checkpoint(tmp_path / name)
        assert checkpoint.recipe == state.recipe
        assert checkpoint.progress["versions"]["torch"] == torch.__version__
        assert {"python", "numpy", "colorize-cli"} < checkpoint.progress["versions"].keys()
        assert checkpoint.progress["options"] == {"processes": 1, "device": "cpu"}
        assert "commit" in checkpoint.progress


def test_weights_know_how_many_processes_and_which_commit_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.machine.processes._joined", Share(0, 2))
    monkeypatch.setattr("training.run_state.commit", lambda: "that of the start")
    run = RunState(recipe(), "cpu")
    monkeypatch.setattr("training.run_state.commit", lambda: "a later one")
    with alone():
        run.save_weights(tmp_path / BEST_FILE)
    progress = load_checkpoint(tmp_path / BEST_FILE).progress
    assert progress["options"]["processes"] == 2
    assert progress["commit"] == "that of the start"


def test_the_commit_is_that_of_the_source_tree(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        own = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.check_output(["git", "-C", str(tmp_path), *own, *arguments], text=True)

    assert commit(tmp_path) is None
    git("init", "-q")
    assert commit.__wrapped__(tmp_path) is None  # there is none yet
    (tmp_path / "a").write_text("a")
    git("add", ".")
    git("commit", "-qm", "a")
    assert commit.__wrapped__(tmp_path) == git("rev-parse", "HEAD").strip()
    (tmp_path / "a").write_text("b")
    assert commit.__wrapped__(tmp_path) == git("rev-parse", "HEAD").strip() + "+"


def test_what_is_judged_and_exported_are_the_averages(photos: Photos, tmp_path: Path) -> None:
    state = RunState(toy_recipe(optim={"steps": 3, "lr": 0.05}), "cpu")
    held_out = write_photos(tmp_path / "held-out", count=5, seed=3)
    judged = read_validation(ValidationTable(data=str(held_out)), 32)
    train(state, photos, LoopSettings(tmp_path / "run"), silent)
    figure = Judge(state, judged, tmp_path / "run", silent).judge()["loss"]
    averages = load_checkpoint(tmp_path / "run" / WEIGHTS_FILE).state
    losses = []
    for weights in (averages, state.model.state_dict()):
        other = RunState(state.recipe, "cpu")
        other.model.load_state_dict(weights)
        losses.append(
            validation_losses(other.objective, judged, state.recipe.data, state.device).mean()
        )
    assert losses[0] == pytest.approx(figure, abs=1e-6)
    assert losses[1] != pytest.approx(figure, rel=1e-3)
    best = load_checkpoint(tmp_path / "run" / BEST_FILE).state
    assert all(torch.equal(best[name], tensor) for name, tensor in averages.items())


@pytest.mark.parametrize("wrong", [{"last": -1}, {"best": 0}, {"every_minutes": -1.0}])
def test_counts_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="checkpoints"):
        recipe(**wrong)
