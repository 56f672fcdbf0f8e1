"""Metadata in odd places are kept, or their loss is said."""

import hashlib
import io
import struct

import numpy as np
import pytest
import tifffile
from made import pictures
from made.carriers import recolored, with_iptc
from PIL import IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from colorize_cli.photos.metadata import exif_dpi, iptc_resource
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import losses

EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
LATIN = "Großmutter Käthe, Köln 1925".encode("latin-1")


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    made = (struct.pack(">BBH", 0xFF, marker, len(c) + 2) + c for marker, c in segments)
    return jpeg[:2] + b"".join(made) + jpeg[2:]


def plain() -> bytes:
    return pictures.encode(pictures.grey(), "JPEG")


def test_a_comment_in_another_encoding_stays_as_it_is() -> None:
    data = with_segments(plain(), (0xFE, LATIN))
    assert pictures.opened(recolored(data, "jpeg")).info["comment"] == LATIN
    assert pictures.opened(recolored(data, "png")).info["Comment"] == LATIN.decode("latin-1")
    assert b"# " + LATIN + b"\n" in recolored(data, "pnm")
    assert read_photo(recolored(data, "pnm")).metadata == read_photo(data).metadata


def test_a_text_longer_than_a_segment_of_a_jpeg_goes_on_in_the_next() -> None:
    texts = PngInfo()
    texts.add_itxt("Comment", "ä" * 70_000)
    data = pictures.encode(pictures.grey(), "PNG", pnginfo=texts)
    assert pictures.opened(recolored(data, "png")).info["Comment"] == "ä" * 70_000
    comments = read_photo(recolored(data, "jpeg")).metadata.comments
    assert len(comments) == 3
    assert "".join(text for _, text in comments) == "ä" * 70_000


def extended_xmp(size: int) -> tuple[bytes, bytes]:
    """A JPEG's first packet, and the extended one that it names."""
    rest = pictures.XMP.replace(b"tiff:Orientation", b"dc:relation").replace(
        b"caf\xc3\xa9", b"e" * size
    )
    rest = rest.replace(b"dc:format", b"dc:source")
    named = f'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="{digest(rest)}" tiff:Or'
    return pictures.XMP.replace(b"tiff:Or", named.encode()), rest


def digest(packet: bytes) -> str:
    return hashlib.md5(packet).hexdigest().upper()


def extension_segments(rest: bytes, step: int = 60_000) -> list[tuple[int, bytes]]:
    head = EXTENSION + digest(rest).encode() + struct.pack(">I", len(rest))
    starts = range(0, len(rest), step)
    return [(0xE1, head + struct.pack(">I", at) + rest[at : at + step]) for at in starts]


def with_extended_xmp(size: int, *, gap: bool = False) -> bytes:
    first, rest = extended_xmp(size)
    parts = extension_segments(rest)[gap:]
    main = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + first)
    return with_segments(plain(), main, *reversed(parts))  # in any order


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_extended_xmp_is_kept(format: str) -> None:
    photo = read_photo(with_extended_xmp(150_000))
    assert photo.warnings == ()
    data = recolored(with_extended_xmp(150_000), format)
    assert b'"' + b"e" * 50_000 in data or format == "png"
    again = read_photo(data).metadata.xmp
    assert again is not None
    assert b"caf\xc3\xa9" in again
    assert b'dc:source="' + b"e" * 150_000 in again
    assert b"HasExtendedXMP" not in again  # which is about the file, and added when it is needed


def test_xmp_too_large_for_a_segment_is_extended_by_the_rules() -> None:
    data = recolored(with_extended_xmp(150_000), "jpeg")
    name = data[data.index(b"HasExtendedXMP>") + 15 :][:32]
    starts = [i for i in range(len(data)) if data.startswith(EXTENSION, i)]
    assert len(starts) == 3
    rest = b""
    for start in starts:
        length = int.from_bytes(data[start - 2 : start], "big")
        part = data[start + len(EXTENSION) : start + length - 2]
        assert part[:32] == name
        assert int.from_bytes(part[36:40], "big") == len(rest)
        rest += part[40:]
        assert int.from_bytes(part[32:36], "big") > 150_000
    assert digest(rest).encode() == name


def test_a_missing_part_of_extended_xmp_is_told() -> None:
    photo = read_photo(with_extended_xmp(150_000, gap=True))
    assert photo.warnings == ("extended XMP dropped: parts of it are missing",)
    assert photo.metadata.xmp is not None


def test_iptc_over_two_segments_is_joined_and_divided_again() -> None:
    records = pictures.IPTC + b"\x1c\x02\x78" + struct.pack(">HI", 0x8004, 90_000) + b"c" * 90_000
    resource = iptc_resource(records)
    parts = [(0xED, b"Photoshop 3.0\0" + part) for part in (resource[:65_000], resource[65_000:])]
    photo = read_photo(with_segments(plain(), *parts))
    assert photo.metadata.iptc == records
    assert losses(photo, "jpeg") == ()
    for format in ("jpeg", "png", "tiff"):
        again = read_photo(recolored(with_segments(plain(), *parts), format))
        assert again.metadata.iptc == records


def raw_profile(kind: str, content: bytes) -> tuple[str, str]:
    """A text as ImageMagick writes it."""
    digits = content.hex()
    lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
    text = f"\n{kind}\n{len(content):8}\n" + "\n".join(lines) + "\n"
    return f"Raw profile type {kind}", text


def with_raw(*profiles: tuple[str, bytes], orientation: int = 1) -> bytes:
    texts = PngInfo()
    for kind, content in profiles:
        texts.add_text(*raw_profile(kind, content), zip=True)
    return pictures.encode(pictures.stored_as(pictures.grey(), orientation), "PNG", pnginfo=texts)


@pytest.mark.parametrize("kind", ["exif", "APP1"])
def test_a_raw_profile_of_exif_turns_the_photo(kind: str) -> None:
    data = with_raw((kind, b"Exif\0\0" + pictures.exif(6)), orientation=6)
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    image = pictures.opened(recolored(data, "png"))
    assert image.getexif()[0x8298] == "Anna"
    assert image.getexif().get(0x0112, 1) == 1


def test_raw_profiles_of_iptc_xmp_and_icc_are_read() -> None:
    icc = pictures.SRGB
    data = with_raw(("iptc", iptc_resource(pictures.IPTC)), ("xmp", pictures.XMP), ("icc", icc))
    photo = read_photo(data)
    assert photo.warnings == ()
    assert photo.metadata.iptc == pictures.IPTC
    assert photo.metadata.xmp == pictures.XMP
    assert photo.metadata.icc == icc
    assert read_photo(recolored(data, "png")).metadata == photo.metadata
    records = IptcImagePlugin.getiptcinfo(pictures.opened(recolored(data, "jpeg")))
    assert records is not None
    assert records[(2, 80)] == b"Anna"


def test_iptc_goes_into_a_png_as_other_programs_read_it() -> None:
    image = pictures.opened(recolored(with_iptc(plain()), "png"))
    kind, size, *lines = image.info["Raw profile type iptc"].split()
    assert kind == "iptc"
    assert bytes.fromhex("".join(lines)) == iptc_resource(pictures.IPTC)
    assert int(size) == len(iptc_resource(pictures.IPTC))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (with_raw(("generic", b"abc")), "the raw profile 'generic' was dropped"),
        (with_raw(("iptc", b"")), "the raw profile 'iptc' was dropped"),
    ],
)
def test_a_raw_profile_that_cannot_be_read_is_told(texts: bytes, words: str) -> None:
    assert words in read_photo(texts).warnings[0]


def test_a_damaged_text_of_a_png_is_told() -> None:
    rows = [row.tobytes() for row in pictures.grey()]
    damaged = pictures.chunk(b"zTXt", b"Title\0\0nothing deflated")
    photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, damaged))
    assert photo.warnings == ("the text 'Title' was dropped: damaged or too long",)
    altered = bytearray(pictures.chunk(b"tEXt", b"Title\0Market"))
    altered[-1] ^= 1
    photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, bytes(altered)))
    assert photo.warnings == ("a chunk of metadata is damaged: dropped",)


GEO = [
    (33550, 12, 3, (0.5, 0.5, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 5.6e6, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (34737, 2, 0, "WGS 84 / UTM zone 32N|", True),
    (42113, 2, 0, "0", True),
]


@pytest.mark.parametrize("order", [">", "<"])
def test_geotiff_stays(order: str) -> None:
    data = pictures.tiff(pictures.grey(), byteorder=order, extratags=GEO)
    with tifffile.TiffFile(io.BytesIO(data)) as before:
        with tifffile.TiffFile(io.BytesIO(recolored(data, "tiff"))) as after:
            assert after.geotiff_metadata == before.geotiff_metadata
            assert after.pages.first.tags[42113].value == "0"
    assert losses(read_photo(data), "png") == ("png cannot hold GeoTIFF tags: dropped",)


def test_geotiff_of_a_picture_that_is_turned_is_dropped_and_told() -> None:
    turned = [*GEO, (274, 3, 1, 6, True)]
    photo = read_photo(pictures.tiff(pictures.grey(), extratags=turned))
    assert photo.metadata.geo is None
    assert "GeoTIFF tags dropped" in photo.warnings[0]


@pytest.mark.parametrize("has_exif", [True, False])
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_the_resolution_of_a_microscope_is_kept(format: str, has_exif: bool) -> None:
    tags = [(315, 2, 0, "Anna", True)] if has_exif else []
    data = pictures.tiff(pictures.grey(), resolution=(5e5, 3e5), resolutionunit=2, extratags=tags)
    assert losses(read_photo(data), format) == ()
    again = read_photo(recolored(data, format)).metadata
    assert again.dpi == (5e5, 3e5)
    assert exif_dpi(again.exif or b"") == (5e5, 3e5)
    image = pictures.opened(recolored(data, format))
    assert image.getexif()[0x011A] == 5e5
    assert image.getexif().get(0x013B) == ("Anna" if has_exif else None)
