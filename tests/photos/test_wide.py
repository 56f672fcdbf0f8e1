"""Floating point and 32 bits: read by a stated rule, written as they were."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from made import pictures
from made.carriers import error_of
from made.kinds import scaled
from made.tiffs import tiff_of

from colorize_cli.photos.read import read_pages, read_photo
from colorize_cli.photos.wide import narrowed
from colorize_cli.photos.write import encode_photo, losses

FLOATS = scaled(pictures.grey(16), np.float32)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint32])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_the_type_is_that_of_the_source_and_white_stays_white(
    kind: Any, compression: str | None
) -> None:
    white = 2**32 - 1 if kind == np.uint32 else 1
    data = pictures.tiff((FLOATS.astype(np.float64) * white).astype(kind), compression=compression)
    photo = read_photo(data)
    assert photo.pixels.dtype == np.uint16
    assert losses(photo, "tiff") == ()
    assert "rounded to 16 bits" in losses(photo, "png")[0]
    written = tifffile.imread(io.BytesIO(encode_photo(pictures.color(16), photo, "tiff")))
    assert written.dtype == kind
    expected = pictures.color(16) / 65_535
    np.testing.assert_allclose(written / white, expected, atol=1e-3 if kind == np.float16 else 1e-6)


def test_white_may_be_stated_and_is_kept() -> None:
    data = pictures.tiff(FLOATS * 200)
    message = error_of(data)
    assert "lie above 1" in message
    assert "--white 200" in message
    photo = next(read_pages(data, white=200))
    assert np.abs(photo.pixels.astype(int) - pictures.grey(16)).max() <= 1
    written = tifffile.imread(io.BytesIO(encode_photo(pictures.color(16), photo, "tiff")))
    assert written.max() == pytest.approx(200, rel=1e-3)


def test_a_picture_far_below_white_is_read_and_said_to_be_dark() -> None:
    levels = (FLOATS * 65_535).astype(np.uint32)  # 16 bits, kept in 32
    (warning,) = read_photo(pictures.tiff(levels)).warnings
    assert "--white 65535 for instance" in warning
    assert next(read_pages(pictures.tiff(levels), white=65_535)).warnings == ()
    assert read_photo(pictures.tiff(FLOATS * 0.1)).warnings == ()


def test_a_few_numbers_above_white_and_below_black_are_cut_with_a_warning() -> None:
    samples = FLOATS.copy()
    samples[0, :3], samples[1, :2] = 1.5, -0.5
    photo = read_photo(pictures.tiff(samples))
    assert photo.pixels[0, :3].min() == 65_535
    assert photo.pixels[1, :2].max() == 0
    assert photo.warnings == ("3 numbers above white: white", "2 numbers below 0: black")


def test_what_is_not_finite_is_black_or_white_and_said() -> None:
    samples = FLOATS.copy()
    samples[5, :3] = np.nan, np.inf, -np.inf
    photo = read_photo(pictures.tiff(samples))
    assert photo.pixels[5, :3].tolist() == [0, 65_535, 0]
    assert photo.warnings == ("3 numbers are infinite or none: white or black",)
    assert "no finite number" in error_of(pictures.tiff(np.full_like(samples, np.nan)))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_numbers_that_processors_complain_of_are_read_in_silence(kind: Any) -> None:
    bits = np.dtype(kind).itemsize * 8
    signalling = np.array(np.inf, kind).view(f"u{bits // 8}") + 1  # a NaN of the signalling kind
    samples = np.dstack([FLOATS.astype(kind)] * 4)
    samples[3, :2] = signalling.view(kind)
    page = pictures.tiff(samples, photometric="rgb", extrasamples=["unassalpha"])
    photo = read_photo(page)
    assert photo.pixels[3, :2].max() == 0
    assert photo.alpha is not None
    assert photo.alpha[3, :2].max() == 0
    assert photo.alpha[3, 2] == photo.pixels[3, 2] > 0


def test_what_overflows_beside_a_tiny_white_is_white() -> None:
    samples = np.full((30, 44), 5e-324)
    samples[0, 0] = 1.7e308
    pixels, _, _ = narrowed(samples, 5e-324)
    assert pixels.min() == 65_535


def predicted(samples: np.ndarray) -> bytes:
    """Rows as the predictor of floating point leaves them: bytes of a kind together."""
    rows, count = samples.shape[0], samples.shape[-1] if samples.ndim == 3 else 1
    each = samples.astype(">f4").reshape(rows, -1).view(np.uint8).reshape(rows, -1, 4)
    planes = each.swapaxes(1, 2).reshape(rows, -1)
    differences = planes.copy()
    differences[:, count:] -= planes[:, :-count]
    return differences.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_predictor_of_floating_point_is_undone(order: str) -> None:
    colours = scaled(pictures.color(16), np.float32)
    for samples, meaning in ((FLOATS, 1), (colours, 2)):
        channels = 3 if samples.ndim == 3 else 1
        tags = {
            258: [32] * channels,
            259: 8,
            262: meaning,
            277: channels,
            317: 3,
            339: [3] * channels,
        }
        data = tiff_of([zlib.compress(predicted(samples))], tags, order)
        expected = pictures.color(16) if channels == 3 else pictures.grey(16)
        np.testing.assert_array_equal(read_photo(data).pixels, expected)


@pytest.mark.parametrize("kind", [np.float32, np.uint32])
def test_alpha_of_wide_samples_is_kept_and_taken_out_of_colours(kind: Any) -> None:
    top = 1.0 if kind == np.float32 else 2.0**32 - 1
    opacity = pictures.alpha(16) / 65_535
    colours = pictures.color(16) / 65_535
    multiplied = np.dstack([colours * opacity[..., None], opacity]) * top
    data = pictures.tiff(multiplied.astype(kind), photometric="rgb", extrasamples=["assocalpha"])
    photo = read_photo(data)
    assert photo.alpha is not None
    assert np.abs(photo.alpha.astype(int) - pictures.alpha(16)).max() <= 1
    seen = pictures.alpha(16) > 0
    assert np.abs(photo.pixels[seen].astype(int) - pictures.color(16)[seen]).max() <= 1
    written = tifffile.imread(io.BytesIO(encode_photo(photo.pixels, photo, "tiff")))
    np.testing.assert_allclose(written[..., 3] / top, opacity, atol=1e-4)


def test_a_pfm_becomes_a_pfm_in_colour() -> None:
    rows = FLOATS[::-1].astype(">f4").tobytes()
    photo = read_photo(b"Pf\n44 30\n1.0\n" + rows)
    np.testing.assert_array_equal(photo.pixels, pictures.grey(16))
    again = read_photo(encode_photo(pictures.color(16), photo, "pfm"))
    np.testing.assert_array_equal(again.pixels, pictures.color(16))
    assert again.warnings == ()
