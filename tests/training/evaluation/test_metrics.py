"""The metrics give the figures of closed forms and of published code."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluation import metrics
from training.evaluation.metrics import MAX_PSNR, colourfulness, psnr, ssim

RNG = np.random.default_rng(0)


def noise(height: int = 9, width: int = 7) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((4, 5, 3), 100, np.uint8)
    # An error of 255 / 10 everywhere would be 20 dB; of 16, 20 log10(255 / 16).
    assert psnr(truth, truth + np.uint8(16)) == pytest.approx(20 * math.log10(255 / 16))
    assert psnr(truth + np.uint8(16), truth) == psnr(truth, truth + np.uint8(16))


def test_psnr_does_not_wrap_around() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert psnr(black, white) == 0.0


def test_psnr_of_equal_pictures_is_finite() -> None:
    picture = noise()
    assert psnr(picture, picture) == MAX_PSNR


def test_psnr_refuses_pictures_of_different_shapes() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        psnr(noise(4, 5), noise(1, 5))


def test_colourfulness_of_grey_is_zero() -> None:
    grey = np.repeat(RNG.integers(0, 256, (8, 8, 1), dtype=np.uint8), 3, axis=2)
    assert colourfulness(grey) == 0.0


def test_colourfulness_of_one_colour_is_its_offset() -> None:
    # rg = 200 - 100 = 100, yb = 150 - 30 = 120, no spread.
    flat = np.broadcast_to(np.array([200, 100, 30], np.uint8), (6, 6, 3))
    assert colourfulness(flat) == pytest.approx(0.3 * math.hypot(100, 120))


def test_colourfulness_takes_signed_differences() -> None:
    # Half red, half green: signed rg is 255 and -255 (spread 255, mean 0); the absolute one
    # would have no spread at all. yb is 127.5 everywhere.
    halves = np.zeros((4, 2, 3), np.uint8)
    halves[:2, :, 0] = 255
    halves[2:, :, 1] = 255
    assert colourfulness(halves) == pytest.approx(255 + 0.3 * 127.5)


def pattern(noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Waves of colour with noise: (40, 52, 3)."""
    y, x, c = np.ogrid[0:1:40j, 0:1:52j, 0:3]
    waves = 127 + 90 * np.sin(6 * y + c) * np.cos(9 * x - c)
    return np.clip(waves + rng.normal(0, noise, waves.shape), 0, 255).astype(np.uint8)


def lab_of(L: float, a: float, b: float, height: int = 6, width: int = 8) -> NDArray[np.float32]:
    return np.broadcast_to(np.array([L, a, b], np.float32), (height, width, 3)).copy()


def test_ssim_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(11)
    rng.uniform(0, 255, (5, 6, 3))
    # structural_similarity of scikit-image 0.26 with gaussian_weights=True, sigma=1.5 and
    # use_sample_covariance=False, on the channels, computed once.
    assert ssim(pattern(4, rng), pattern(15, rng)) == pytest.approx(0.6733352393549796, abs=2e-6)


def test_ssim_of_constant_pictures_compares_their_means() -> None:
    one, other = np.full((20, 20, 3), 100, np.uint8), np.full((20, 20, 3), 150, np.uint8)
    C1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)
    assert ssim(one, other) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 30), (11, 11), (10, 12)])
def test_ssim_of_equal_pictures_is_one_whatever_their_size(height: int, width: int) -> None:
    picture = noise(height, width)
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)


def test_the_error_of_ab_is_in_units_of_128() -> None:
    assert metrics.ab_error(lab_of(50, 0, 0), lab_of(20, 64, 32)) == pytest.approx(
        (0.5**2 + 0.25**2) / 2
    )


def test_the_variance_of_ab_divides_by_the_number_of_samples() -> None:
    samples = [lab_of(50, 64, 0), lab_of(50, -64, 0)]
    # 0.25 in a, nothing in b.
    assert metrics.ab_variance(samples) == pytest.approx(0.125)
    assert metrics.ab_variance(samples[:1]) == 0.0


def test_accuracy_within_thresholds_is_their_share_that_the_distance_leaves() -> None:
    truth = lab_of(50, 10, -20)
    assert metrics.hits(truth, truth).sum() == pytest.approx(1.0)
    # A distance of 50 is within the thresholds from 50 to 150.
    assert metrics.hits(truth, lab_of(90, 40, 20)).sum() == pytest.approx(100 / 150)
    assert metrics.hits(lab_of(50, 100, 0), lab_of(50, -100, 0)).sum() == 0.0


def test_accuracy_within_thresholds_is_the_area_under_their_curve() -> None:
    rng = np.random.default_rng(1)
    truth, picture = (rng.normal(0, 40, (20, 30, 3)).astype(np.float32) for _ in range(2))
    distance = np.linalg.norm((truth - picture)[..., 1:], axis=-1)
    steps = np.linspace(0, 150, 3001)
    curve = [(distance <= step).mean() for step in steps]
    area = np.trapezoid(curve, steps) / 150
    assert metrics.hits(truth, picture).sum() == pytest.approx(area, abs=1e-3)


def test_class_weights_make_rare_colours_count_as_much_as_common_ones() -> None:
    truth = lab_of(50, -60, 60, 10, 10)
    truth[0] = (50, 60, -60)  # a tenth of the pixels, far from the others
    picture = lab_of(50, -60, 60, 10, 10)
    weights = metrics.class_weights(metrics.ab_histogram(truth))
    assert weights @ metrics.ab_histogram(truth) == pytest.approx(1.0)
    # 90% right and 10% further off than 150: half of the two classes is right.
    balanced = float(weights @ metrics.hits(truth, picture))
    assert metrics.hits(truth, picture).sum() == pytest.approx(0.9)
    assert balanced == pytest.approx(0.5)


def test_classes_near_each_other_share_their_probability() -> None:
    histogram = metrics.ab_histogram(lab_of(50, 0, 0)) * 0.99
    near = metrics.ab_histogram(lab_of(50, 10, 0)) * 0.005
    far = metrics.ab_histogram(lab_of(50, 100, 0)) * 0.005
    weights = metrics.class_weights(histogram + near + far)
    assert weights[far > 0] > 5 * weights[near > 0]
    assert np.all(weights[(histogram + near + far) == 0] == 0)


def test_histograms_overlap_by_their_intersection_over_their_union() -> None:
    half = lab_of(50, 0, 0)
    half[:3] = (50, 40, 0)
    whole = metrics.ab_histogram(lab_of(50, 0, 0))
    assert metrics.intersection_over_union(whole, whole) == 1.0
    assert metrics.intersection_over_union(whole, metrics.ab_histogram(half)) == pytest.approx(
        0.5 / 1.5
    )
    assert metrics.intersection_over_union(whole, metrics.ab_histogram(lab_of(50, 40, 0))) == 0.0


def test_bins_are_centred_at_tens() -> None:
    centre = metrics.ab_histogram(lab_of(50, 20, -30))
    assert np.array_equal(centre, metrics.ab_histogram(lab_of(50, 24.9, -34.9)))
    assert not np.array_equal(centre, metrics.ab_histogram(lab_of(50, 25.1, -30)))
    assert metrics.ab_histogram(lab_of(50, 500, -500)).sum() == 1.0


def test_lightness_change_tells_mean_and_extreme() -> None:
    before = np.zeros((100, 100), np.float32)
    after = before.copy()
    after[:10] = -1
    after[0, 0] = 30
    mean, extreme = metrics.lightness_change(before, after)
    assert mean == pytest.approx((999 + 30) / 10_000)
    assert extreme == pytest.approx(1.0)


def test_pairs_are_compared_by_ciede2000() -> None:
    # L alone, at equal ab: dL / S_L with S_L of the mean L, 55.
    samples = [lab_of(50, 0, 0), lab_of(60, 0, 0), lab_of(50, 0, 0)]
    S_L = 1 + 0.015 * 25 / math.sqrt(45)
    assert metrics.ciede2000_of_pairs(samples) == pytest.approx([10 / S_L, 0, 10 / S_L], abs=1e-4)
    assert metrics.mean_ciede2000(*samples[:2]) == pytest.approx(10 / S_L, abs=1e-4)
    assert metrics.ciede2000_of_pairs(samples[:1]) == []
