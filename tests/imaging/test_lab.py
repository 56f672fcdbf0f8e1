"""The Lab conversion is the formula's, exact for every grey, and the same in strips."""

import itertools

import numpy as np
import pytest

from colorize_cli.imaging.lab import (
    Float,
    Pixels,
    lab_from_rgb,
    levels_from_linear,
    lightness,
    lightness_of_luma,
    linear_planes,
    srgb_from_linear,
)


def all_greys(dtype: type[np.unsignedinteger]) -> Pixels:
    levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    return levels.reshape(256 if dtype is np.uint16 else 1, -1)


def random_rgb(dtype: type[np.unsignedinteger], shape: tuple[int, ...] = (60, 70, 3)) -> Pixels:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 0, 0), (53.2408, 80.0925, 67.2032)),
        ((0, 255, 0), (87.7347, -86.1827, 83.1793)),
        ((0, 0, 255), (32.2970, 79.1875, -107.8602)),
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_primaries_have_their_published_lab(
    rgb: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(lab_from_rgb(np.array(rgb, np.uint8)), expected, atol=0.01)


def test_every_grey_has_no_colour_and_its_own_lightness() -> None:
    grey = np.repeat(all_greys(np.uint8)[..., None], 3, axis=2)
    lab = lab_from_rgb(grey)
    np.testing.assert_allclose(lab[..., 1:], 0, atol=1e-4)
    assert (np.diff(lab[0, :, 0]) > 0.25).all()


@pytest.mark.parametrize(("dtype", "off"), [(np.uint8, 0), (np.uint16, 1)])
def test_greys_come_back_as_they_were(dtype: type[np.unsignedinteger], off: int) -> None:
    grey = all_greys(dtype)
    L = lightness(grey)
    zero = np.zeros_like(L)
    for plane in linear_planes(L, zero, zero):
        back = levels_from_linear(plane, np.iinfo(dtype).max + 1)
        assert back.dtype == dtype
        assert np.abs(back.astype(int) - grey).max() <= off


@pytest.mark.parametrize(("dtype", "off"), [(np.uint8, 0), (np.uint16, 1)])
def test_colours_come_back_as_they_were(dtype: type[np.unsignedinteger], off: int) -> None:
    rgb = random_rgb(dtype)
    planes = linear_planes(*np.moveaxis(lab_from_rgb(rgb), -1, 0))
    back = np.stack([levels_from_linear(p, np.iinfo(dtype).max + 1) for p in planes], axis=-1)
    assert np.abs(back.astype(int) - rgb).max() <= off


def test_floating_rgb_comes_back() -> None:
    rgb = np.random.default_rng(1).random((50, 40, 3), np.float32)
    linear = np.stack([*linear_planes(*np.moveaxis(lab_from_rgb(rgb), -1, 0))], axis=-1)
    np.testing.assert_allclose(srgb_from_linear(linear), rgb, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_of_a_colour_photo_is_the_l_of_lab(dtype: type[np.unsignedinteger]) -> None:
    rgb = random_rgb(dtype)
    np.testing.assert_allclose(lightness(rgb), lab_from_rgb(rgb)[..., 0], atol=1e-4)


def test_lightness_keeps_all_levels_of_16_bits() -> None:
    assert (np.diff(lightness(all_greys(np.uint16)).ravel()) > 0).all()


def test_lightness_of_luma_is_that_of_the_grey_that_editors_make() -> None:
    grey = np.full((2, 2, 3), 90, np.uint8)
    np.testing.assert_allclose(lightness_of_luma(grey), lightness(grey[..., 0]))
    blue = np.array([[[0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(lightness_of_luma(blue), lightness(np.array([[29]], np.uint8)))


def test_light_beyond_the_range_is_clipped() -> None:
    linear = np.array([[-0.5, -1e-9, 0.0, 1.0, 1.0001, 7.0]], np.float32)
    levels = levels_from_linear(linear.copy(), 256)
    np.testing.assert_array_equal(levels, [[0, 0, 0, 255, 255, 255]])
    assert levels_from_linear(linear, 65_536).max() == 65_535


def test_conversion_is_the_same_in_strips_and_in_planes_to_work_in() -> None:
    rng = np.random.default_rng(2)
    planes: Float = rng.random((3, 37, 53), np.float32) * np.float32(90)
    whole = linear_planes(planes[0], planes[1], planes[2])
    out, work = np.empty((3, 5, 53), np.float32), np.empty((5, 5, 53), np.float32)
    for top, bottom in itertools.pairwise([*range(0, 37, 5), 37]):
        L, a, b = planes[:, top:bottom]
        strip = linear_planes(L, a, b, out[:, : bottom - top], work[:, : bottom - top])
        np.testing.assert_array_equal(strip, whole[:, top:bottom])
        levels = [levels_from_linear(plane.copy(), 256) for plane in strip]
        expected = [levels_from_linear(plane.copy(), 256)[top:bottom] for plane in whole]
        np.testing.assert_array_equal(levels, expected)
