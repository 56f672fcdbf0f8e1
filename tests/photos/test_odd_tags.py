"""A tag of an odd type or count is read or left out, in every format, and fails no photo."""

import struct

import numpy as np
import pytest
from made import pictures
from made.tiffs import tiff_of

from colorize_cli.photos import exif
from colorize_cli.photos.exif import Tag
from colorize_cli.photos.formats.tiff.metadata import KEPT_TAGS
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
COUNTS = (0, 1, 2, 3, 9)
ORDERS = pytest.mark.parametrize("order", ["<", ">"])
OF_A_PHOTO = sorted({*KEPT_TAGS, 274, 282, 283, 296, 700, 33_723, 34_377, 34_675, 34_665, 34_853})
OF_EXIF = [0x0112, 0x011A, 0x011B, 0x0128, 0x8769, 0x8825, 0x0100, 0x010F]


def written_everywhere(photo: Photo) -> None:
    rgb = np.zeros((*photo.pixels.shape, 3), photo.pixels.dtype)
    for format in ("jpeg", "png", "tiff", "webp", "bmp"):
        encode_photo(rgb, photo, format)


@ORDERS
@pytest.mark.parametrize("code", OF_A_PHOTO)
def test_a_tiff_with_any_type_and_count_of_a_tag_is_read_and_written(code: int, order: str) -> None:
    strip = pictures.grey().tobytes()
    for kind, size in SIZES.items():
        for count in COUNTS:
            value = bytes(range(1, size * count + 1))
            photo = read_photo(
                tiff_of([strip], {258: 8, 262: 1, code: (kind, count, value)}, order)
            )
            assert sorted(photo.pixels.shape) == [pictures.HEIGHT, pictures.WIDTH]
            written_everywhere(photo)


@ORDERS
@pytest.mark.parametrize("code", OF_EXIF)
def test_exif_with_any_type_and_count_of_a_tag_is_read_and_written(code: int, order: str) -> None:
    rows = [row.tobytes() for row in pictures.grey()]
    others = [Tag(0x0132, 2, 4, b"now\0"), Tag(0x011A, 5, 1, struct.pack(order + "II", 300, 1))]
    for kind, size in SIZES.items():
        for count in COUNTS:
            tag = Tag(code, kind, count, bytes(range(1, size * count + 1)))
            kept = [other for other in others if other.code != code]
            block = exif.build([*kept, tag], "<" if order == "<" else ">")
            chunk = pictures.chunk(b"eXIf", block)
            photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, chunk))
            assert sorted(photo.pixels.shape) == [pictures.HEIGHT, pictures.WIDTH]
            written_everywhere(photo)


@ORDERS
@pytest.mark.parametrize(("kind", "letter"), [(1, "B"), (3, "H"), (4, "I")])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_orientation_of_any_whole_type_turns_the_photo(
    kind: int, letter: str, count: int, order: str
) -> None:
    value = struct.pack(f"{order}{count}{letter}", *([6] + [1] * (count - 1)))
    stored = pictures.stored_as(pictures.grey(), 6)
    sides = {256: pictures.HEIGHT, 257: pictures.WIDTH, 278: pictures.WIDTH, 258: 8, 262: 1}
    data = tiff_of([stored.tobytes()], {**sides, 274: (kind, count, value)}, order)
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())
    block = exif.build([Tag(0x0112, kind, count, value)], "<" if order == "<" else ">")
    rows = [row.tobytes() for row in stored]
    data = pictures.png(rows, 8, 0, pictures.HEIGHT, pictures.chunk(b"eXIf", block))
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    again = read_photo(encode_photo(np.dstack([photo.pixels] * 3), photo, "png"))
    np.testing.assert_array_equal(again.pixels, pictures.grey())
    assert photo.warnings == again.warnings == ()


@pytest.mark.parametrize(("kind", "value"), [(2, b"right\0"), (5, struct.pack("<II", 6, 1))])
def test_an_orientation_of_another_type_is_left_out_with_a_warning(kind: int, value: bytes) -> None:
    count = len(value) // SIZES[kind]
    tags = {258: 8, 262: 1, 274: (kind, count, value)}
    block = exif.build([Tag(0x0112, kind, count, value)], "<")
    rows = [row.tobytes() for row in pictures.grey()]
    png = pictures.png(rows, 8, 0, pictures.WIDTH, pictures.chunk(b"eXIf", block))
    for data in (tiff_of([pictures.grey().tobytes()], tags), png):
        photo = read_photo(data)
        np.testing.assert_array_equal(photo.pixels, pictures.grey())
        assert photo.warnings == ("the orientation was left out: its tag is of an odd type",)


@pytest.mark.parametrize("code", [282, 283, 296])
def test_a_resolution_of_another_type_is_left_out_with_a_warning(code: int) -> None:
    ratio = (5, 1, struct.pack("<II", 300, 1))
    tags = {258: 8, 262: 1, 282: ratio, 283: ratio, 296: 2, code: (2, 4, b"300\0")}
    photo = read_photo(tiff_of([pictures.grey().tobytes()], tags))
    assert photo.metadata.dpi is None
    assert photo.warnings == ("the resolution was left out: its tags are of an odd type",)


@pytest.mark.parametrize("dpi", [0.01, 300, 70_000, 500_000, 999_999])
def test_the_resolution_of_a_microscope_is_kept_in_a_webp(dpi: float) -> None:
    ratio = (5, 1, struct.pack("<II", round(dpi * 100), 100))
    tags = {258: 8, 262: 1, 282: ratio, 283: ratio, 296: 2}
    photo = read_photo(tiff_of([pictures.grey().tobytes()], tags))
    written_everywhere(photo)
    webp = encode_photo(np.dstack([photo.pixels] * 3), photo, "webp")
    assert read_photo(webp).metadata.dpi == pytest.approx((dpi, dpi), rel=1e-3)
