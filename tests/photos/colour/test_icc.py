import io
import struct

import numpy as np
import pytest
from made import pictures
from PIL import Image, ImageCms

from colorize_cli.photos.read import read_photo


def rgb_profile(red: tuple[float, float, float], half: float = 1.0) -> bytes:
    """sRGB's profile with another red, or a curve that is a plain power."""
    profile = bytearray(pictures.SRGB)
    offset = profile_tag(profile, b"rXYZ")
    struct.pack_into(">iii", profile, offset + 8, *(round(number * 65_536) for number in red))
    if half != 1.0:
        offset = profile_tag(profile, b"gTRC")
        struct.pack_into(">HHi", profile, offset + 8, 0, 0, round(half * 65_536))
    return bytes(profile)


def profile_tag(profile: bytearray, signature: bytes) -> int:
    for position in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        if profile[position : position + 4] == signature:
            return int.from_bytes(profile[position + 4 : position + 8], "big")
    raise KeyError(signature)


SRGB_RED = (0.4361, 0.2225, 0.0139)
ADOBE_RED = (0.6097, 0.3111, 0.0195)


@pytest.mark.parametrize("profile", [pictures.SRGB, rgb_profile(SRGB_RED, 2.2)])
def test_a_profile_that_says_srgb_is_kept(profile: bytes) -> None:
    for pixels in (pictures.color(), pictures.grey()):
        photo = read_photo(pictures.encode(pixels, "PNG", icc_profile=profile))
        assert photo.metadata.icc == profile
        assert photo.warnings == ()
        np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (pictures.profile(b"GRAY"), "a grey profile"),
        (pictures.profile(b"CMYK"), "a CMYK profile"),
        (b"nothing of the kind", "damaged"),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_profile_that_no_longer_holds_is_dropped_with_a_warning(
    format: str, profile: bytes, words: str
) -> None:
    photo = read_photo(pictures.encode(pictures.grey(), format, icc_profile=profile))
    assert photo.metadata.icc is None
    assert len(photo.warnings) == 1
    assert words in photo.warnings[0]
    assert "taken for sRGB" in photo.warnings[0]


def test_profiles_of_lab_and_xyz_are_not_srgb() -> None:
    for name in ("LAB", "XYZ"):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()
        photo = read_photo(pictures.encode(pictures.grey(), "JPEG", icc_profile=profile))
        assert photo.metadata.icc is None


def curv(*points: int) -> bytes:
    return struct.pack(f">4sII{len(points)}H", b"curv", 0, len(points), *points)


def para(kind: int, *numbers: float) -> bytes:
    fixed = [round(number * 65_536) for number in numbers]
    return struct.pack(f">4sIHH{len(fixed)}i", b"para", 0, kind, 0, *fixed)


def grey_profile(curve: bytes, space: bytes = b"XYZ ") -> bytes:
    """An ICC profile of version 4 for greys."""
    white = struct.pack(">4sIiii", b"XYZ ", 0, 63_190, 65_536, 54_061)
    text = "Grey".encode("utf-16-be")
    name = struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(text), 28) + text
    table, heap = struct.pack(">I", 3), b""
    for signature, content in ((b"desc", name), (b"wtpt", white), (b"kTRC", curve)):
        table += struct.pack(">4sII", signature, 128 + 4 + 36 + len(heap), len(content))
        heap += content.ljust(-(-len(content) // 4) * 4, b"\0")
    head = bytearray(128)
    struct.pack_into(
        ">I4sI4s4s4s",
        head,
        0,
        128 + len(table) + len(heap),
        b"",
        0x04200000,
        b"prtr",
        b"GRAY",
        space,
    )
    head[36:40] = b"acsp"
    struct.pack_into(">iii", head, 68, 63_190, 65_536, 54_061)
    return bytes(head) + table + heap


DOT_GAIN = tuple(round(65_535 * (i / 255) ** 1.6 * (0.9 + 0.1 * i / 255)) for i in range(256))
CURVES = {
    "straight": curv(),
    "power": curv(round(1.8 * 256)),
    "table": curv(*DOT_GAIN),
    "short table": curv(0, 9000, 65_535),
    "kind 0": para(0, 2.2),
    "kind 1": para(1, 2.4, 0.9, 0.1),
    "kind 2": para(2, 2.4, 0.85, 0.1, 0.05),
    "kind 3": para(3, 2.2, 1 / 1.055, 0.055 / 1.055, 1 / 15, 0.05),
    "kind 4": para(4, 2.0, 0.9, 0.05, 0.1, 0.1, 0.05, 0.0),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("space", [b"XYZ ", b"Lab "])
def test_greys_are_what_a_colour_managed_viewer_shows(name: str, space: bytes) -> None:
    profile = grey_profile(CURVES[name], space)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.ImageCmsProfile(io.BytesIO(pictures.SRGB))
    image = Image.fromarray(pictures.grey())
    exactly = ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.HIGHRESPRECALC
    shown = ImageCms.profileToProfile(image, source, target, 1, outputMode="RGB", flags=exactly)
    photo = read_photo(pictures.encode(pictures.grey(), "PNG", icc_profile=profile))
    assert np.abs(photo.pixels.astype(int) - np.asarray(shown)[..., 1]).max() <= 1
    assert photo.metadata.icc is None
    assert photo.warnings == ("ICC profile 'Grey' applied to the greys: the picture is sRGB now",)


def test_sixteen_bits_of_linear_light_lose_nothing() -> None:
    data = pictures.tiff(pictures.grey(16), iccprofile=grey_profile(curv()))
    photo = read_photo(data)
    light = pictures.grey(16) / 65_535
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels / 65_535, expected, atol=1e-5)


def test_greys_in_three_channels_follow_the_profile_of_rgb() -> None:
    three = np.stack([pictures.grey()] * 3, axis=-1)
    linear = rgb_profile(SRGB_RED, 1.0001)
    photo = read_photo(pictures.encode(three, "PNG", icc_profile=linear))
    assert photo.pixels.mean() > pictures.grey().mean() + 20
    assert "applied to the greys" in photo.warnings[0]


@pytest.mark.parametrize("curve", [b"", b"curv", para(0, -1.0), para(9, 1.0), curv(9000, 3000, 0)])
def test_a_curve_that_makes_no_sense_is_not_applied(curve: bytes) -> None:
    data = pictures.encode(pictures.grey(), "PNG", icc_profile=grey_profile(curve))
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert "a grey profile; pixels are taken for sRGB" in photo.warnings[0]
