"""Each stage beside the network is timed by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.benched import Clock
from made.pictures import encode, grey

from colorize_cli.bench import stage_timing as stages
from colorize_cli.bench.photos import find_photos
from colorize_cli.bench.stage_timing import DrawnPhoto, draw_photos, in_turn, time_stages
from colorize_cli.errors import ImageError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.find_device import resolve

STAGES = ["decode", "prepare", "render", "encode", "write"]


@pytest.fixture
def colorizer(tiny_bundle: Path) -> Colorizer:
    return Colorizer(load_bundle(tiny_bundle), resolve("cpu"), steps=2)


def draw(folder: Path, colorizer: Colorizer, **photos: bytes) -> tuple[list[DrawnPhoto], list[str]]:
    paths = []
    for name, data in photos.items():
        paths.append(folder / f"{name}.png")
        paths[-1].write_bytes(data)
    found = find_photos(paths, folder / "work", 2, lambda path, reason: None)
    drawn, failures = draw_photos(found, colorizer)
    return drawn, [path.stem for path, _ in failures]


@pytest.mark.parametrize(
    ("slow", "stage", "seconds"),
    [
        ("read_photo", "decode", 7),
        ("encode_photo", "encode", 7),
        ("write_atomic", "write", 7),
        (None, "render", 0),
    ],
)
def test_a_slow_stage_shows_in_its_own_row(
    slow: str | None,
    stage: str,
    seconds: int,
    colorizer: Colorizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, _ = draw(tmp_path, colorizer, a=encode(grey(), "PNG"))
    clock = Clock(monkeypatch)
    if slow:
        late = clock.late(getattr(stages, slow), wall=seconds, core=seconds - 2)
        monkeypatch.setattr(stages, slow, late)
    found = time_stages(drawn, colorizer, 0)
    assert list(found) == STAGES
    megapixels = grey().size / 1e6
    for name, row in found.items():
        expected = seconds if name == stage else 0
        assert row.timing.median_ms == 1000 * expected
        assert row.timing.core_ms == 1000 * (expected - 2 if expected else 0)
        assert row.wall_ms_per_megapixel == pytest.approx(3000 * expected / 3 / megapixels)
    assert [path for path in (tmp_path / "work" / "out").rglob("*") if path.is_file()] == []


def test_stages_are_told_for_each_megapixel_too(
    colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos of one and of three parts that take the same: a megapixel costs the mean of them."""
    wide = grey().repeat(3, axis=1)
    images = {"a": encode(grey(), "PNG"), "b": encode(wide, "PNG")}
    drawn, _ = draw(tmp_path, colorizer, **images)
    clock = Clock(monkeypatch)
    monkeypatch.setattr(stages, "read_photo", clock.late(stages.read_photo, wall=4, core=2))
    decode = time_stages(drawn, colorizer, 0)["decode"]
    each = (grey().size + wide.size) / 2 / 1e6
    assert decode.wall_ms_per_megapixel == pytest.approx(4000 / each)
    assert decode.core_ms_per_megapixel == pytest.approx(2000 / each)


def test_photos_come_in_turn_at_least_three_times_and_evenly_if_asked() -> None:
    photos: list[DrawnPhoto] = [object(), object()]  # type: ignore[list-item]

    def count(turns: Iterator[DrawnPhoto]) -> list[int]:
        return [photos.index(photo) for photo in turns]

    assert count(in_turn(photos, 0)) == [0, 1, 0]
    assert count(in_turn(photos, 0, evenly=True)) == [0, 1, 0, 1]


def test_what_cannot_be_read_is_left_out_and_named(colorizer: Colorizer, tmp_path: Path) -> None:
    good, bad = encode(grey(), "PNG"), encode(grey(), "PNG")[:60]
    drawn, failures = draw(tmp_path, colorizer, good=good, bad=bad)
    assert [photo.job.source.stem for photo in drawn] == ["good"]
    assert drawn[0].fields.shape[:2] == (2, 2)
    assert failures == ["bad"]
    with pytest.raises(ImageError, match="none of the photographs can be read"):
        draw(tmp_path, colorizer, bad=bad)
