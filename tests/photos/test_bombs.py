"""Small files made to fill the memory: each is refused, or read, within a bound on its peak."""

import io
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made import carriers, pictures, tiffs
from made.peaks import peak_megabytes

from colorize_cli.errors import ImageError
from colorize_cli.photos.formats import FORMATS
from colorize_cli.photos.limits import (
    Header,
    Limits,
    check_budget,
    default_memory,
    limited_to,
    memory_of,
)
from colorize_cli.photos.read import measure, read_pages, read_photo

MEGABYTE = 1 << 20
CORPUS = pictures.corpus()


def in_a_tiff(strip: bytes, compression: int) -> bytes:
    """A TIFF of 8 x 8 with one strip."""
    return tiffs.tiff_of([strip], {256: 8, 257: 8, 258: 8, 259: compression, 262: 1, 278: 8})


def deflate_in_tiff() -> bytes:
    return in_a_tiff(zlib.compress(bytes(96 * MEGABYTE), 9), 8)


def lzma_in_tiff() -> bytes:
    return in_a_tiff(lzma.compress(bytes(96 * MEGABYTE), preset=0), 34925)


def texts_in_png() -> bytes:
    text = b"Comment\0\0" + zlib.compress(bytes(b"x" * (15 * MEGABYTE)), 9)
    chunks = pictures.chunk(b"zTXt", text) * 100
    data = pictures.encode(pictures.grey(), "PNG")
    return data[:33] + chunks + data[33:]


def profile_in_png() -> bytes:
    profile = b"icc\0\0" + zlib.compress(bytes(128 * MEGABYTE), 6)
    data = pictures.encode(pictures.grey(), "PNG")
    return data[:33] + pictures.chunk(b"iCCP", profile) + data[33:]


def entries_over_the_same_bytes() -> bytes:
    """EXIF of 4,000 entries, each of which is said to be the whole of a megabyte."""
    entries = b"".join(struct.pack("<HHII", 0xC000 + i % 4000, 7, MEGABYTE, 8) for i in range(4000))
    block = b"II*\0" + struct.pack("<IH", 8, 4000) + entries + bytes(4)
    block = block.ljust(MEGABYTE + 16, b"\0")
    data = pictures.encode(pictures.grey(), "PNG")
    return data[:33] + pictures.chunk(b"eXIf", block) + data[33:]


def directories_in_one_another() -> bytes:
    """EXIF whose 4,000 sub-directories are one, of a megabyte."""
    inner = struct.pack("<HHHII", 1, 0x9286, 7, MEGABYTE, 8) + bytes(4)
    entries = struct.pack("<HHII", 0x8769, 4, 1, 50_000) * 4000
    block = (b"II*\0" + struct.pack("<IH", 8, 4000) + entries + bytes(4)).ljust(50_000, b"\0")
    block = (block + inner).ljust(MEGABYTE + 60_000, b"\0")
    data = pictures.encode(pictures.grey(), "PNG")
    return data[:33] + pictures.chunk(b"eXIf", block) + data[33:]


def tag_of_many_numbers() -> bytes:
    numbers = bytes(4 * 12_000_000)
    return tiffs.tiff_of(
        [bytes(64)], {256: 8, 257: 8, 258: 8, 262: 1, 279: (4, 12_000_000, numbers)}
    )


def many_chunks() -> bytes:
    data = pictures.encode(pictures.grey(), "PNG")
    return data[:33] + pictures.chunk(b"teSt", b"") * 1_000_000 + data[33:]


def many_segments() -> bytes:
    data = pictures.encode(pictures.grey(), "JPEG")
    return data[:2] + b"\xff\xfe\0\2" * 3_000_000 + data[2:]


def many_pictures() -> bytes:
    return b"P5 1 1 255\n?" * 1_000_000


def fax_of_no_length() -> bytes:
    """White and black runs of no length, over and over, in one row."""
    codes = ("00110101" + "0000110111") * 4
    bits = int(codes, 2).to_bytes(9, "big") * 1_000_000
    return tiffs.tiff_of([bits], {256: 100, 257: 8, 258: 1, 259: 2, 262: 0, 278: 8})


# What it is, how much it may add to the peak in MB, and what is said of it.
BOMBS: list[tuple[Callable[[], bytes], int, str]] = [
    (deflate_in_tiff, 60, ""),
    (lzma_in_tiff, 60, ""),
    (texts_in_png, 330, "texts were dropped"),
    (profile_in_png, 100, ""),
    (entries_over_the_same_bytes, 60, "share their bytes"),
    (directories_in_one_another, 60, ""),
    (tag_of_many_numbers, 150, "tag 279 is of 12,000,000 numbers"),
    (many_chunks, 60, "more pieces than any picture"),
    (many_segments, 60, "more scans or segments"),
    (many_pictures, 60, "more than 1,000 pictures"),
    (fax_of_no_length, 90, "damaged"),
]


@pytest.mark.parametrize(("bomb", "most", "said"), BOMBS, ids=[bomb.__name__ for bomb, *_ in BOMBS])
def test_a_bomb_takes_little_memory(
    bomb: Callable[[], bytes], most: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(bomb())
    peak, told = peak_megabytes("read_photo", path)
    assert said in told
    assert peak < most


def progressive(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    data = pictures.encode(pictures.grey(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * scans + b"\xff\xd9"


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    assert "more scans" in carriers.error_of(progressive(3000))


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_every_format_is_measured_by_its_header(picture: pictures.Picture) -> None:
    header = FORMATS[picture.format].measure(io.BytesIO(picture.data))
    assert header is not None
    assert sorted((header.height, header.width)) == sorted(picture.pixels.shape[:2])
    assert header.sample_bytes >= picture.pixels.itemsize
    assert memory_of(header, len(picture.data)) >= picture.pixels.nbytes


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "bmp"])
def test_a_photo_over_the_limits_is_refused_before_it_is_decoded(format: str) -> None:
    data = carriers.enlarged(format, 10_000)
    with pytest.raises(ImageError, match="raise --max-memory"), limited_to(Limits(memory=1 << 28)):
        read_photo(data)
    with pytest.raises(ImageError, match="raise --max-megapixels"), limited_to(Limits(1 << 26)):
        read_photo(data)


def test_the_limits_can_be_raised_and_end_with_their_block() -> None:
    header = Header(20_000, 20_000, 2)
    with pytest.raises(ImageError, match="400 megapixels; up to 268"):
        check_budget(header, 1000)
    with limited_to(Limits(1 << 29, 1 << 40)):
        assert check_budget(header, 1000) > 4 * 20_000 * 20_000 * 2
    with pytest.raises(ImageError, match="megapixels"):
        check_budget(header, 1000)


def test_a_large_file_with_a_small_first_page_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "small.tif"
    path.write_bytes(pictures.tiff(pictures.grey()))
    with path.open("r+b") as file:
        file.truncate(5 << 30)  # sparse: it takes no place on the disk
        with pytest.raises(ImageError, match="far more than its picture of 44 x 30"):
            measure(file, 5 << 30)


def test_pages_of_a_file_may_add_up() -> None:
    data = pictures.tiff(np.zeros((40, 200, 200), np.uint8), photometric="minisblack")
    header = FORMATS["tiff"].measure(io.BytesIO(data))
    assert header is not None
    assert (header.pixels, header.all_pixels) == (40_000, 40 * 40_000)
    with limited_to(Limits(memory=1 << 22)):
        check_budget(header, len(data))


def test_a_chain_of_pages_that_bites_its_tail_is_measured() -> None:
    data = bytearray(pictures.tiff(pictures.grey()))
    first = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    assert FORMATS["tiff"].measure(io.BytesIO(data)) is not None


def test_the_limit_follows_the_memory_of_the_machine() -> None:
    assert default_memory(None) == default_memory(1 << 40) == Limits().memory
    assert default_memory(8 << 30) == 6 << 30


@pytest.mark.parametrize("shape", [(1, 20_000), (1, 1_000_000), (1_000_000, 1)])
def test_a_strip_of_a_photo_takes_no_more_than_a_photo(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "strip.tif"
    path.write_bytes(pictures.tiff(np.zeros(shape, np.uint8), photometric="minisblack"))
    peak, told = peak_megabytes("prepare", path)
    assert peak < 300
    assert f"{(*shape, 3)}" in told


@pytest.mark.parametrize("tag", [(50_706, 1, 4, b"\1\4\0\0"), (262, 3, 1, 32_803)])
def test_a_raw_file_is_not_judged_by_its_preview(tag: tuple[int, int, int, object]) -> None:
    options: dict[str, object] = {"photometric": 32_803} if tag[0] == 262 else {"extratags": [tag]}
    data = pictures.tiff(pictures.grey(), **options)
    with limited_to(Limits(memory=1 << 26)):
        assert measure(io.BytesIO(data), 20 << 20) > 40 << 20
        with pytest.raises(ImageError, match="far more than its picture"):
            measure(io.BytesIO(pictures.tiff(pictures.grey())), 20 << 20)


def test_later_pictures_are_held_against_the_memory_too() -> None:
    several = b"P5 4 4 255\n" + bytes(16) + b"P6 2000 2000 65535\n" + bytes(12_000)
    with limited_to(Limits(memory=1 << 26)), pytest.raises(ImageError, match="--max-memory"):
        list(read_pages(several))
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.zeros((101, 100), np.uint8), photometric="minisblack")
        deep = np.zeros((100, 100, 12), np.float64)
        writer.write(deep, photometric="minisblack", planarconfig="contig")
    header = FORMATS["tiff"].measure(stream)
    assert header is not None
    assert (header.height, header.channels, header.sample_bytes) == (100, 12, 8)


def test_a_tiff_of_signed_sides_is_measured() -> None:
    data = bytearray(pictures.tiff(pictures.grey()))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        tags = tif.pages.first.tags
        for code, side in ((256, pictures.WIDTH), (257, pictures.HEIGHT)):
            struct.pack_into("<HIi", data, tags[code].offset + 2, 9, 1, side)
    header = FORMATS["tiff"].measure(io.BytesIO(data))
    assert header is not None
    assert (header.width, header.height) == (pictures.WIDTH, pictures.HEIGHT)
