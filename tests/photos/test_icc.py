import struct

import pytest
from made import pictures
from PIL import ImageCms

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
    photo = read_photo(pictures.encode(pictures.color(), "PNG", icc_profile=profile))
    assert photo.metadata.icc == profile
    assert photo.warnings == ()


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (rgb_profile(ADOBE_RED), "is not sRGB"),
        (rgb_profile(SRGB_RED, 1.0001), "is not sRGB"),  # linear light
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
