from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.diffusion.noise import SampleNoise

A, B = b"a" * 32, b"b" * 32
SHAPE = (2, 8, 12)


def test_a_samples_noise_does_not_depend_on_what_else_is_drawn() -> None:
    both = SampleNoise(5, [A, B], 3, SHAPE)
    swapped = SampleNoise(5, [B, A], 3, SHAPE)
    alone = SampleNoise(5, [B], 1, SHAPE, first=2)

    alone(1)  # draws before or after change nothing
    for draw in (
        lambda n: n.start(),
        lambda n: n(7),
    ):
        rows = draw(both)
        assert rows.shape == (6, *SHAPE)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows[3:], draw(swapped)[:3])
        np.testing.assert_array_equal(rows[5:], draw(alone))


def test_seed_photo_sample_and_step_each_change_the_noise() -> None:
    draws = [
        SampleNoise(5, [A], 1, SHAPE).start(),
        SampleNoise(6, [A], 1, SHAPE).start(),
        SampleNoise(-5, [A], 1, SHAPE).start(),
        SampleNoise(5 + 2**64, [A], 1, SHAPE).start(),
        SampleNoise(5, [B], 1, SHAPE).start(),
        SampleNoise(5, [A], 1, SHAPE, first=4).start(),
        SampleNoise(5, [A], 1, SHAPE)(1),
        SampleNoise(5, [A], 1, SHAPE)(2),
    ]

    correlations = np.corrcoef(np.stack([d.ravel() for d in draws]))
    assert abs(correlations - np.eye(len(draws))).max() < 0.35  # 192 values: 5 deviations


def test_four_samples_lie_evenly_around_in_the_ab_plane() -> None:
    noise = SampleNoise(5, [A], 8, SHAPE)
    for rows in (noise.start(), noise(3)):
        for group in (rows[:4], rows[4:]):
            first, opposite, *between = group
            np.testing.assert_array_equal(opposite, -first)
            np.testing.assert_array_equal(between[0], [-first[1], first[0]])
            np.testing.assert_array_equal(between[1], -between[0])
        assert abs(np.corrcoef(rows[0].ravel(), rows[4].ravel())[0, 1]) < 0.35


def test_noise_is_standard_normal() -> None:
    values = SampleNoise(0, [A, B], 2, (2, 128, 128)).start()

    assert values.mean() == pytest.approx(0, abs=0.015)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert (abs(values) > 3).mean() == pytest.approx(0.0027, abs=0.0008)


def test_noise_is_as_recorded(
    golden: Callable[[str, NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    noise = SampleNoise(42, [A], 5, (2, 4, 4))

    values = np.stack([noise.start(), noise(20)])

    np.testing.assert_allclose(values, golden("noise", values), rtol=1e-6)
