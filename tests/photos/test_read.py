import hashlib
import io

import numpy as np
import pytest
from made import pictures
from made.carriers import (
    FORMATS,
    oriented,
)
from made.exif_blocks import block_of_adobe_rgb
from made.pictures import Picture
from PIL import Image

from colorize_cli.errors import ImageError
from colorize_cli.photos.limits import Limits, limited_to
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo

CORPUS = pictures.corpus()
EVERY_ORIENTATION = range(1, 9)


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_every_kind_of_picture_is_read_at_its_depth_with_its_alpha(picture: Picture) -> None:
    photo = read_photo(picture.data)
    assert photo.format == picture.format
    assert photo.pixels.dtype == picture.pixels.dtype
    assert photo.pixels.shape == picture.pixels.shape
    off = np.abs(photo.pixels.astype(int) - picture.pixels.astype(int)).max()
    assert off <= picture.tolerance
    if picture.alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert photo.alpha.dtype == picture.pixels.dtype
        np.testing.assert_array_equal(photo.alpha, picture.alpha)
    assert photo.is_colour == (picture.pixels.ndim == 3)
    assert photo.digest == hashlib.sha256(picture.data).digest()
    assert photo.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", EVERY_ORIENTATION)
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_orientation_is_applied_once(format: str, orientation: int) -> None:
    photo = read_photo(oriented(format, orientation))
    off = np.abs(photo.pixels.astype(int) - pictures.grey()).max()
    assert off <= (2 if format == "jpeg" else 0)
    again = read_photo(encode_photo(np.dstack([photo.pixels] * 3), photo, format))
    assert again.pixels.shape == photo.pixels.shape
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= (2 if format == "jpeg" else 0)


@pytest.mark.parametrize("orientation", EVERY_ORIENTATION)
def test_alpha_is_turned_with_the_pixels(orientation: int) -> None:
    upright = np.dstack([pictures.grey(), pictures.alpha()])
    block = b"Exif\0\0" + pictures.exif(orientation)
    stored = pictures.stored_as(upright, orientation)
    photo = read_photo(pictures.encode(stored, "PNG", exif=block))
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    np.testing.assert_array_equal(photo.alpha, pictures.alpha())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_first_picture_of_an_animation_is_taken_with_a_warning(kind: str) -> None:
    frames = [Image.fromarray(pixels) for pixels in (pictures.grey(), 255 - pictures.grey())]
    stream = io.BytesIO()
    lossless = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], **lossless)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert len(photo.warnings) == 1


def cuts(data: bytes) -> list[bytes]:
    steps = {*range(4, len(data), max(1, len(data) // 60)), *range(len(data) - 20, len(data))}
    return [data[:end] for end in sorted(steps)]


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_truncated_files_are_errors(picture: Picture) -> None:
    read = []
    for piece in cuts(picture.data):
        try:
            photo = read_photo(piece)
        except ImageError:
            continue
        # A cut in the padding behind the pixels loses nothing.
        same = np.array_equal(photo.pixels, read_photo(picture.data).pixels)
        if not same or len(picture.data) - len(piece) > 4:
            read.append(len(picture.data) - len(piece))
    assert read == []


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_raise_nothing_but_image_errors(seed: int) -> None:
    with limited_to(Limits(pixels=1 << 20)):
        raise_nothing_but_image_errors(seed)


def raise_nothing_but_image_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    read = 0
    for _ in range(300):
        data = bytearray(CORPUS[rng.integers(len(CORPUS))].data)
        reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(reach)] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        if rng.random() < 0.3:
            data = data[: rng.integers(len(data))]
        try:
            photo = read_photo(bytes(data))
        except ImageError:
            continue
        read += 1
        assert photo.pixels.dtype in (np.uint8, np.uint16)
    assert read > 10  # else the damage is too great to test anything


def test_reading_and_writing_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    grey_with_profile = pictures.encode(pictures.grey(), "PNG", icc_profile=pictures.SRGB)
    pieces = [picture.data for picture in CORPUS]
    halves = [data[: len(data) // 2] for data in pieces]
    for data in [grey_with_profile, *pieces, *halves]:
        try:
            photo = read_photo(data)
        except ImageError:
            continue
        shape = photo.pixels.shape[:2]
        for format in FORMATS:
            encode_photo(np.zeros((*shape, 3), photo.pixels.dtype), photo, format)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["jpeg", "cmyk", "png"])
def test_adobe_rgb_is_not_applied_to_pixels_that_are_srgb_already(kind: str) -> None:
    block = block_of_adobe_rgb("<")
    colours = pictures.color()
    if kind == "png":
        rows = [row.tobytes() for row in colours]
        extra = pictures.chunk(b"sRGB", b"\0") + pictures.chunk(b"eXIf", block)
        data = pictures.png(rows, 8, 2, colours.shape[1], extra)
    else:
        mode = "CMYK" if kind == "cmyk" else "RGB"
        data = pictures.converted(colours, mode, "JPEG", quality=100, exif=b"Exif\0\0" + block)
    applied = any("Adobe RGB" in warning for warning in read_photo(data).warnings)
    assert applied == (kind == "jpeg")
