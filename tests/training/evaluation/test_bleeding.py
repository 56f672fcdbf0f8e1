"""Widths of edges are those that made pictures were given."""

import math

import numpy as np
import pytest

from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import Float, lab_from_rgb
from training.evaluation.bleeding import Widths, down_and_up, edge_widths, median_draws

# From 10% to 90% of a step that a Gaussian of deviation 1 has smoothed.
GAUSSIAN_RISE = 2 * 1.2816


def step(sigma: float, *, across: bool = True, height: float = 40, noise: float = 0) -> Float:
    """A step of ab in the middle, smoothed by a Gaussian: (64, 64, 3) Lab."""
    x = np.arange(64) - 31.5
    s = np.array([0.5 * (1 + math.erf(v / (sigma * math.sqrt(2)))) for v in x])
    lab = np.full((64, 64, 3), 50, np.float32)
    lab[..., 1] = height * 0.8 * (s - 0.5)
    lab[..., 2] = height * -0.6 * s + 10
    lab[..., 1:] += np.random.default_rng(0).normal(0, noise, (64, 64, 2)) if noise else 0
    return lab if across else np.ascontiguousarray(lab.transpose(1, 0, 2))


def medians(widths: Widths) -> tuple[float, float]:
    output, reference = (
        float(median_draws(histogram[None], np.ones((1, 1)))[0])
        for histogram in (widths.output, widths.reference)
    )
    return output, reference


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("sigma", [1.5, 2.0, 2.5, 3.0])
def test_a_smoothed_step_has_its_width(sigma: float, across: bool) -> None:
    truth, reference = step(0.5, across=across), step(2, across=across)
    widths = edge_widths(truth, step(sigma, across=across), reference, scale=1, grid=4)
    assert widths.edges >= 64
    assert medians(widths) == pytest.approx((GAUSSIAN_RISE * sigma, GAUSSIAN_RISE * 2), abs=0.25)


def test_noise_hardly_moves_the_median() -> None:
    truth, output, reference = (step(sigma, noise=1.5) for sigma in (0.5, 2.5, 1.5))
    widths = edge_widths(truth, output, reference, scale=1, grid=4)
    ratio = medians(widths)[0] / medians(widths)[1]
    assert ratio == pytest.approx(2.5 / 1.5, rel=0.08)


def test_widths_are_in_pixels_of_the_working_size() -> None:
    truth, output = step(0.5), step(2)
    small = edge_widths(truth, output, output, scale=0.5, grid=4)
    assert medians(small)[0] == pytest.approx(GAUSSIAN_RISE, abs=0.15)


def test_edges_are_where_truth_and_output_change_by_more_than_10() -> None:
    strong, weak = step(1, height=11), step(1, height=9)
    assert edge_widths(strong, strong, strong, scale=1, grid=4).edges > 0
    assert edge_widths(weak, strong, strong, scale=1, grid=4).edges == 0
    assert edge_widths(strong, weak, strong, scale=1, grid=4).edges == 0


def test_only_the_edge_of_the_truth_counts_not_what_the_output_adds() -> None:
    truth, output = step(0.5), step(2)
    output[:, 8:, 1] += 60  # a line of its own, where the truth has none
    added = edge_widths(truth, output, truth, scale=1, grid=4)
    assert medians(added)[0] == pytest.approx(GAUSSIAN_RISE * 2, abs=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16)])
def test_small_photos_have_no_edges_or_some_but_no_error(shape: tuple[int, int]) -> None:
    lab = np.random.default_rng(0).normal(0, 30, (*shape, 3)).astype(np.float32)
    for scale in (0.2, 1.0, 8.0):
        widths = edge_widths(lab, lab, lab, scale=scale, grid=4)
        assert np.array_equal(widths.output, widths.reference)


def test_a_reference_that_does_not_change_is_no_error() -> None:
    truth = step(0.5)
    widths = edge_widths(truth, truth, np.full_like(truth, 50), scale=1, grid=4)
    assert medians(widths) == pytest.approx((1.6, 0.8), abs=0.8)


def test_down_and_up_keeps_flat_colour_and_widens_steps() -> None:
    rgb = np.zeros((96, 96, 3), np.uint8)
    rgb[:, :48], rgb[:, 48:] = (150, 100, 90), (80, 125, 130)
    truth = lab_from_rgb(rgb)
    grey = np.full((96, 96), 110, np.uint8)
    frame = frame_for(96, 96, 64)
    again = lab_from_rgb(down_and_up(truth, grey, frame, to_working(grey, frame), 4))
    assert np.abs(again[:, [10, -10], 1:] - truth[:, [10, -10], 1:]).max() < 1
    widths = edge_widths(truth, again, again, scale=frame.scale, grid=4)
    # Without an edge in L to follow, colour runs over about a cell.
    assert 2 < medians(widths)[0] < 8


def test_the_median_is_over_all_edges_of_the_photos() -> None:
    rng = np.random.default_rng(3)
    lots = [rng.uniform(1, 12, 500).astype(np.float32) for _ in range(3)]
    histograms = np.stack([Widths.counted(lot, lot, grid=4).output for lot in lots])
    counts = np.array([[1, 1, 1], [2, 0, 1], [0, 0, 0]], np.float64)
    draws = median_draws(histograms, counts)
    assert draws[0] == pytest.approx(np.median(np.concatenate(lots)), abs=0.05)
    again = np.concatenate([lots[0], lots[0], lots[2]])
    assert draws[1] == pytest.approx(np.median(again), abs=0.05)
    assert np.isnan(draws[2])
