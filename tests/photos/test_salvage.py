"""Damaged and truncated files: an error, never grey in silence; what is left can be salvaged."""

import io
import struct

import numpy as np
import pytest
import tifffile
from made import pictures
from made.carriers import error_of, named
from made.kinds import Kind, picture
from made.tiffs import strips_of, tiff_of

from colorize_cli.errors import ImageError
from colorize_cli.photos.read import read_pages, read_photo

CUTTABLE = [
    Kind("jpeg", "grey", "8"),
    Kind("png", "grey", "8"),
    Kind("png", "rgb-alpha", "16"),
    Kind("png", "grey", "1"),
    Kind("png", "palette", "4"),
    Kind("bmp", "rgb", "8"),
    Kind("pnm", "grey", "16"),
    Kind("pnm", "rgb", "8"),
    Kind("pfm", "grey", "32f"),
]


@pytest.mark.parametrize("kind", CUTTABLE, ids=str)
def test_half_a_file_is_an_error_and_gives_half_the_picture_when_salvaged(kind: Kind) -> None:
    data = picture(kind).data
    half = data[: len(data) * 2 // 3]
    message = error_of(half)
    assert "truncated" in message
    assert "--salvage" in message
    whole, photo = read_photo(data), read_photo(half, salvages=True)
    assert photo.warnings[0].startswith("salvaged: the file is truncated")
    assert photo.pixels.shape == whole.pixels.shape
    assert photo.pixels.dtype == whole.pixels.dtype
    is_same = (photo.pixels == whole.pixels).reshape(len(whole.pixels), -1).all(axis=1)
    from_above = is_same[::-1] if kind.format in ("bmp", "pfm") else is_same
    assert from_above[:8].all()
    assert not from_above[-1]


@pytest.mark.parametrize("compression", ["zlib", "packbits", "lzma", "tiff_lzw"])
def test_a_strip_that_is_damaged_costs_itself_alone(compression: str) -> None:
    if compression == "tiff_lzw":
        tags = {278: 10}
        whole = pictures.encode(pictures.grey(), "TIFF", compression=compression, tiffinfo=tags)
    else:
        whole = pictures.tiff(pictures.grey(), compression=compression, rowsperstrip=10)
    data = bytearray(whole)
    offsets, counts = strips_of(whole)
    assert len(offsets) == 3
    data[offsets[1] : offsets[1] + counts[1]] = b"\x80" * counts[1]
    assert "damaged" in error_of(bytes(data))
    photo = read_photo(bytes(data), salvages=True)
    np.testing.assert_array_equal(photo.pixels[:10], pictures.grey()[:10])
    np.testing.assert_array_equal(photo.pixels[20:], pictures.grey()[20:])
    assert np.unique(photo.pixels[10:20]).tolist() == [128]


def test_strips_behind_the_end_of_an_uncompressed_tiff_are_missing() -> None:
    rows = [pictures.grey()[i : i + 10].tobytes() for i in (0, 10, 20)]
    data = bytearray(tiff_of(rows, {258: 8, 262: 1, 278: 10}))
    (place,) = (i for i in strips_of(bytes(data))[0][2:])
    moved = bytes(data).replace(struct.pack("<I", place), struct.pack("<I", len(data) - 100))
    assert "truncated" in error_of(moved)
    photo = read_photo(moved, salvages=True)
    np.testing.assert_array_equal(photo.pixels[:20], pictures.grey()[:20])
    assert np.unique(photo.pixels[-5:]).tolist() == [128]


def test_rows_ahead_of_the_damage_in_a_single_strip_are_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), dtype=np.uint8)
    data = bytearray(pictures.tiff(noise, compression="zlib", rowsperstrip=400, predictor=True))
    (offset,), (count,) = strips_of(bytes(data))
    data[offset + count // 2 : offset + count // 2 + 40] = bytes(40)
    assert "damaged" in error_of(bytes(data))
    photo = read_photo(bytes(data), salvages=True)
    np.testing.assert_array_equal(photo.pixels[:150], noise[:150])
    assert np.unique(photo.pixels[-1]).tolist() == [128]


def test_a_png_with_a_wrong_checksum_is_an_error_and_keeps_what_can_be_inflated() -> None:
    rows = [row.tobytes() for row in np.random.default_rng(0).integers(0, 256, (90, 80), np.uint8)]
    data = bytearray(pictures.png(rows, 8, 0, 80))
    whole = read_photo(bytes(data))
    place = data.index(b"IDAT") + 3000
    data[place : place + 90] = bytes(90)
    assert "checksum of IDAT" in error_of(bytes(data))
    photo = read_photo(bytes(data), salvages=True)
    np.testing.assert_array_equal(photo.pixels[:30], whole.pixels[:30])


@pytest.mark.parametrize("name", ["webp-rgb", "bmp-grey", "tiff-1bit-fax", "tiff-grey-packbits"])
def test_what_decodes_in_no_part_fails_when_salvaged_too(name: str) -> None:
    data = named(name).data
    with pytest.raises(ImageError):
        read_photo(data[:40], salvages=True)


def test_only_a_damaged_page_is_blank_when_salvaged(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(2):
            writer.write(pictures.grey(), photometric="minisblack")
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        place = tif.pages[1].tags[262].valueoffset  # type: ignore[union-attr]
    data[place : place + 2] = struct.pack("<H", 32_844)  # LogL
    with pytest.raises(ImageError, match="not supported"):
        list(read_pages(bytes(data), salvages=True))

    def without_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("colorize_cli.photos.formats.tiff.read.read_samples", without_memory)
    with pytest.raises(MemoryError):
        list(read_pages(stream.getvalue(), salvages=True))


def test_a_whole_file_is_the_same_whether_salvaged_or_not() -> None:
    for made in pictures.corpus():
        plain, salvaged = read_photo(made.data), read_photo(made.data, salvages=True)
        np.testing.assert_array_equal(plain.pixels, salvaged.pixels)
        assert plain.warnings == salvaged.warnings


@pytest.mark.parametrize(("bits", "level"), [(1, 255), (2, 170), (4, 136), (8, 128)])
def test_what_is_missing_of_a_png_is_of_one_grey(bits: int, level: int) -> None:
    noise = np.random.default_rng(bits).integers(0, 256, (90, 80), np.uint8)
    data = pictures.png([row.tobytes() for row in noise], bits, 0, 640 // bits)
    photo = read_photo(data[: len(data) // 2], salvages=True)
    assert np.unique(photo.pixels[-1]).tolist() == [level]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [4, 6])
def test_what_is_missing_of_a_png_is_opaque(bits: int, kind: int) -> None:
    channels = {4: 2, 6: 4}[kind]
    noise = np.random.default_rng(bits).integers(0, 256, (90, 80 * channels * bits // 8), np.uint8)
    data = pictures.png([row.tobytes() for row in noise], bits, kind, 80)
    photo = read_photo(data[: len(data) // 2], salvages=True)
    assert photo.alpha is not None
    assert np.unique(photo.alpha[-1]).tolist() == [(1 << bits) - 1]
