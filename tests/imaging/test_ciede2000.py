"""CIEDE2000 against its authors' test data."""

import numpy as np
import pytest

from colorize_cli.imaging.ciede2000 import are_alike, ciede2000

# Rows of table 1 of the paper: two colours and their difference.
_PUBLISHED = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, 2.8361, -74.0200), (50.0, 0.0, -82.7485), 3.4412),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("lab_1", "lab_2", "difference"), _PUBLISHED)
def test_published_differences_come_out(
    lab_1: tuple[float, ...], lab_2: tuple[float, ...], difference: float
) -> None:
    for one, other in ((lab_1, lab_2), (lab_2, lab_1)):
        assert ciede2000(np.array(one), np.array(other)) == pytest.approx(difference, abs=5e-5)


def test_it_is_symmetric_finite_and_zero_for_equal_colours() -> None:
    rng = np.random.default_rng(0)
    labs = rng.uniform((0, -100, -100), (100, 100, 100), (2, 20_000, 3))
    labs[:, :100, 1:] = 0  # greys
    difference = ciede2000(*labs)
    assert np.isfinite(difference).all()
    assert (difference > 0).all()
    np.testing.assert_allclose(difference, ciede2000(*labs[::-1]), rtol=1e-9)
    assert not ciede2000(labs[0], labs[0]).any()


def test_shapes_broadcast() -> None:
    field = np.zeros((3, 1, 4, 5, 3), np.float32)
    assert ciede2000(field, np.zeros((2, 4, 5, 3), np.float32)).shape == (3, 2, 4, 5)
    assert ciede2000(np.array([0, 0, 0]), np.array([100, 0, 0])) == pytest.approx(100)


def test_pictures_within_2_are_alike() -> None:
    assert are_alike(2.0)
    assert not are_alike(2.01)
