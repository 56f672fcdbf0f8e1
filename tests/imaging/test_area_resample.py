"""A working pixel is the photo's average over its area, and the photo is mirrored at its edges."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from colorize_cli.imaging import area_resample
from colorize_cli.imaging.area_resample import cell_means, resample, to_grid, to_working
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.lab import Float, lightness

SHAPES = [(1, 1), (3, 7), (192, 192), (191, 193), (300, 200), (37, 211), (1, 5000), (5000, 1)]


def noise(height: int, width: int) -> Float:
    return np.random.default_rng(height * width).random((height, width), np.float32) * 100


def resampled(plane: Float, frame: Frame) -> Float:
    return resample(lambda top, bottom: plane[top:bottom], frame)


def by_definition(row: Float, scale: float, count: int) -> list[float]:
    """Average a mirrored row over each working pixel, or over a photo pixel around its centre."""
    factor = Fraction(scale)
    width = max(Fraction(1), 1 / factor)
    averages = []
    for j in range(count):
        start = (j + Fraction(1, 2)) / factor - width / 2
        total = 0.0
        for x in range(math.floor(start), math.ceil(start + width)):
            overlap = min(Fraction(x + 1), start + width) - max(Fraction(x), start)
            folded = x % (2 * len(row))
            total += float(overlap) * row[min(folded, 2 * len(row) - 1 - folded)]
        averages.append(total / float(width))
    return averages


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_a_constant_photo_stays_constant_up_to_the_padding(height: int, width: int) -> None:
    frame = frame_for(height, width, 192)
    working = to_working(np.full((height, width), 128, np.uint8), frame)
    assert working.shape == (frame.padded_height, frame.padded_width)
    assert working.dtype == np.float32
    np.testing.assert_allclose(working, lightness(np.full((1, 1), 128, np.uint8))[0, 0], rtol=1e-6)


@pytest.mark.parametrize("side", [61, 97, 150, 193, 260, 1011])
def test_a_ramp_keeps_its_slope_to_the_last_pixel(side: int) -> None:
    # 96 working pixels of area about 30 * side: the scale divides neither side evenly.
    frame = frame_for(30, side, 96)
    ramp = np.broadcast_to((np.arange(side, dtype=np.float32) + 0.5) / side, (30, side))
    inside = np.arange(1, int(side * frame.scale) - 1)
    expected = (inside + 0.5) / frame.scale / side
    working = resampled(np.ascontiguousarray(ramp), frame)
    # An average of the ramp's steps is within an eighth of a step of the ramp, and never drifts.
    np.testing.assert_allclose(working[3, inside], expected, atol=0.13 / side)


@pytest.mark.parametrize(("height", "width", "size"), [(9, 40, 8), (7, 3, 24), (1, 50, 10)])
def test_working_pixels_are_averages_of_the_photo_mirrored(
    height: int, width: int, size: int
) -> None:
    plane = noise(height, width)
    frame = frame_for(height, width, size, multiple=8)
    across = np.array([by_definition(row, frame.scale, frame.padded_width) for row in plane])
    down = [by_definition(column, frame.scale, frame.padded_height) for column in across.T]
    np.testing.assert_allclose(resampled(plane, frame), np.array(down).T, atol=1e-4)


def test_padding_mirrors_the_photo_at_its_edge() -> None:
    plane = noise(32, 72)
    frame = frame_for(32, 72, 48)
    assert (frame.scale, frame.padded_width) == (1, 96)
    working = resampled(plane, frame)
    np.testing.assert_allclose(working[:, :72], plane, rtol=1e-6)
    np.testing.assert_allclose(working[:, 72:], plane[:, : 72 - 25 : -1], rtol=1e-6)


def test_padding_larger_than_the_photo_mirrors_it_again_and_again() -> None:
    plane = noise(4, 64)
    frame = frame_for(4, 64, 16)
    assert (frame.scale, frame.padded_height) == (1, 32)
    period = np.concatenate([plane, plane[::-1]])
    np.testing.assert_allclose(resampled(plane, frame), np.tile(period, (4, 1)), rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (48, 192), (960, 240)])
def test_a_flipped_photo_gives_the_flipped_working_image(height: int, width: int) -> None:
    frame = frame_for(height, width, 96, multiple=16)
    assert (frame.padded_height, frame.padded_width) == (frame.work_height, frame.work_width)
    plane = noise(height, width)
    flipped = resampled(plane[::-1, ::-1].copy(), frame)
    np.testing.assert_allclose(flipped, resampled(plane, frame)[::-1, ::-1], rtol=1e-6)


@pytest.mark.parametrize("pixels", [1, 1000, 10**9])
def test_working_image_does_not_depend_on_the_strips(
    pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = np.random.default_rng(0).integers(0, 65_536, (231, 170)).astype(np.uint16)
    frame = frame_for(231, 170, 64)
    expected = to_working(photo, frame)
    monkeypatch.setattr(area_resample, "STRIP_PIXELS", pixels)
    np.testing.assert_array_equal(to_working(photo, frame), expected)


def test_working_image_shows_one_level_of_16_bits() -> None:
    frame = frame_for(40, 40, 32)
    dark, light = (
        to_working(np.full((40, 40), level, np.uint16), frame) for level in (30_000, 30_001)
    )
    assert 0 < (light - dark).mean() < 0.01


def test_working_image_of_a_colour_photo_is_of_its_lightness() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    frame = frame_for(50, 90, 32)
    np.testing.assert_allclose(to_working(rgb, frame), resampled(lightness(rgb), frame), atol=1e-5)


def test_a_photo_of_another_size_than_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        to_working(np.zeros((40, 41), np.uint8), frame_for(41, 40, 32))


def test_no_float_array_of_the_full_size_is_made() -> None:
    photo = np.zeros((4000, 3000), np.uint8)
    frame = frame_for(4000, 3000, 192)
    tracemalloc.start()
    try:
        to_working(photo, frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < photo.size  # a float32 plane has four times as many bytes


def test_a_cell_of_the_grid_averages_its_working_pixels() -> None:
    working = noise(32, 64)
    cells = to_grid(working, 4)
    assert cells.shape == (8, 16)
    np.testing.assert_allclose(cells[2, 5], working[8:12, 20:24].mean(), rtol=1e-6)


@pytest.mark.parametrize("grid", [1, 4, 8])
def test_cells_of_several_planes_are_those_of_each(grid: int) -> None:
    planes = np.stack([noise(32, 64), 100 - noise(32, 64)])
    cells = cell_means(planes, grid)
    for plane, of_plane in zip(planes, cells, strict=True):
        np.testing.assert_allclose(of_plane, to_grid(plane, grid), rtol=1e-6)
