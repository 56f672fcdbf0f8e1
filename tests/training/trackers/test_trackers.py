"""What is logged goes to a CSV, pictures and trackers, and comes again on a resume."""

import csv
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made.tiny_runs import TOY_TOML, toy_recipe, write_photos

from colorize_cli.errors import MissingExtraError, UsageError
from colorize_cli.system import installed
from training import run as command
from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.recipe import override
from training.recipe_tables import Recipe, ValidationTable
from training.run_state import RunState, resume
from training.trackers import Trackers, begin_tracker, check_trackers
from training.trackers.csv_table import CsvTable
from training.trackers.pictures import Pictures
from training.trackers.tracker import Panel, TrackedRun, flat
from training.validation.losses import ValidationPhotos, read_validation

RED = np.full((8, 12, 3), (255, 0, 0), np.uint8)
ENTRIES: list[dict[str, Any]] = [
    {"step": 10, "loss": 0.5, "loss_by_third": [0.6, None, 0.4], "lr": 1e-3},
    {"step": 10, "validation": {"loss": 0.45, "change": None}},
    {"step": 20, "loss": 0.25, "loss_by_third": [0.3, 0.2, 0.1], "lr": 5e-4},
]


def tracked(out: Path, step: int = 0) -> TrackedRun:
    out.mkdir(exist_ok=True)
    return TrackedRun(out, step, {"name": "tiny", "optim": {"lr": 1e-3}})


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def held_out(tmp_path: Path) -> ValidationPhotos:
    folder = write_photos(tmp_path / "held-out", count=5, seed=5)
    return read_validation(ValidationTable(data=str(folder)), 32)


def quick(*changes: str) -> Recipe:
    return override(toy_recipe(), ["sampling.steps=2", "samples.shown=2", *changes])


def test_numbers_are_named_and_what_is_none_is_left_out() -> None:
    assert flat(ENTRIES[0]) == {
        "step": 10,
        "loss": 0.5,
        "loss_by_third/1": 0.6,
        "loss_by_third/3": 0.4,
        "lr": 1e-3,
    }
    assert flat({"step": 1, "validation": {"loss": float("nan"), "low": 2.0}}) == {
        "step": 1,
        "validation/low": 2.0,
    }


def test_a_table_gets_a_column_when_a_figure_first_comes_and_goes_on_behind_the_last_save(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.csv"
    table = CsvTable(path, 0)
    for entry in ENTRIES:
        table.entry(entry)
    rows = rows_of(path)
    assert [row["loss"] for row in rows] == ["0.5", "", "0.25"]
    assert [row["loss_by_third/2"] for row in rows] == ["", "", "0.2"]
    assert rows[1]["validation/loss"] == "0.45"
    with path.open("a") as file:
        file.write("30,0.1,0.")  # then a crash
    resumed = CsvTable(path, 10)
    resumed.entry(ENTRIES[2])
    assert rows_of(path) == rows


@pytest.mark.parametrize("foreign", ["name,step\nsea.png,3\n", "caf\xe9;3\n", "\n"])
def test_a_table_of_somebody_elses_is_refused_and_stays(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(foreign.encode("latin-1"))
    with pytest.raises(UsageError, match="move it"):
        CsvTable(path, 0)
    assert path.read_bytes() == foreign.encode("latin-1")


def test_only_panels_of_later_steps_are_dropped_no_others_picture(tmp_path: Path) -> None:
    names = {"00000010.png", "20240131.png", "2024.png", "\u0662.png", "sea.png", "00000020.jpg"}
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    Pictures(folder, 10)  # where no run was before
    assert {path.name for path in folder.iterdir()} == names
    (tmp_path / "log.jsonl").touch()
    Pictures(folder, 10)
    assert {path.name for path in folder.iterdir()} == names - {"20240131.png"}


def test_a_run_writes_figures_and_pictures_of_samples_at_chosen_steps(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    out, recipe = tmp_path / "run", quick("samples.every_steps=3", "samples.at_steps=[1]")
    photos = Photos([write_photos(tmp_path / "photos")], {}, 32)
    train(RunState(recipe, "cpu"), photos, LoopSettings(out, validation=held_out), lambda _: None)
    assert sorted(p.name for p in (out / "samples").iterdir()) == [
        f"{step:08}.png" for step in (1, 3, 4)
    ]
    picture = cv2.imdecode(np.fromfile(out / "samples" / "00000004.png", np.uint8), 1)
    assert picture.shape == (2 * 32 + 2, 6 * 32 + 5 * 2, 3)
    grey, truth = picture[:32, :32], picture[:32, -32:, ::-1]
    assert np.ptp(grey.astype(int), axis=2).max() == 0
    np.testing.assert_array_equal(truth, held_out.crops[0])
    rows = rows_of(out / "log.csv")
    drawn = [row for row in rows if row["samples_drawn/ab_mae_first"]]
    assert [row["step"] for row in drawn] == ["1", "3", "4"]
    last = next(row for row in rows if row["step"] == "4" and row["loss"])
    named = ("loss_by_third/3", "lr", "gradient_norm", "samples_per_second", "seconds")
    assert all(float(last[name]) >= 0 for name in named)
    assert any(row["validation/loss"] for row in rows)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [flat(entry)["step"] for entry in log] == [int(row["step"]) for row in rows]


def test_samples_are_the_same_photos_with_the_same_noise_whatever_was_resumed(
    tmp_path: Path, held_out: ValidationPhotos
) -> None:
    photos = Photos([write_photos(tmp_path / "photos")], {}, 32)
    recipe = quick("samples.every_steps=2")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(RunState(recipe, "cpu"), photos, LoopSettings(whole, validation=held_out), lambda _: None)
    first = RunState(recipe, "cpu")
    stop = {"stop": lambda: first.step == 3}
    train(first, photos, LoopSettings(parts, validation=held_out), lambda _: None, **stop)
    (parts / "samples" / "00000004.png").write_bytes(b"of a step after the last save")
    second = resume(parts, None, "cpu")
    train(second, photos, LoopSettings(parts, validation=held_out), lambda _: None)
    for name in ("00000002.png", "00000004.png"):
        pictures = [(run / "samples" / name).read_bytes() for run in (whole, parts)]
        assert pictures[0] == pictures[1]


def test_a_tracker_that_fails_is_named_once_and_ends_neither_the_run_nor_the_files(
    tmp_path: Path,
) -> None:
    class Broken:
        def entry(self, entry: object) -> None:
            raise ConnectionError("no route to host")

        panel = close = entry

    lines: list[str] = []
    trackers = Trackers(tracked(tmp_path / "run"), [Broken()], lines.append)  # type: ignore[list-item]
    for entry in ENTRIES:
        trackers.entry(entry)
    trackers.panel(Panel(20, RED, "red"))
    trackers.close()
    assert lines == ["Broken fails, and is told no more: ConnectionError: no route to host"]
    assert len(rows_of(tmp_path / "run" / "log.csv")) == 3


def test_a_tracker_that_is_not_there_is_named_before_there_is_work_to_lose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="there are tensorboard and wandb"):
        check_trackers(["mlflow"])
    monkeypatch.setattr(installed, "_is_missing", lambda name: name in ("tensorboard", "wandb"))
    for name in ("tensorboard", "wandb"):
        with pytest.raises(MissingExtraError, match=rf"needs {name}.*extra '{name}'") as caught:
            command.run(
                recipe=None, data=[tmp_path], out=tmp_path / "x", track=[name], report=print
            )
        assert f"[{name}]" in str(caught.value)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_tensorboard_has_figures_and_pictures_and_forgets_what_comes_again(
    tmp_path: Path,
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "run"
    tracker = begin_tracker("tensorboard", tracked(out))
    for entry in ENTRIES:
        tracker.entry(entry)
    tracker.panel(Panel(20, RED, "red"))
    tracker.close()
    again = begin_tracker("tensorboard", tracked(out, step=10))
    again.entry(ENTRIES[2] | {"loss": 0.125})
    again.close()
    events = EventAccumulator(str(out / "tensorboard"), purge_orphaned_data=True).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert losses == [(10, 0.5), (20, 0.125)]
    assert events.Scalars("validation/loss")[0].value == pytest.approx(0.45)
    assert "recipe/text_summary" in events.Tags()["tensors"]
    files = sorted((out / "tensorboard").iterdir(), key=lambda path: int(path.suffix[1:]))
    first = EventAccumulator(str(files[0])).Reload()
    image = cv2.imdecode(np.frombuffer(first.Images("pictures")[0].encoded_image_string, "u1"), 1)
    np.testing.assert_array_equal(image[..., ::-1], RED)


def records_of(folder: Path) -> list[Any]:
    """What W&B wrote offline: records in the format of LevelDB's log, behind a head of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, position, parts, records = path.read_bytes(), 7, b"", []
    while position < len(data):
        if 32768 - position % 32768 < 7:  # no room for a head: the block is filled up
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            records.append(record)
            parts = b""
    return records


@pytest.mark.slow
def test_weights_and_biases_has_them_too_offline_beside_tensorboard(
    tmp_path: Path, held_out: ValidationPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(f"{TOY_TOML}\n[sampling]\nsteps = 2\n[validation]\nphotos = 5\n")
    out = tmp_path / "run"
    command.run(
        recipe=str(recipe),
        init=None,
        data=[write_photos(tmp_path / "photos")],
        out=out,
        overrides=[f"validation.data={tmp_path / 'held-out'}"],
        device="cpu",
        track=["wandb", "tensorboard", "wandb"],
        report=lambda line: None,
    )
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    assert {"loss", "lr", "validation/loss", "gradient_norm"} < set(events.Tags()["scalars"])
    assert [image.step for image in events.Images("pictures")] == [4]
    records = records_of(out)
    logged: dict[str, Any] = {}
    for record in records:
        for item in record.history.item:
            logged["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    assert logged["step"] == 4
    assert {"loss", "lr", "validation/loss", "samples_drawn/ab_mae_first"} < logged.keys()
    assert logged["pictures/_type"] == "image-file"
    (picture,) = out.glob("wandb/offline-run-*/files/media/images/*.png")
    pixels = cv2.imdecode(np.fromfile(picture, np.uint8), 1)
    kept = cv2.imdecode(np.fromfile(out / "samples" / "00000004.png", np.uint8), 1)
    np.testing.assert_array_equal(pixels, kept)
    config = {i.key: i.value_json for r in records for i in r.run.config.update}
    assert json.loads(config["family"]) == "palette"
    begun = [record.run.run_id for record in records if record.run.run_id]
    assert (out / "wandb-id.txt").read_text().strip() == begun[0]


@pytest.mark.slow
def test_weights_and_biases_goes_on_with_the_same_run_or_says_why_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for step in (0, 10):
        tracker = begin_tracker("wandb", tracked(tmp_path / "run", step))
        tracker.entry(ENTRIES[0])
        tracker.close()
    name = (tmp_path / "run" / "wandb-id.txt").read_text().strip()
    folders = [folder.name for folder in tmp_path.glob("run/wandb/offline-run-*")]
    assert len(folders) == 2
    assert all(name in folder for folder in folders)

    def refuse(**settings: Any) -> None:
        import wandb

        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr("wandb.init", refuse)
    with pytest.raises(UsageError, match=r"refuses: No API key configured. Say .*--track"):
        begin_tracker("wandb", tracked(tmp_path / "other"))
