"""Training: learns, stops and resumes exactly, keeps the backbone frozen as long as it should."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from made.tiny_runs import TINY_TOML, tiny_recipe, write_photos
from safetensors.torch import save_file

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import load_bundle
from training import run as command
from training.bundle_state import network_from_bundle
from training.checkpoint import RUN_FILE, WEIGHTS_FILE, Checkpoint, load_checkpoint, save_checkpoint
from training.data.batches import make_batch
from training.data.photos import Photos
from training.log import TrainingLog
from training.loop import LoopSettings, train
from training.networks.backbone import EfficientNetLite3, load_pretrained
from training.plan import Plan
from training.recipe_tables import ValidationTable
from training.run_state import RunState, resume
from training.validation.judge import Judge
from training.validation.losses import read_validation

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def settings(out: Path) -> LoopSettings:
    return LoopSettings(out=out)


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    folder: Path, tmp_path: Path
) -> None:
    photos = Photos([folder], {}, 32)
    whole = RunState(tiny_recipe(), "cpu")
    train(whole, photos, settings(tmp_path / "whole"), lambda line: None)

    first = RunState(tiny_recipe(), "cpu")
    train(first, photos, settings(tmp_path / "parts"), lambda line: None, lambda: first.step == 2)
    assert first.step == 2
    second = resume(tmp_path / "parts", None, "cpu")
    train(second, photos, settings(tmp_path / "parts"), lambda line: None)

    assert second.samples_seen == whole.samples_seen == 16
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], tensor, rtol=0, atol=0)
    weights = [load_checkpoint(tmp_path / run / WEIGHTS_FILE).state for run in ("whole", "parts")]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=0, atol=0)


def test_the_backbone_is_frozen_first_and_then_only_its_last_stages_move(folder: Path) -> None:
    run = RunState(tiny_recipe(), "cpu")
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    photos = Photos([folder], {}, 32)

    def moved() -> set[str]:
        return {
            name.split(".")[3]
            for name, tensor in run.model.state_dict().items()
            if name.startswith("encoder.backbone.blocks") and not torch.equal(tensor, before[name])
        }

    for step in range(2):
        run.train_step(make_batch(photos, run.recipe.data, 2, 0, step, CPU), 1.0)
    assert moved() == set()
    for step in range(2, 4):
        run.train_step(make_batch(photos, run.recipe.data, 2, 0, step, CPU), 1.0)
    assert moved() == {"6"}


def test_training_lowers_the_loss(folder: Path) -> None:
    run = RunState(tiny_recipe(steps=200, lr=3e-3, decay_from=1.0), "cpu")
    photos = Photos([folder], {}, 32)
    steps = (
        run.train_step(make_batch(photos, run.recipe.data, 2, 0, step, CPU), 1.0)
        for step in range(100)
    )
    losses = [values["loss"].mean().item() for values in steps]
    assert np.mean(losses[-15:]) < 0.8 * np.mean(losses[:15])


def test_the_log_has_a_line_with_the_losses_by_noise_level(folder: Path, tmp_path: Path) -> None:
    run = RunState(tiny_recipe(steps=1), "cpu")
    lines: list[str] = []
    train(run, Photos([folder], {}, 32), settings(tmp_path / "run"), lines.append)
    entry = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert entry["step"] == 1
    assert entry["samples"] == 4
    assert len(entry["loss_by_third"]) == 3
    assert "step 1 (100%)" in lines[-1]


def test_grey_photos_are_left_out_with_a_note(folder: Path, tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (40, 40)).astype(np.uint8)
    for i in range(6):
        data = cv2.imencode(".png", levels)[1]
        (folder / "set" / f"grey{i}.png").write_bytes(data.tobytes())
    (folder / "set" / "broken.jpg").write_bytes(b"no picture")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY_TOML)
    lines: list[str] = []
    command.run(
        recipe=str(recipe),
        backbone=write_backbone(tmp_path / "backbone.safetensors"),
        data=[folder],
        out=tmp_path / "run",
        device="cpu",
        report=lines.append,
    )
    assert sum("grey or of one tint: 6 of 10 photos, set/grey0.png" in x for x in lines) == 1
    assert sum("damaged: 1 of 10 photos, set/broken.jpg" in line for line in lines) == 1


def test_the_log_of_a_resumed_run_has_every_step_once(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = RunState(tiny_recipe(), "cpu")
    train(run, Photos([folder], {}, 32), settings(out), lambda line: None, lambda: run.step == 2)
    log = out / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 3, "samples": 12}\n{"step": 4, "sam')  # then a crash
    second = resume(out, None, "cpu")
    train(second, Photos([folder], {}, 32), settings(out), lambda line: None)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [2, 4]


@pytest.mark.parametrize("waits", ["log", "judge", "save"])
def test_a_run_by_the_clock_ends_decayed_and_saved_whatever_it_waits_for(
    folder: Path, tmp_path: Path, waits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("training.loop.time", clock)
    monkeypatch.setattr("training.validation.judge.time", clock)
    monkeypatch.setattr("training.loop.Plan", partial(Plan, clock=clock.monotonic))
    run = RunState(tiny_recipe(steps=1), "cpu")
    rates: list[float] = []

    def stepped(batch: Any, rate: float, step: Any = run.train_step) -> Any:
        now[0] += 6
        rates.append(rate)
        return step(batch, rate)

    def slow(function: Any) -> Any:
        def waited(*arguments: Any) -> Any:
            now[0] += 45
            return function(*arguments)

        return waited

    owner, name = {
        "log": (TrainingLog, "write"),
        "judge": (Judge, "judge"),
        "save": (RunState, "save"),
    }[waits]
    monkeypatch.setattr(owner, name, slow(getattr(owner, name)))
    monkeypatch.setattr(run, "train_step", stepped)
    held_out = read_validation(
        ValidationTable(data=str(write_photos(tmp_path / "held-out", count=5))), 32
    )
    out = tmp_path / "run"
    train(run, Photos([folder], {}, 32), LoopSettings(out, 2.0, held_out), lambda line: None)
    assert rates[-1] < 0.2
    assert load_checkpoint(out / WEIGHTS_FILE).progress["step"] == run.step == len(rates)
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    told = [
        (kind, entry["step"])
        for entry in entries
        for kind in ("loss", "validation", "samples_drawn")
        if kind in entry
    ]
    assert told[-3:] == [(kind, run.step) for kind in ("loss", "validation", "samples_drawn")]


@pytest.mark.parametrize("minutes", [0.0, -1.0])
def test_a_run_of_no_minutes_is_refused(folder: Path, tmp_path: Path, minutes: float) -> None:
    with pytest.raises(UsageError, match="--minutes"):
        command.run(recipe=None, data=[folder], out=tmp_path, minutes=minutes, report=print)


def test_a_checkpoint_carries_its_recipe_and_is_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    recipe = tiny_recipe()
    save_checkpoint(path, Checkpoint(recipe, {"w": torch.arange(3.0)}, {"step": 7}))
    loaded = load_checkpoint(path)
    assert loaded.recipe == recipe
    assert loaded.progress == {"step": 7}
    assert loaded.state["w"].tolist() == [0, 1, 2]


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"No checkpoint .*does not exist"):
        load_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(ModelError, match="damaged"):
        load_checkpoint(tmp_path / "bad.safetensors")
    save_file({"w": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelError, match="not written by"):
        load_checkpoint(tmp_path / "foreign.safetensors")


def test_the_command_trains_stops_and_resumes(folder: Path, tmp_path: Path) -> None:
    backbone = write_backbone(tmp_path / "backbone.safetensors")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY_TOML)
    out = tmp_path / "run"
    lines: list[str] = []
    common = {"data": [folder], "out": out, "device": "cpu", "report": lines.append}
    command.run(recipe=str(recipe), backbone=backbone, **common)
    assert (out / RUN_FILE).exists()
    with pytest.raises(UsageError, match="--resume"):
        command.run(recipe=str(recipe), backbone=backbone, **common)
    with pytest.raises(UsageError, match="--data is needed, on a resume too"):
        command.run(recipe=None, resume_run=True, **(common | {"data": []}))
    command.run(recipe=None, resume_run=True, overrides=["optim.steps=2"], **common)
    assert load_checkpoint(out / WEIGHTS_FILE).progress["step"] == 2
    with pytest.raises(UsageError, match="cannot change the network"):
        command.run(recipe=None, resume_run=True, overrides=["optim.tuned_stages=2"], **common)
    fresh = common | {"out": tmp_path / "fresh"}
    with pytest.raises(UsageError, match="does not fit its family"):
        command.run(recipe=str(recipe), overrides=["network.depth=2"], **fresh)
    other = tmp_path / "other"
    command.run(recipe=str(recipe), init=str(out / WEIGHTS_FILE), **(common | {"out": other}))
    assert load_checkpoint(other / WEIGHTS_FILE).progress["step"] == 1


@pytest.mark.slow
def test_a_run_starts_from_the_default_bundle_and_another_network_does_not_fit(
    folder: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"data": [folder], "device": "cpu", "report": lambda line: None}
    small = ["data.sets={}", "data.size=32", "optim.steps=1", "optim.photos=1", "optim.lr=0.0"]
    out = tmp_path / "tuned"
    command.run(recipe=None, init="default", overrides=small, out=out, **settings)
    default = network_from_bundle(load_bundle("default")).state_dict()
    for name, tensor in load_checkpoint(out / WEIGHTS_FILE).state.items():
        torch.testing.assert_close(tensor, default[name], rtol=0, atol=0)
    with pytest.raises(ModelError, match="default holds the weights of another network"):
        command.run(
            recipe=None,
            init="default",
            overrides=[*small, "network.encoder.channels=[64, 128, 192, 128]"],
            out=tmp_path / "other",
            **settings,
        )


def write_backbone(path: Path) -> Path:
    """Write random weights under timm's names, with batch norms that do something."""
    torch.manual_seed(1)
    tensors = {}
    for name, tensor in EfficientNetLite3().state_dict().items():
        if name.endswith(".bias"):
            continue
        conv = name.removesuffix(".weight")
        weight = tensor.repeat(1, 3, 1, 1) / 3 if conv == "conv_stem" else tensor
        tensors[name] = weight.contiguous()
        if conv == "conv_stem":
            norm = "bn1"
        else:
            block, kind = conv.rsplit(".", 1)
            order = (
                ["conv_dw", "conv_pw"]
                if "blocks.0." in conv
                else (["conv_pw", "conv_dw", "conv_pwl"])
            )
            norm = f"{block}.bn{order.index(kind) + 1}"
        count = len(tensor)
        tensors[f"{norm}.weight"] = torch.full((count,), 2.0)
        tensors[f"{norm}.bias"] = torch.full((count,), 0.5)
        tensors[f"{norm}.running_mean"] = torch.full((count,), 0.25)
        tensors[f"{norm}.running_var"] = torch.full((count,), 4 - 1e-3)
    save_file(tensors, path)
    return path


def test_batch_norm_is_folded_into_the_convolutions(tmp_path: Path) -> None:
    path = tmp_path / "backbone.safetensors"
    write_backbone(path)
    backbone = EfficientNetLite3()
    load_pretrained(backbone, path)
    torch.manual_seed(1)
    raw = EfficientNetLite3()
    # weight 2 / sqrt(4) = 1; bias 0.5 - 0.25 * 1
    torch.testing.assert_close(backbone.conv_stem.weight, raw.conv_stem.weight)
    assert backbone.conv_stem.bias is not None
    torch.testing.assert_close(backbone.conv_stem.bias, torch.full((32,), 0.25))


def test_a_backbone_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_file({"layer.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="conv_stem"):
        load_pretrained(EfficientNetLite3(), path)


def test_a_resume_keeps_the_parameters_that_the_optimizer_has(folder: Path, tmp_path: Path) -> None:
    run = RunState(tiny_recipe(), "cpu")
    train(run, Photos([folder], {}, 32), settings(tmp_path), lambda line: None, lambda: True)
    with pytest.raises(UsageError, match=r"cannot change .* optim\.tuned_stages"):
        command.run(
            recipe=None,
            data=[folder],
            out=tmp_path,
            backbone=None,
            init=None,
            resume_run=True,
            minutes=None,
            overrides=["optim.tuned_stages=2"],
            device="cpu",
            workers=1,
            report=lambda line: None,
        )
