"""Training batches: reproducible, never enlarged, ab true to the photo whatever the grey."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.errors import UsageError
from colorize_cli.imaging.lab import lab_from_rgb
from training.data import Photos, batches, has_colour, make_batch, random_crop
from training.recipe_tables import DataTable

RECIPE = DataTable(size=32, grid=4, luma=0.5, old=0.5)


def write_photo(path: Path, rgb: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(4):
        rgb = rng.integers(0, 256, (40 + i, 50, 3)).astype(np.uint8)
        write_photo(tmp_path / ("red" if i else "blue") / f"{i}.png", rgb)
    return tmp_path


def drawn(photos: Photos, rng: np.random.Generator) -> NDArray[np.uint8]:
    photo = photos.draw(rng)
    assert photo is not None
    return photo


def smooth(height: int, width: int, spread: float, mean: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A photo of grey levels, turned to the colour `mean`, and of other hues as `spread` says."""
    rng = np.random.default_rng(3)
    levels = rng.uniform(-90, 90, (4, 6, 1)) + rng.normal(0, spread, (4, 6, 3)) + mean
    return cv2.resize(np.clip(levels, 0, 255).astype(np.uint8), (width, height))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        (smooth(300, 200, 0, (128, 128, 128)), False),
        (smooth(40, 30, 0, (131, 128, 127)), False),  # scanned a little warm
        (smooth(300, 200, 0, (150, 128, 100)), False),  # sepia
        (np.full((50, 60, 3), (190, 160, 110), np.uint8), False),  # of one colour
        (smooth(300, 200, 25, (128, 128, 128)), True),
        (smooth(1, 90, 60, (128, 128, 128)), True),
    ],
)
def test_photos_without_colour_are_known(rgb: NDArray[np.uint8], expected: bool) -> None:
    assert has_colour(rgb) is expected


def test_grey_photos_are_never_drawn_and_change_nothing_else(folder: Path, tmp_path: Path) -> None:
    only, photos = Photos([folder], {}), Photos([folder], {})
    rng = np.random.default_rng(0)
    before = [make_batch(only, RECIPE, 4, 1, step) for step in range(4)]
    assert only.colourless == []
    again = [make_batch(photos, RECIPE, 4, 1, step) for step in reversed(range(4))]
    for a, b in zip(before, reversed(again), strict=True):
        np.testing.assert_array_equal(a.ab, b.ab)
    grey = np.repeat(rng.integers(0, 256, (60, 60, 1)), 3, axis=2).astype(np.uint8)
    for i in range(4):
        write_photo(tmp_path / "zz" / f"{i}.png", grey)
    mixed = Photos([tmp_path], {})
    first = [make_batch(mixed, RECIPE, 4, 1, step) for step in range(20)]
    assert set(mixed.colourless) == {f"zz/{i}.png" for i in range(4)}
    assert min(np.abs(batch.ab).max(axis=(1, 2, 3)).min() for batch in first) > 1
    # What was found before makes no difference to a batch.
    np.testing.assert_array_equal(make_batch(mixed, RECIPE, 4, 1, 0).ab, first[0].ab)


def test_photos_all_grey_are_an_error(tmp_path: Path) -> None:
    write_photo(tmp_path / "s" / "a.png", smooth(60, 60, 0, (128, 128, 128)))
    with pytest.raises(UsageError, match="in colour"):
        make_batch(Photos([tmp_path], {}), RECIPE, 1, 0, 0)


def test_a_batch_depends_on_seed_and_step_alone(folder: Path) -> None:
    photos = Photos([folder], {})
    a, b = (make_batch(photos, RECIPE, 3, seed=1, step=5) for _ in range(2))
    other = make_batch(photos, RECIPE, 3, seed=1, step=6)
    assert a.L.shape == (3, 1, 32, 32)
    assert a.ab.shape == (3, 2, 8, 8)
    np.testing.assert_array_equal(a.L, b.L)
    np.testing.assert_array_equal(a.ab, b.ab)
    assert not np.array_equal(a.L, other.L)


def test_a_stream_that_starts_later_gives_the_same_batches(folder: Path) -> None:
    photos = Photos([folder], {})

    def take(first: int, workers: int, count: int) -> Iterator[float]:
        stream = batches(photos, RECIPE, 2, 7, first, workers)
        yield from (batch.L.sum() for batch in islice(stream, count))
        stream.close()

    assert list(take(0, 1, 5))[2:] == list(take(2, 3, 3))


def test_weights_decide_how_often_a_set_is_drawn(tmp_path: Path) -> None:
    for name, level, count in (("dark", 0, 9), ("bright", 255, 1)):
        for i in range(count):
            rgb = np.full((8, 8, 3), level, np.uint8)
            rgb[4:] = (200, 60, 20)
            write_photo(tmp_path / name / f"{i}.png", rgb)
    photos = Photos([tmp_path], {"dark": 1, "bright": 3})
    rng = np.random.default_rng(0)
    bright = np.mean([drawn(photos, rng)[0, 0, 0] == 255 for _ in range(2000)])
    assert bright == pytest.approx(0.75, abs=0.03)


def test_a_set_without_a_weight_is_an_error(folder: Path) -> None:
    with pytest.raises(UsageError, match="blue"):
        Photos([folder], {"red": 1})


def test_weights_of_other_sets_leave_an_even_draw(folder: Path) -> None:
    photos = Photos([folder], {"flowers": 1})
    rng = np.random.default_rng(0)
    sizes = {drawn(photos, rng).shape[0] for _ in range(100)}
    assert sizes == {40, 41, 42, 43}


def test_a_photo_that_is_too_small_is_never_enlarged() -> None:
    assert random_crop(np.zeros((31, 90, 3), np.uint8), 32, np.random.default_rng(0)) is None


def test_photos_all_too_small_are_an_error(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.size"):
        make_batch(Photos([folder], {}), DataTable(size=64), 1, 0, 0)


def test_a_damaged_photo_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for content in (b"not a picture", b""):
        (tmp_path / "set" / "a.png").write_bytes(content)
        with pytest.raises(UsageError, match=r"set/a\.png cannot be decoded"):
            Photos([tmp_path], {}).draw(np.random.default_rng(0))


def test_ab_is_the_mean_over_each_cell_and_flips_with_the_grey(tmp_path: Path) -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :16] = (255, 0, 0)
    rgb[:, 16:] = (0, 0, 255)
    write_photo(tmp_path / "s" / "a.png", rgb)
    photos = Photos([tmp_path], {})
    recipe = DataTable(size=32, luma=0, old=0)
    red, blue = lab_from_rgb(rgb[0, 0]), lab_from_rgb(rgb[0, 31])
    seen = set()
    for step in range(20):
        batch = make_batch(photos, recipe, 1, 0, step)
        left, right = (red, blue) if batch.L[0, 0, 0, 0] > 40 else (blue, red)
        np.testing.assert_allclose(batch.ab[0, :, 3, 0], left[1:], atol=1e-3)
        np.testing.assert_allclose(batch.ab[0, :, 3, 7], right[1:], atol=1e-3)
        seen.add(bool(batch.L[0, 0, 0, 0] > 40))
    assert seen == {True, False}
