import struct
from itertools import pairwise

import numpy as np
import pytest
from made import pictures
from made.carriers import error_of

from colorize_cli.photos.read import read_photo

BYTES = (0xFF0000, 0xFF00, 0xFF)  # red, green and blue of 32 bits


def bmp(
    words: np.ndarray, *, header: int = 40, compression: int = 3, masks: tuple[int, ...] = ()
) -> bytes:
    """A BMP of rows of 16- or 32-bit words that run downwards, with masks behind its header."""
    height, width = words.shape
    bits = 8 * words.itemsize
    head = struct.pack("<IiiHH", header, width, -height, 1, bits)
    head += struct.pack("<IIiiII", compression, words.nbytes, 0, 0, 0, 0)
    head += struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(header, b"\0")
    start = 14 + len(head)
    content = words.astype(f"<u{words.itemsize}").tobytes()
    return b"BM" + struct.pack("<IHHI", start + len(content), 0, 0, start) + head + content


def packed(channels: np.ndarray, shifts: tuple[int, ...], kind: type) -> np.ndarray:
    planes = channels.astype(np.uint32)
    return sum(planes[..., i] << shift for i, shift in enumerate(shifts)).astype(kind)


@pytest.mark.parametrize("filler", [0, 1, 255])
@pytest.mark.parametrize(
    ("header", "compression", "masks"),
    [(40, 0, ()), (40, 3, BYTES), (52, 3, BYTES), (56, 3, (*BYTES, 0)), (124, 3, (*BYTES, 0))],
)
def test_a_byte_without_a_mask_is_filler_and_no_alpha(
    header: int, compression: int, masks: tuple[int, ...], filler: int
) -> None:
    channels = np.dstack([pictures.color(), np.full_like(pictures.grey(), filler)])
    words = packed(channels, (16, 8, 0, 24), np.uint32)
    photo = read_photo(bmp(words, header=header, compression=compression, masks=masks))
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, pictures.color())


@pytest.mark.parametrize(("header", "compression"), [(40, 6), (56, 3), (108, 3), (124, 3)])
def test_a_byte_with_a_mask_is_alpha(header: int, compression: int) -> None:
    channels = np.dstack([pictures.color(), pictures.alpha()])
    words = packed(channels, (0, 8, 16, 24), np.uint32)
    masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    photo = read_photo(bmp(words, header=header, compression=compression, masks=masks))
    np.testing.assert_array_equal(photo.pixels, pictures.color())
    np.testing.assert_array_equal(photo.alpha, pictures.alpha())


@pytest.mark.parametrize(
    ("compression", "masks", "shifts", "bits"),
    [
        (0, (), (10, 5, 0), (5, 5, 5)),
        (3, (0x7C00, 0x3E0, 0x1F), (10, 5, 0), (5, 5, 5)),
        (3, (0xF800, 0x7E0, 0x1F), (11, 5, 0), (5, 6, 5)),
    ],
)
def test_sixteen_bits_reach_from_black_to_white(
    compression: int, masks: tuple[int, ...], shifts: tuple[int, ...], bits: tuple[int, ...]
) -> None:
    levels = np.dstack([pictures.grey() >> (8 - n) for n in bits])
    photo = read_photo(bmp(packed(levels, shifts, np.uint16), compression=compression, masks=masks))
    assert photo.pixels.max() == 255
    assert photo.pixels.min() == 0
    tops = np.array([(1 << n) - 1 for n in bits])
    expected = levels.astype(int) * 255 // tops
    expected = expected[..., 0] if (expected == expected[..., :1]).all() else expected
    np.testing.assert_array_equal(photo.pixels, expected)


@pytest.mark.parametrize("mask", [0, 0x3FF, 0xF0F])
def test_masks_that_are_no_channel_of_eight_bits_are_refused(mask: int) -> None:
    words = np.zeros((3, 4), np.uint32)
    assert "mask" in error_of(bmp(words, masks=(0xFF0000, 0xFF00, mask)))


def test_rows_that_are_cut_off_are_an_error() -> None:
    whole = bmp(np.zeros((3, 4), np.uint32), compression=0)
    assert "truncated" in error_of(whole[:-4])


def run_lengths(levels: np.ndarray, bits: int, *, absolute: bool) -> bytes:
    """Pack a picture of few levels, the lowest row first, as runs or as stretches of pixels."""
    body = b""
    for row in levels[::-1]:
        changes = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
        if absolute:
            stretch = (
                row if bits == 8 else (row[::2] << 4 | np.append(row[1::2], [0])[: len(row[::2])])
            )
            content = stretch.astype(np.uint8).tobytes()
            body += bytes([0, len(row)]) + content + b"\0" * (len(content) % 2)
        else:
            for start, end in pairwise(changes):
                level = int(row[start])
                body += bytes([end - start, level if bits == 8 else level << 4 | level])
        body += b"\0\0"
    return body[:-2] + b"\0\1"


def bmp_of_runs(body: bytes, bits: int) -> bytes:
    palette = b"".join(bytes([i * 16, i * 8, i * 4, 0]) for i in range(16))
    head = struct.pack("<IiiHH", 40, pictures.WIDTH, pictures.HEIGHT, 1, bits)
    head += struct.pack("<IIiiII", {8: 1, 4: 2}[bits], len(body), 0, 0, 16, 0) + palette
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("absolute", [False, True])
def test_run_lengths_are_written_out(bits: int, absolute: bool) -> None:
    levels = pictures.grey(4)
    photo = read_photo(bmp_of_runs(run_lengths(levels, bits, absolute=absolute), bits))
    np.testing.assert_array_equal(photo.pixels, levels[..., None] * np.array([4, 8, 16], np.uint8))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("absolute", [False, True])
def test_run_lengths_that_end_early_or_are_damaged_are_never_filled(
    bits: int, absolute: bool
) -> None:
    body = run_lengths(pictures.grey(4), bits, absolute=absolute)
    middle = len(body) // 4 * 2
    for spoiled in (
        body[:middle] + b"\0\1",
        body[:middle],
        body[:middle] + bytes(40) + body[middle + 40 :],
        body[:middle] + b"\0\2\1\1" + body[middle + 4 :],
        body[:middle] + b"\xff\xff" + body[middle + 2 :],
    ):
        message = error_of(bmp_of_runs(spoiled, bits))
        assert "damaged" in message or "lacks a part" in message
