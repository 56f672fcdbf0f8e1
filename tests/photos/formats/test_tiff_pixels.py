"""TIFF: whatever is read has the right pixels, and whatever cannot be read is said."""

import io
import lzma
import zlib

import numpy as np
import pytest
import tifffile
from made import pictures
from made.carriers import error_of
from made.tiffs import packed, strips_of, tiff_of, with_tag
from PIL import Image, ImageCms

from colorize_cli.errors import ImageError
from colorize_cli.imaging.lab import lightness
from colorize_cli.photos.formats.tiff.codecs import CODECS, JPEG
from colorize_cli.photos.formats.tiff.segments import FAX
from colorize_cli.photos.read import read_photo

ONES = pictures.grey() > 128
LAB = {258: [16] * 3, 262: 8, 277: 3}
KNOWN = (*CODECS, *FAX, JPEG)


def scaled(levels: np.ndarray, bits: int) -> np.ndarray:
    kind = np.uint8 if bits <= 8 else np.uint16
    return (levels.astype(np.uint32) * np.iinfo(kind).max // ((1 << bits) - 1)).astype(kind)


@pytest.mark.parametrize("number", sorted({int(c) for c in tifffile.COMPRESSION} | {0, 9, 65_000}))
def test_no_compression_gives_wrong_pixels(number: int) -> None:
    data = with_tag(pictures.tiff(pictures.grey()), 259, number)
    if number == 1:
        np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())
        return
    message = error_of(data)
    if number not in KNOWN:
        assert f"TIFF compression {number}" in message
        assert "save it with LZW" in message


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_number_of_bits_is_read(bits: int, order: str) -> None:
    levels = pictures.grey(bits)
    data = packed(levels, bits) if bits != 16 else levels.astype(f"{order}u2").tobytes()
    photo = read_photo(tiff_of([data], {258: bits, 262: 1}, order))
    np.testing.assert_array_equal(photo.pixels, scaled(levels, bits))


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14])
@pytest.mark.parametrize("is_planar", [False, True])
def test_colours_of_any_number_of_bits_are_read_in_planes_and_side_by_side(
    bits: int, is_planar: bool
) -> None:
    levels = np.stack(
        [pictures.grey(bits), pictures.grey(bits)[::-1], pictures.grey(bits) // 2], -1
    )
    strips = [packed(levels, bits)]
    if is_planar:
        strips = [packed(levels[..., i], bits) for i in range(3)]
    data = tiff_of(strips, {258: [bits] * 3, 262: 2, 277: 3, 284: 1 + is_planar})
    np.testing.assert_array_equal(read_photo(data).pixels, scaled(levels, bits))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_of_few_bits_are_read(bits: int) -> None:
    indices = pictures.grey(bits)
    table = np.random.default_rng(bits).integers(0, 65_536, (3, 1 << bits))
    colours = (3, table.size, table.astype("<u2").tobytes())
    photo = read_photo(tiff_of([packed(indices, bits)], {258: bits, 262: 3, 320: colours}))
    np.testing.assert_array_equal(photo.pixels, (table.T >> 8)[indices])


def test_bits_in_the_opposite_order_are_turned_round() -> None:
    plain = zlib.compress(pictures.grey().tobytes())
    turned = np.packbits(np.unpackbits(np.frombuffer(plain, np.uint8), bitorder="little"))
    data = tiff_of([turned.tobytes()], {258: 8, 259: 8, 262: 1, 266: 2})
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())


def test_three_channels_without_a_meaning_are_taken_for_rgb_with_a_warning() -> None:
    data = tiff_of([pictures.color().tobytes()], {258: [8, 8, 8], 277: 3})
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.pixels, pictures.color())
    assert photo.warnings == ("the TIFF does not say what its channels are: taken for RGB",)


def test_levels_without_a_meaning_are_taken_for_grey_with_a_warning() -> None:
    photo = read_photo(tiff_of([pictures.grey().tobytes()], {258: 8}))
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.warnings == ("the TIFF does not say what its levels are: taken for grey",)


@pytest.mark.parametrize("meaning", [4, 6, 9, 10, 32_844, 32_845, 51_177, 60_000])
def test_samples_of_another_meaning_are_refused_by_name(meaning: int) -> None:
    data = tiff_of([pictures.color().tobytes()], {258: [8, 8, 8], 262: meaning, 277: 3})
    assert "samples is not supported" in error_of(data)


def test_lab_keeps_its_lightness() -> None:
    to_lab = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    for pixels in (np.dstack([pictures.grey()] * 3), pictures.color() // 2 + 64):
        image = ImageCms.profileToProfile(Image.fromarray(pixels), *to_lab, outputMode="LAB")
        stream = io.BytesIO()
        image.save(stream, "TIFF")
        photo = read_photo(stream.getvalue())
        read = photo.pixels if photo.is_colour else np.dstack([photo.pixels] * 3)
        assert np.abs(lightness(read) - np.asarray(image)[..., 0] / 2.55).max() < 1


def test_lab_of_sixteen_bits_is_read() -> None:
    L = pictures.grey(16)
    data = tiff_of([np.dstack([L, L * 0, L * 0]).astype("<u2").tobytes()], LAB)
    photo = read_photo(data)
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_allclose(lightness(photo.pixels), L / 655.35, atol=0.02)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({258: [5, 6, 5], 277: 3, 262: 2}, "different depths"),
        ({258: 8, 259: 8, 317: 3}, "predictor 3"),
        ({258: 12, 259: 8, 317: 2}, "predictor 2 at 12 bits"),
        ({258: 8, 259: 32_773, 317: 2}, "predictor 2 at 8 bits with PACKBITS"),
        ({258: 8, 259: 4}, "CCITTFAX4 of 8 bits"),
        ({258: 12, 259: 7}, "JPEG of 12 bits"),
    ],
)
def test_what_would_be_read_wrong_is_refused(tags: dict, words: str) -> None:
    data = tiff_of([zlib.compress(bytes(10_000))], {262: 1, **tags})
    assert words in error_of(data)


@pytest.mark.parametrize("kind", ["rgb", "ycbcr", "grey", "cmyk"])
def test_jpeg_strips_are_what_the_tag_says_and_not_what_a_decoder_guesses(kind: str) -> None:
    pixels = {"grey": pictures.grey()}.get(kind, pictures.color())
    mode = {"rgb": "RGB", "ycbcr": "YCbCr", "cmyk": "CMYK", "grey": "L"}[kind]
    image = pictures.opened(pictures.encode(pixels, "PNG")).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression="jpeg", quality=100, tiffinfo={278: 16})
    photo = read_photo(stream.getvalue())
    assert np.abs(photo.pixels.astype(int) - pixels).max() <= 8


def compressed(kind: str) -> bytes:
    """A TIFF of several strips."""
    if kind == "lzma":
        rows = [pictures.grey()[top : top + 10] for top in (0, 10, 20)]
        strips = [lzma.compress(row.tobytes()) for row in rows]
        return tiff_of(strips, {258: 8, 259: 34_925, 262: 1, 278: 10})
    if kind in ("none", "zlib"):
        compression = None if kind == "none" else "zlib"
        return pictures.tiff(pictures.grey(), rowsperstrip=10, compression=compression)
    is_fax = kind in ("group3", "group4", "tiff_ccitt")
    rows = 16 if kind == "jpeg" else 10
    pixels = ONES if is_fax else pictures.grey()
    return pictures.encode(pixels, "TIFF", compression=kind, tiffinfo={278: rows})


KINDS = ["none", "zlib", "lzma", "tiff_lzw", "packbits", "jpeg", "group3", "group4", "tiff_ccitt"]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


@EVERY_KIND
def test_a_strip_that_is_missing_is_never_filled(kind: str) -> None:
    data = compressed(kind)
    offsets, counts = strips_of(data)
    assert len(offsets) > 1
    for i in range(len(offsets)):
        assert "lacks a part" in error_of(with_tag(data, 273, 0, i))
        assert "lacks a part" in error_of(with_tag(data, 279, 0, i))
        assert "truncated" in error_of(with_tag(data, 273, len(data) + 100, i))
        for count in (1, counts[i] // 2):
            error_of(with_tag(data, 279, count, i))


def test_fewer_strips_than_the_picture_has_are_an_error() -> None:
    half = pictures.grey()[:10].tobytes()
    assert "lacks a part" in error_of(tiff_of([half, half], {258: 8, 262: 1, 278: 10}))


@EVERY_KIND
def test_a_count_that_reaches_behind_the_file_is_cut_to_it(kind: str) -> None:
    data = compressed(kind)
    last = len(strips_of(data)[0]) - 1
    expected = read_photo(data).pixels
    longer = read_photo(with_tag(data, 279, len(data), last))
    np.testing.assert_array_equal(longer.pixels, expected)


@pytest.mark.parametrize("kind", KINDS[1:])  # bytes as they are have nothing to tell it by
@pytest.mark.parametrize("seed", range(5))
def test_a_bad_sector_is_an_error_or_a_warning(kind: str, seed: int) -> None:
    data = bytearray(compressed(kind))
    offsets, counts = strips_of(bytes(data))
    rng = np.random.default_rng(seed)
    strip = int(rng.integers(len(offsets)))
    start = offsets[strip] + counts[strip] // 4
    data[start : offsets[strip] + counts[strip]] = bytes(counts[strip] - counts[strip] // 4)
    try:
        photo = read_photo(bytes(data))
    except ImageError:
        return
    assert any("damaged" in warning for warning in photo.warnings)


@pytest.mark.parametrize("width", [1, 7, 44, 45])
@pytest.mark.parametrize("rows", [1, 3, 30])
def test_lzw_of_odd_and_even_numbers_of_bytes_is_unpacked(width: int, rows: int) -> None:
    pixels = np.ascontiguousarray(
        pictures.grey()[:, -width:] // 2 + np.arange(30, dtype=np.uint8)[:, None]
    )
    data = pictures.encode(pixels, "TIFF", compression="tiff_lzw", tiffinfo={278: rows})
    np.testing.assert_array_equal(read_photo(data).pixels, pixels)
    if rows * width > 8:
        error_of(with_tag(data, 279, strips_of(data)[1][0] // 2))


def test_a_large_strip_of_lzw_is_unpacked() -> None:
    pixels = np.tile(np.arange(251, dtype=np.uint8), 2 * 4177).reshape(251, -1)[:, :8353]
    data = pictures.encode(pixels, "TIFF", compression="tiff_lzw", tiffinfo={278: 251})
    assert pixels.size % 2
    assert pixels.size > 1 << 20
    np.testing.assert_array_equal(read_photo(data).pixels, pixels)


@pytest.mark.parametrize("compression", ["zlib", None])
def test_a_tile_of_absurd_size_is_refused_before_memory_is_taken(compression: str | None) -> None:
    data = pictures.tiff(pictures.grey(), tile=(16, 16), compression=compression)
    assert "megapixels" in error_of(with_tag(with_tag(data, 322, 65_520), 323, 65_520))


@pytest.mark.parametrize("compression", [1, 5, 7, 8])
@pytest.mark.parametrize("is_planar", [False, True])
def test_tiles_and_planes_of_every_kind_are_put_together(compression: int, is_planar: bool) -> None:
    # 16 x 32 pixels each, which reach over the picture's right and lower edge.
    padded = np.pad(pictures.color(), ((0, 2), (0, 20), (0, 0)), mode="edge")
    planes = [padded[..., i] for i in range(3)] if is_planar else [padded]
    corners = [(top, left) for top in (0, 16) for left in (0, 32)]
    tiles = [plane[y : y + 16, x : x + 32] for plane in planes for y, x in corners]
    meaning = 6 if compression == JPEG and not is_planar else 2
    layout = {277: 3, 278: None, 284: 1 + is_planar, 322: 32, 323: 16}
    tags = {258: [8] * 3, 259: compression, 262: meaning, **layout}
    photo = read_photo(tiff_of([tile_bytes(tile, compression) for tile in tiles], tags))
    tolerance = 6 if compression == JPEG else 0
    assert np.abs(photo.pixels.astype(int) - pictures.color()).max() <= tolerance


def tile_bytes(tile: np.ndarray, compression: int) -> bytes:
    plain = np.ascontiguousarray(tile)
    if compression == JPEG:
        return pictures.encode(plain, "JPEG", quality=100, subsampling=0)
    if compression == 5:
        rows = plain.reshape(len(plain), -1)
        data = pictures.encode(rows, "TIFF", compression="tiff_lzw", tiffinfo={278: len(rows)})
        (offset,), (count,) = strips_of(data)
        return data[offset : offset + count]
    return zlib.compress(plain.tobytes()) if compression == 8 else plain.tobytes()
