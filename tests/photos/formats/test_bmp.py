import struct

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
