"""How good the best of n samples is, and how far samples are apart."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.families.__main__ import spread_text
from benchmarks.families.error_of_best import (
    AB_SCALE,
    SIDE,
    Drawn,
    Square,
    by_set,
    clustered,
    measure,
    read_squares,
    resized,
    spread_of,
)
from training.data.shards import half_of


def square(ab: float = 0.0) -> Square:
    truth = np.full((SIDE, SIDE, 3), 128, np.uint8)
    return Square("celeba", truth, np.full((2, SIDE, SIDE), ab, np.float32), "00" * 32)


def flat(*values: float) -> np.ndarray:
    return np.stack([np.full((2, SIDE, SIDE), value, np.float32) for value in values])


def test_the_best_of_the_first_n_counts_and_never_gets_worse() -> None:
    found = spread_of(square(10.0), flat(-10, 6, 30, 10))
    np.testing.assert_allclose(found.error_of_best * AB_SCALE, [20, 4, 4, 0], rtol=1e-6)


def test_samples_that_are_all_the_same_have_no_variance() -> None:
    assert spread_of(square(), flat(5, 5, 5)).variance == 0
    assert spread_of(square(), flat(-3, 3)).variance == pytest.approx(9 / AB_SCALE**2)


def test_fields_of_other_sizes_are_taken_to_the_one_that_is_judged() -> None:
    for side in (16, 64, 128):
        fields = np.full((2, 2, side, side), 7, np.float32)
        assert resized(fields).shape == (2, 2, SIDE, SIDE)
        np.testing.assert_allclose(resized(fields), 7)
    halves = np.zeros((1, 2, 128, 128), np.float32)
    halves[:, :, :, 64:] = 4
    assert resized(halves)[0, 0, 0, :32].max() == 0


def test_clusters_come_by_their_size() -> None:
    many, few = np.zeros((6, 2, 4, 4), np.float32), np.full((2, 2, 4, 4), 9, np.float32)
    means = clustered(np.concatenate([few, many]), 2)
    np.testing.assert_allclose(means[0], 0)
    np.testing.assert_allclose(means[1], 9)


def test_squares_are_of_the_sets_and_the_half_that_were_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for i in range(12):
            coarse = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)
            data = cv2.imencode(".png", cv2.resize(coarse, (96, 72)))[1].tobytes()
            member = tarfile.TarInfo(f"{'celeba' if i % 2 else 'other'}/{i}.png")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            halves = half_of(data)
            assert halves in ("tune", "report")
    squares = read_squares([tmp_path / "photos.tar"], ["celeba"], 2)
    assert {s.set for s in squares} == {"celeba"}
    assert 1 <= len(squares) <= 2
    assert squares[0].ab.shape == (2, SIDE, SIDE)
    assert squares[0].truth.shape == (SIDE, SIDE, 3)


def test_a_model_is_judged_at_the_size_of_the_squares(tiny_bundle: Path) -> None:
    drawn = Drawn(str(tiny_bundle), "cpu")
    found = by_set([*measure(drawn, [square(), square(20.0)], 3)])
    assert found["celeba"].error_of_best.shape == (3,)
    assert found["celeba"].variance > 0
    text = spread_text(
        {"tiny": {"sets": {"celeba": {"error_of_best": [0.5, 0.25], "variance": 1e-3}}}}
    )
    assert "| tiny | 0.5000 |" in text
    assert "| 1.0e-03 |" in text
