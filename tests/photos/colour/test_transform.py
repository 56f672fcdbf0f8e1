"""Pixels with a profile are what a viewer with colour management shows."""

import struct

import numpy as np
import pytest
from made import pictures, profiles
from made.carriers import recolored
from made.exif_blocks import block_of_adobe_rgb
from made.pictures import Array

from colorize_cli.photos.colour import made
from colorize_cli.photos.colour.transform import srgb_pixels
from colorize_cli.photos.read import read_photo

ADOBE = made.profile_of("Adobe RGB", 563 / 256, (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06))
PRO_PHOTO = made.profile_of(
    "ProPhoto", 1.8, (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
)
LINEAR = made.profile_of("linear", 1.0, made.SRGB_POINTS)
OF_RGB = {
    "Adobe RGB": ADOBE,
    "ProPhoto RGB": PRO_PHOTO,
    "linear": LINEAR,
    "lut8": profiles.profile({b"A2B0": profiles.mft1()}, version=2),
    "lut16": profiles.profile({b"A2B0": profiles.mft2()}, version=2),
    "lut16, XYZ": profiles.profile({b"A2B0": profiles.mft2(b"XYZ ")}, pcs=b"XYZ ", version=2),
    "lut16 of version 4": profiles.profile({b"A2B0": profiles.mft2()}),
    "lutAToB": profiles.profile({b"A2B0": profiles.mab()}),
    "lutAToB of bytes": profiles.profile({b"A2B1": profiles.mab(precision=1)}),
    "lutAToB, XYZ": profiles.profile({b"A2B0": profiles.mab(b"XYZ ")}, pcs=b"XYZ "),
    "lutAToB, no table": profiles.profile(
        {b"A2B0": profiles.mab(b"XYZ ", has_grid=False)}, pcs=b"XYZ "
    ),
}
# Those whose equal channels are not neutral: which grey is theirs is a convention.
TINTED = {"lut16, XYZ", "lutAToB, XYZ", "lutAToB, no table"}
OF_GREY = {
    "lut8": profiles.profile({b"A2B0": profiles.mft1(1)}, b"GRAY", version=2),
    "lut16": profiles.profile({b"A2B0": profiles.mft2(channels=1)}, b"GRAY", version=2),
    "lutAToB": profiles.profile({b"A2B0": profiles.mab(channels=1)}, b"GRAY"),
}


def colours() -> Array:
    """Random colours, and all greys."""
    pixels = np.random.default_rng(1).integers(0, 256, (40, 64, 3), dtype=np.uint8)
    pixels[:4] = np.arange(256, dtype=np.uint8).reshape(4, 64, 1)
    return pixels


@pytest.mark.parametrize("name", OF_RGB)
def test_colours_are_what_a_colour_managed_viewer_shows(name: str) -> None:
    profile = OF_RGB[name]
    assert profile is not None
    photo = read_photo(pictures.encode(colours(), "PNG", icc_profile=profile))
    expected = profiles.shown(colours(), profile)
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 2
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 0.2
    assert photo.metadata.icc is None
    assert "applied: the picture is sRGB now" in photo.warnings[0]
    assert np.abs(colours().astype(int) - expected).max() > 8  # else nothing was tried


@pytest.mark.parametrize("name", sorted(set(OF_RGB) - TINTED))
def test_greys_of_a_profile_of_rgb_keep_its_light(name: str) -> None:
    profile = OF_RGB[name]
    assert profile is not None
    levels = colours()[:4]
    shown = profiles.shown(levels, profile)
    assert np.ptp(shown.astype(int), axis=-1).max() <= 2
    photo = read_photo(pictures.encode(levels, "PNG", icc_profile=profile))
    assert not photo.is_colour
    assert np.abs(photo.pixels.astype(int) - shown[..., 1]).max() <= 2


@pytest.mark.parametrize("name", OF_GREY)
def test_greys_of_a_profile_with_tables_are_what_a_viewer_shows(name: str) -> None:
    levels = colours()[:4, :, 0]
    photo = read_photo(pictures.encode(levels, "PNG", icc_profile=OF_GREY[name]))
    shown = profiles.shown(levels, OF_GREY[name])[..., 1]
    assert np.abs(photo.pixels.astype(int) - shown).max() <= 1


@pytest.mark.parametrize("name", OF_RGB)
def test_sixteen_bits_are_as_fine_behind_the_profile(name: str) -> None:
    profile = OF_RGB[name]
    assert profile is not None
    deep = colours().astype(np.uint16) * 257
    found = srgb_pixels(profile, deep)
    assert found is not None
    assert np.abs(found / 257 - profiles.shown(colours(), profile)).max() < 2.2
    ramp = np.arange(30_000, 30_512, dtype=np.uint16).reshape(2, 256)
    greys = srgb_pixels(profile, ramp)
    assert greys is not None
    assert len(np.unique(greys)) > 250  # no steps of 8 bits


@pytest.mark.parametrize("tag", [profiles.mft1(), profiles.mft2(), profiles.mab()])
def test_damaged_tables_change_nothing(tag: bytes) -> None:
    for size in (0, 4, 12, 31, 40, 52, 60, 500, len(tag) - 70):
        assert srgb_pixels(profiles.profile({b"A2B0": tag[:size]}), colours()) is None
    odd = bytearray(tag)
    odd[10] = odd[9] = 255
    assert srgb_pixels(profiles.profile({b"A2B0": bytes(odd)}), colours()) is None


def png_with(*chunks: tuple[bytes, bytes], pixels: Array) -> bytes:
    rows = [row.tobytes() for row in pixels]
    extra = b"".join(pictures.chunk(*chunk) for chunk in chunks)
    return pictures.png(rows, 8, 2 if pixels.ndim == 3 else 0, pixels.shape[1], extra)


def gama(level: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", level)


SRGB_CHUNK = (b"sRGB", b"\0")
CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))


def test_gamma_of_a_png_is_applied() -> None:
    photo = read_photo(png_with(gama(100_000), pixels=pictures.grey()))
    light = pictures.grey() / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels / 255, expected, atol=0.003)
    assert photo.warnings == (
        "ICC profile 'gamma 1' applied to the greys: the picture is sRGB now",
    )


def test_primaries_of_a_png_are_applied() -> None:
    photo = read_photo(png_with(gama(45_471), CHRM, pixels=colours()))
    assert ADOBE is not None
    assert np.abs(photo.pixels.astype(int) - profiles.shown(colours(), ADOBE)).max() <= 1
    assert photo.metadata.icc is None


@pytest.mark.parametrize(
    "chunks",
    [(gama(45_455),), (gama(100_000), SRGB_CHUNK), (gama(0),), (gama(1),), ((*CHRM[:1], b""),)],
)
def test_chunks_that_say_srgb_or_nothing_change_nothing(
    chunks: tuple[tuple[bytes, bytes], ...],
) -> None:
    photo = read_photo(png_with(*chunks, pixels=colours()))
    np.testing.assert_array_equal(photo.pixels, colours())
    assert photo.warnings == ()
    assert photo.metadata.icc is None


def test_colours_that_only_cicp_names_are_told() -> None:
    photo = read_photo(png_with((b"cICP", b"\x09\x10\0\1"), pixels=colours()))
    assert "cICP" in photo.warnings[0]


def test_adobe_rgb_that_only_exif_names_is_applied() -> None:
    data = pictures.encode(colours(), "PNG", exif=block_of_adobe_rgb(">"))
    assert ADOBE is not None
    photo = read_photo(data)
    assert np.abs(photo.pixels.astype(int) - profiles.shown(colours(), ADOBE)).max() <= 1
    assert photo.warnings == ("ICC profile 'Adobe RGB' applied: the picture is sRGB now",)


def test_profiles_that_make_no_sense_are_not_made() -> None:
    assert made.profile_of("none", 1.0, (0.3, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)) is None
    assert made.profile_of("none", 1.0, (0.3, 0.0, *made.SRGB_POINTS[2:])) is None
    assert made.profile_of("sRGB", 2.2, made.SRGB_POINTS) is None


def test_a_profile_in_colour_is_gone_from_the_file_that_is_written() -> None:
    data = pictures.encode(pictures.color(), "JPEG", icc_profile=ADOBE)
    for format in ("jpeg", "png", "tiff", "webp"):
        assert "icc_profile" not in pictures.opened(recolored(data, format)).info
