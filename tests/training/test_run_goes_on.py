"""A run goes on whatever becomes of its photos, its processes and the size of its steps."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made.tiny_runs import TOY_TOML, toy_recipe, write_photos

from colorize_cli.errors import UsageError
from training import run as command
from training.checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint
from training.data.batches import make_batch
from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.run_state import RunState

CPU = torch.device("cpu")


def settings(out: Path) -> LoopSettings:
    return LoopSettings(out=out)


@pytest.mark.parametrize("kind", ["broken", "gone"])
def test_a_photo_that_breaks_while_a_run_goes_on_is_left_out_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = write_photos(tmp_path / "photos", 4)
    photos = Photos([folder], {}, 32, memory=0)
    monkeypatch.setattr("training.loop._LOG_EVERY_S", 0.0)
    run = RunState(toy_recipe(optim={"steps": 12, "views": 1}), "cpu")
    lines: list[str] = []

    def spoil() -> bool:
        for name in ("1.png", "2.png"):
            if kind == "gone":
                (folder / "set" / name).unlink(missing_ok=True)
            else:
                (folder / "set" / name).write_bytes(b"no picture")
        return False

    train(run, photos, settings(tmp_path / "run"), lines.append, spoil)
    assert run.step == 12
    told = [line for line in lines if line.startswith("left out")]
    assert told[-1].startswith("left out as gone or changed since the run began: 2 of 4 photos")
    assert sum(line.count("set/1.png") for line in told) == 1
    assert sum(line.count("set/2.png") for line in told) == 1


def test_the_log_says_what_share_of_the_time_was_waited_for_photos(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("training.loop.time", SimpleNamespace(monotonic=lambda: now[0]))

    def waits(self: Any) -> Any:
        now[0] += 10
        self.waited += 4
        return make_batch(photos, run.recipe.data, 2, 0, run.step, CPU)

    monkeypatch.setattr("training.loop.Batches.next", waits)
    photos, run = Photos([folder], {}, 32), RunState(toy_recipe(), "cpu")
    lines: list[str] = []
    train(run, photos, settings(tmp_path / "run"), lines.append)
    entries = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [entry["waiting"] for entry in entries] == [0.4, 0.4]  # of three steps, and of one
    assert lines[-1].endswith(", 40% waiting")


def test_a_resume_says_where_its_steps_have_other_numbers_of_photos(
    folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "toy.toml"
    recipe.write_text(TOY_TOML)
    lines: list[str] = []
    common = {"data": [folder], "out": tmp_path / "run", "device": "cpu", "report": lines.append}
    command.run(recipe=str(recipe), overrides=["optim.steps=1"], **common)
    again: list[tuple[int, int]] = [(2, 2), (3, 4)]
    for steps, photos in again:
        changes = [f"optim.steps={steps}", f"optim.photos={photos}"]
        command.run(recipe=None, resume_run=True, overrides=changes, **common)
    told = [line for line in lines if line.startswith("a step has")]
    assert told == [
        "a step has 4 photos from here on, where it had 2; --set optim.photos=2 keeps it"
    ]


@pytest.mark.parametrize("name", ["none", "0f3a"])  # without --rdzv-id, and with one
def test_a_command_that_torchrun_starts_again_goes_on_with_its_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe = tmp_path / "toy.toml"
    recipe.write_text(TOY_TOML)
    same: dict[str, Any] = {"recipe": str(recipe), "data": [folder], "out": tmp_path / "run"}
    lines: list[str] = []
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", name)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")  # there may be no save to go on from yet
    for steps in (2, 3):
        changes = [f"optim.steps={steps}"]
        command.run(**same, overrides=changes, device="cpu", report=lines.append)
    assert sum("resumed" in line for line in lines) == 1
    assert load_checkpoint(tmp_path / "run" / WEIGHTS_FILE).progress["step"] == 3


@pytest.mark.parametrize("earlier", ["by itself", "another launch", "a launch without a name"])
def test_a_command_that_torchrun_starts_again_leaves_an_earlier_run_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: str
) -> None:
    recipe, out = tmp_path / "toy.toml", tmp_path / "run"
    recipe.write_text(TOY_TOML)
    same: dict[str, Any] = {"recipe": str(recipe), "data": [folder], "out": out, "device": "cpu"}
    if earlier != "by itself":
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none" if "without" in earlier else "0f3a")
    command.run(**same, overrides=["optim.steps=1"], report=print)
    before = (out / RUN_FILE).read_bytes()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none" if "without" in earlier else "77b2")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    monkeypatch.setattr("os.getppid", lambda: 1 << 20)
    with pytest.raises(UsageError, match="holds a run already"):
        command.run(**same, overrides=["optim.steps=3"], report=print)
    assert (out / RUN_FILE).read_bytes() == before


def test_a_resume_where_no_run_is_says_how_to_begin_one(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    with pytest.raises(UsageError, match="holds no run: leave out --resume"):
        command.run(recipe=None, data=[folder], out=empty, resume_run=True, report=print)
    assert not empty.exists()
