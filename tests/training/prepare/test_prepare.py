"""Photographs as people have them become shards that others can read, whatever stops on the way."""

import csv
import json
import tarfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import webdataset
from safetensors.numpy import load_file

from colorize_cli.errors import UsageError
from colorize_cli.system.messages import Messages
from training.data import prepared as prepared_data
from training.data.ab_bins import AB_BINS, bin_of
from training.data.prepared import (
    manifest_digest,
    of_part,
    read_manifest,
    shards_of,
    validation_data,
)
from training.prepare import run as module
from training.prepare.examine import Sizes
from training.prepare.run import PrepareOptions, run

PHOTOS = 24


class Silent:
    """Messages that nobody hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} is not told here")


def colourful(seed: int, height: int = 90, width: int = 110) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (5, 6, 3)).astype(np.float32)
    return (
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        .clip(0, 255)
        .astype(np.uint8)
    )


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


@pytest.fixture
def messages() -> Messages:
    silent = Silent()
    silent.progress = lambda total: nullcontext(SimpleNamespace(advance=lambda: None))  # type: ignore[attr-defined]
    return silent  # type: ignore[misc]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "mine"
    for number in range(PHOTOS):
        write(source / f"set.{number % 2}" / f"a photo.{number}.jpg", colourful(number))
    write(source / "b" / "large.png", colourful(100, 600, 800))
    write(source / "b" / "like another.jpg", colourful(3, 180, 220))
    write(source / "b" / "grey.png", np.full((80, 80), 120, np.uint8))
    ramp = np.tile(np.linspace(30, 220, 100), (80, 1)).astype(np.uint8)
    write(source / "b" / "sepia.png", (ramp[..., None] * (0.6, 0.8, 1.0)).astype(np.uint8))
    write(source / "b" / "tiny.png", colourful(101, 20, 30))
    (source / "b" / "cut off.jpg").write_bytes(
        cv2.imencode(".jpg", colourful(102))[1].tobytes()[:500]
    )
    return source


def prepared(source: Path, out: Path, messages: Messages, **options: object) -> dict[str, object]:
    run(PrepareOptions([source], out, Sizes(64, 128), workers=2, **options), messages)  # type: ignore[arg-type]
    tree = read_manifest(out)
    assert tree is not None
    return tree


def test_what_cannot_be_used_is_dropped_with_its_reason(
    folder: Path, tmp_path: Path, messages: Messages
) -> None:
    tree = prepared(folder, tmp_path / "out", messages, validation=0.0)
    assert tree["dropped"] == {
        "cannot be read": 1,
        "grey or of one tint": 1,
        "like another": 1,
        "too small": 1,
        "toned": 1,
    }
    with (tmp_path / "out" / "dropped.csv").open(encoding="utf-8") as file:
        rows = {row["source"]: row for row in csv.DictReader(file)}
    assert rows["set.1/a photo.3.jpg"]["detail"] == "b/like another.jpg"
    assert "truncated" in rows["b/cut off.jpg"]["detail"]


# The library leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_webdataset_reads_every_photograph_under_its_own_name(
    folder: Path, tmp_path: Path, messages: Messages
) -> None:
    prepared(folder, tmp_path / "out", messages, validation=0.0, shard_bytes=30_000)
    shards = shards_of(tmp_path / "out", "train")
    assert len(shards) > 1
    found = {
        sample["__key__"]: sample
        for sample in webdataset.WebDataset([str(s) for s in shards], shardshuffle=False)
    }
    assert len(found) == PHOTOS + 1
    assert "set_0/a_photo_2" in found
    original = (folder / "set.0" / "a photo.2.jpg").read_bytes()
    assert found["set_0/a_photo_2"]["jpg"] == original  # as it was
    small = cv2.imdecode(np.frombuffer(found["b/large"]["webp"], np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (128, 171, 3)


def test_a_file_is_in_the_same_part_wherever_it_lies(
    folder: Path, tmp_path: Path, messages: Messages
) -> None:
    parts = []
    for out in (tmp_path / "one", tmp_path / "two"):
        prepared(folder, out, messages, validation=0.3, test=0.2)
        with (out / "photos.csv").open(encoding="utf-8") as file:
            parts.append({row["sha256"]: row["part"] for row in csv.DictReader(file)})
        folder = folder.rename(tmp_path / "elsewhere")
    assert parts[0] == parts[1]
    assert set(parts[0].values()) == {"train", "validation", "test"}


def test_a_preparation_that_was_stopped_ends_with_the_same_bytes(
    folder: Path, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepared(folder, tmp_path / "whole", messages, validation=0.2, shard_bytes=20_000)
    monkeypatch.setattr(module, "_BLOCK", 5)
    examine, calls = module.examine, []

    def stopping(data: bytes, sizes: Sizes) -> object:
        calls.append(data)
        if len(calls) in (8, 19):
            raise KeyboardInterrupt
        return examine(data, sizes)

    monkeypatch.setattr(module, "examine", stopping)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            prepared(folder, tmp_path / "out", messages, validation=0.2, shard_bytes=20_000)
    tree = prepared(folder, tmp_path / "out", messages, validation=0.2, shard_bytes=20_000)
    assert tree == whole
    assert manifest_digest(tmp_path / "out") == manifest_digest(tmp_path / "whole")
    assert not list((tmp_path / "out").rglob("*.part"))


def test_other_settings_do_not_go_on_and_other_folders_are_left_alone(
    folder: Path, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").touch()
    with pytest.raises(UsageError, match="not empty"):
        prepared(folder, tmp_path / "full", messages)
    monkeypatch.setattr(module, "ab_statistics", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepared(folder, tmp_path / "out", messages)
    with pytest.raises(UsageError, match="another near"):
        prepared(folder, tmp_path / "out", messages, near=-1)
    with pytest.raises(UsageError, match="lies in the source"):
        prepared(folder, folder / "out", messages)


def test_sources_without_a_photograph_are_refused_and_leave_no_folder(
    tmp_path: Path, messages: Messages
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="No photographs"):
        prepared(tmp_path / "empty", tmp_path / "out", messages)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["plain", "with folders"])
def test_celeba_keeps_its_official_partition(
    tmp_path: Path, messages: Messages, layout: str
) -> None:
    root = tmp_path / "CelebA"
    photos = root / ("Img" if layout == "with folders" else ".") / "img_align_celeba"
    table = root / ("Eval" if layout == "with folders" else ".") / "list_eval_partition.txt"
    for number in range(6):
        write(photos / f"{number + 1:06}.jpg", colourful(number))
    table.parent.mkdir(exist_ok=True)
    table.write_text("".join(f"{n + 1:06}.jpg {n // 2}\n" for n in range(6)), encoding="ascii")
    source = photos if layout == "plain" else root
    tree = prepared(source, tmp_path / "out", messages)
    assert {part: each["photos"] for part, each in tree["parts"].items()} == {  # type: ignore[attr-defined]
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    with tarfile.open(shards_of(tmp_path / "out", "test")[0]) as archive:
        assert archive.getnames() == ["celeba/000005.jpg", "celeba/000006.jpg"]


def test_lfw_is_one_set(tmp_path: Path, messages: Messages) -> None:
    for number, name in enumerate(("Ann_Lee", "Bo_Diaz", "Bo_Diaz")):
        write(tmp_path / "lfw" / name / f"{name}_{number + 1:04}.jpg", colourful(number))
    prepared(tmp_path / "lfw", tmp_path / "out", messages, validation=0.0)
    with tarfile.open(shards_of(tmp_path / "out", "train")[0]) as archive:
        names = archive.getnames()
    assert names == ["lfw/Ann_Lee_0001.jpg", "lfw/Bo_Diaz_0002.jpg", "lfw/Bo_Diaz_0003.jpg"]


def test_the_statistics_are_those_of_the_photographs(
    folder: Path, tmp_path: Path, messages: Messages
) -> None:
    prepared(folder, tmp_path / "out", messages, validation=0.0)
    found = load_file(tmp_path / "out" / "ab_statistics.safetensors")
    assert found["histogram"].shape == (313,)
    assert found["histogram"].sum() == pytest.approx(1)
    assert found["mean_field"].mean(axis=(1, 2)) == pytest.approx(found["mean"], abs=1e-3)
    directions = found["components"].reshape(20, -1)
    np.testing.assert_allclose(directions @ directions.T, np.eye(20), atol=1e-4)
    assert (np.diff(found["variances"]) <= 0).all()
    tree = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    np.testing.assert_allclose(tree["ab"]["histogram"], found["histogram"], atol=1e-6)


def test_training_takes_the_part_that_is_meant_for_it(
    folder: Path, tmp_path: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    prepared(folder, out, messages, validation=0.3)
    assert of_part([out, folder], "train") == [out / "train" / "000000.tar", folder]
    assert validation_data("", [folder, out]) == ""  # too few
    monkeypatch.setattr(prepared_data, "_LEAST", 2)
    assert validation_data("", [folder, out]) == str(out)
    assert validation_data("mine", [out]) == "mine"
    with pytest.raises(UsageError, match="no photographs in its part 'test'"):
        of_part([out], "test")
    (out / "train" / "000000.tar").unlink()
    with pytest.raises(UsageError, match=r"000000\.tar is missing"):
        of_part([out], "train")


def test_there_are_313_bins_and_colours_out_of_gamut_count_as_the_nearest() -> None:
    assert AB_BINS.shape == (313, 2)
    assert len({tuple(each) for each in AB_BINS}) == 313
    assert (bin_of(AB_BINS) == np.arange(313)).all()
    np.testing.assert_array_equal(AB_BINS[bin_of(np.array([-128.0, 127.0], np.float32))], [-90, 90])
    np.testing.assert_array_equal(AB_BINS[bin_of(np.array([4.9, -5.1], np.float32))], [0, -10])
