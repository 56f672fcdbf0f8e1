"""Training batches: reproducible, and ab true to the photo whatever the grey."""

import threading
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made.tiny_runs import write_photo

from colorize_cli.imaging.lab import lab_from_rgb
from training.data.batches import Batch, Batches, Draw, cut_crops, make_batch
from training.data.photos import RGB, Photos
from training.machine.processes import Share
from training.recipe_tables import DataTable

RECIPE = DataTable(size=32, grid=4, luma=0.5, old=0.5)
CPU = torch.device("cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    rng = np.random.default_rng(0)
    for i in range(4):
        rgb = rng.integers(0, 256, (40 + i, 50, 3)).astype(np.uint8)
        write_photo(tmp_path / "set" / f"{i}.png", rgb)
    return Photos([tmp_path], {}, 32)


def made(photos: Photos, recipe: DataTable, count: int, seed: int, step: int) -> Batch:
    return make_batch(photos, recipe, count, seed, step, CPU)


def test_a_batch_depends_on_seed_and_step_alone(photos: Photos) -> None:
    a, b = (made(photos, RECIPE, 3, seed=1, step=5) for _ in range(2))
    other = made(photos, RECIPE, 3, seed=1, step=6)
    assert a.L.shape == (3, 1, 32, 32)
    assert a.ab.shape == (3, 2, 8, 8)
    assert torch.equal(a.L, b.L)
    assert torch.equal(a.ab, b.ab)
    assert not torch.equal(a.L, other.L)


def test_a_stream_that_starts_later_gives_the_same_batches(photos: Photos) -> None:
    def take(first: int, workers: int, count: int) -> list[float]:
        with Batches(photos, Draw(RECIPE, 2, 7), first, workers, CPU) as batches:
            return [batches.next().L.sum().item() for _ in range(count)]

    assert take(0, 1, 5)[2:] == take(2, 3, 3)


def test_processes_that_share_a_step_have_what_one_has_with_all_its_photos(photos: Photos) -> None:
    whole = Draw(RECIPE, 6, 7)
    wanted = whole.batch(whole.crops(photos, 5), 5, CPU)
    shares = [Draw(RECIPE, 2, 7, Share(i, 3)) for i in range(3)]
    batches = [own.batch(own.crops(photos, 5), 5, CPU) for own in shares]
    assert torch.equal(torch.cat([batch.ab for batch in batches]), wanted.ab)
    L = torch.cat([batch.L for batch in batches])
    torch.testing.assert_close(L, wanted.L, rtol=1e-6, atol=1e-4)


def test_only_the_time_in_which_no_crops_are_there_is_waited(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, seconds = threading.Event(), count(0, 8)

    def now() -> int:
        """Tell the time for whoever begins to wait, and let the crops come."""
        gate.set()
        return next(seconds)

    monkeypatch.setattr("training.data.batches.time", SimpleNamespace(monotonic=now))

    class Slow(Draw):
        def crops(self, photos: Photos, step: int) -> RGB:
            gate.wait()
            return super().crops(photos, step)

    with Batches(photos, Slow(RECIPE, 1, 7), 0, 1, CPU) as batches:
        batches.next()
        assert batches.waited == 8
        for future in batches._ahead:
            future.result()
        batches.next()
        assert batches.waited == 8


def test_crops_are_squares_of_the_photo_that_are_never_enlarged(photos: Photos) -> None:
    widest, crops = 0, cut_crops(photos, range(64), seed=0, step=0)
    assert crops.shape == (64, 32, 32, 3)
    for crop in crops:
        # Noise that was shrunk is paler; a crop as it lies has the noise of the photo.
        widest += crop.std() > 70
    assert 0 < widest < 64


def test_ab_is_the_mean_over_each_cell_and_flips_with_the_grey(tmp_path: Path) -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :16] = (255, 0, 0)
    rgb[:, 16:] = (0, 0, 255)
    write_photo(tmp_path / "s" / "a.png", rgb)
    photos = Photos([tmp_path], {}, 32)
    recipe = DataTable(size=32, luma=0, old=0)
    red, blue = lab_from_rgb(rgb[0, 0]), lab_from_rgb(rgb[0, 31])
    seen = set()
    for step in range(20):
        batch = made(photos, recipe, 1, 0, step)
        is_red_left = bool(batch.L[0, 0, 0, 0] > 40)
        left, right = (red, blue) if is_red_left else (blue, red)
        np.testing.assert_allclose(batch.ab[0, :, 3, 0], left[1:], atol=1e-3)
        np.testing.assert_allclose(batch.ab[0, :, 3, 7], right[1:], atol=1e-3)
        seen.add(is_red_left)
    assert seen == {True, False}
