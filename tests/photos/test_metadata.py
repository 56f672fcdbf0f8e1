import struct
from typing import Any

import pytest
from made import pictures
from made.carriers import (
    EXIF,
    GPS,
    HOLDERS,
    SIDES,
    recolored,
    source,
)
from PIL import IptcImagePlugin

from colorize_cli.photos.metadata import iptc_of, iptc_resource
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo, losses


def xmp_of(image: Any) -> bytes:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(700)
    return found.encode() if isinstance(found, str) else found


ORDERS = pytest.mark.parametrize("order", [">", "<"], ids=["big-endian", "little-endian"])
SAME = pytest.mark.parametrize("format", HOLDERS)


@ORDERS
@SAME
def test_metadata_survive_colouring_in_the_same_format(format: str, order: str) -> None:
    image = pictures.opened(recolored(source(format, order=order), format))
    tags = image.getexif()
    assert tags.get(0x0112, 1) == 1
    inner, place = tags.get_ifd(EXIF), tags.get_ifd(GPS)
    assert inner[0x9003] == "1931:12:15 10:20:30"
    assert (inner[SIDES[0]], inner[SIDES[1]]) == image.size == (pictures.WIDTH, pictures.HEIGHT)
    assert place[1] == "N"
    assert place[2] == (52.0, 30.0, 0.0)
    assert image.info["icc_profile"] == pictures.SRGB
    assert xmp_of(image) == pictures.XMP.replace(b'Orientation="6"', b'Orientation="1"')
    if format != "webp":  # which has it in its EXIF
        # The photo lay on its side: 300 dpi across are now along the height.
        assert image.info["dpi"] == pytest.approx((200, 300), abs=0.01)
    if format != "tiff":
        assert tags[0x010F] == "Voigtlander"
        assert (tags[0x011A], tags[0x011B]) == (200, 300)


@ORDERS
@pytest.mark.parametrize("target", HOLDERS)
@SAME
def test_metadata_move_between_formats(format: str, target: str, order: str) -> None:
    image = pictures.opened(recolored(source(format, order=order), target))
    tags = image.getexif()
    assert tags.get(0x0112, 1) == 1
    assert tags[0x013B if format == "tiff" else 0x8298] == "Anna"
    assert tags.get_ifd(EXIF)[0x9003] == "1931:12:15 10:20:30"
    assert tags.get_ifd(GPS)[2] == (52.0, 30.0, 0.0)
    assert image.info["icc_profile"] == pictures.SRGB
    assert b"caf\xc3\xa9" in xmp_of(image)
    if target != "webp":
        assert image.info["dpi"] == pytest.approx((200, 300), abs=0.01)


@pytest.mark.parametrize("target", ["jpeg", "tiff"])
@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_iptc_is_kept(format: str, target: str) -> None:
    image = pictures.opened(recolored(source(format), target))
    records = IptcImagePlugin.getiptcinfo(image)
    assert records is not None
    assert records[(2, 5)] == b"Market"
    assert records[(2, 80)] == b"Anna"


def test_comments_are_kept() -> None:
    image = pictures.opened(recolored(source("jpeg"), "jpeg"))
    assert image.info["comment"] == "café".encode()
    image = pictures.opened(recolored(source("jpeg"), "png"))
    assert image.info["Comment"] == "café"


def test_a_ratio_of_pixels_is_no_resolution() -> None:
    assert read_photo(pictures.encode(pictures.grey(), "JPEG")).metadata.dpi is None
    untold = pictures.tiff(pictures.grey(), resolution=(1, 1), resolutionunit=1)
    assert read_photo(untold).metadata.dpi is None


@pytest.mark.parametrize("target", ["bmp", "jpeg", "png", "tiff"])
def test_the_resolution_of_a_bmp_is_kept(target: str) -> None:
    data = pictures.encode(pictures.grey(), "BMP", dpi=(300, 150))
    image = pictures.opened(recolored(data, target))
    assert image.info["dpi"] == pytest.approx((300, 150), abs=0.05)


@pytest.mark.parametrize(
    ("format", "missing"),
    [
        ("jpeg", ()),
        ("png", ()),
        ("tiff", ("tiff cannot hold comments: dropped",)),
        ("webp", ("webp cannot hold IPTC, comments: dropped",)),
        ("bmp", ("bmp cannot hold EXIF, XMP, the ICC profile, IPTC, comments: dropped",)),
    ],
)
def test_what_a_format_cannot_hold_is_said(format: str, missing: tuple[str, ...]) -> None:
    assert losses(read_photo(source("jpeg")), format) == missing


def test_iptc_is_found_among_other_resources() -> None:
    other = b"8BIM\x03\xed\x05other" + struct.pack(">I", 3) + b"abc\0"
    assert iptc_of(other + iptc_resource(pictures.IPTC)) == pictures.IPTC
    assert iptc_of(other) is None
    assert iptc_of(iptc_resource(pictures.IPTC)[:9]) is None


def test_reading_what_was_written_gives_the_same_metadata() -> None:
    for format in HOLDERS:
        once = read_photo(recolored(source(format), format))
        twice = read_photo(encode_photo(pictures.color(), once, format))
        assert once.warnings == ()
        assert twice.metadata == once.metadata
