"""Raw files of cameras, and files of nothing but thumbnails, are refused by name."""

import struct

import numpy as np
import pytest
from made import pictures
from made.carriers import error_of
from made.tiffs import tiff_of, with_tag

from colorize_cli.photos.read import read_photo


def raw_file(kind: str) -> bytes:
    """A thumbnail as raw files have it, with what tells them apart."""
    thumbnail = pictures.grey()[::2, ::2].tobytes()
    tags: dict = {254: 1, 256: pictures.WIDTH // 2, 257: pictures.HEIGHT // 2, 258: 8, 262: 1}
    if kind == "DNG":
        return tiff_of([thumbnail], {**tags, 50_706: (1, 4, b"\1\4\0\0")})
    if kind == "sensor":  # the first picture is the sensor's
        return tiff_of([thumbnail], {**tags, 254: 0, 262: 32_803})
    data = tiff_of([thumbnail], {**tags, 254: 0 if kind == "full size" else 1, 330: 0})
    inner = tiff_of([pictures.grey().tobytes()], {258: 8, 262: 32_803 if kind != "plain" else 1})
    # The directory of the inner file, which points into it, moved behind the outer one.
    start = struct.unpack_from("<I", inner, 4)[0]
    return with_tag(data + b"\0" * (len(data) % 2) + inner[start:], 330, len(data) + len(data) % 2)


@pytest.mark.parametrize("kind", ["DNG", "sensor", "NEF", "full size"])
def test_a_raw_file_is_never_coloured_as_its_thumbnail(kind: str) -> None:
    message = error_of(raw_file(kind))
    assert "raw file" in message
    assert "cannot be developed" in message


def test_a_canons_raw_file_is_known_by_its_mark() -> None:
    data = pictures.tiff(pictures.grey())
    start = struct.unpack_from("<I", data, 4)[0]
    directory = data[start:].ljust(len(data))  # the strip lies where it was, behind all this
    moved = b"II*\0\x10\0\0\0CR\2\0".ljust(16, b"\0") + directory
    assert "raw file" in error_of(moved)


def test_a_scan_whose_first_pixels_spell_that_mark_is_none() -> None:
    pixels = pictures.grey()
    pixels[0, :3] = list(b"CR\2")
    data = tiff_of([pixels.tobytes()], {258: 8, 262: 1})
    assert data[8:11] == b"CR\2"
    np.testing.assert_array_equal(read_photo(data).pixels, pixels)


def test_a_tiff_of_nothing_but_thumbnails_is_refused() -> None:
    data = pictures.tiff(pictures.grey(), subfiletype=1)
    assert "reduced copies" in error_of(data)
    assert "reduced copies" in error_of(raw_file("plain"))


def test_a_scan_that_names_its_camera_is_no_raw_file() -> None:
    data = pictures.tiff(pictures.grey(), extratags=[(271, 2, 0, b"NIKON CORPORATION\0", True)])
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())
