import numpy as np
import pytest

from colorize_cli.imaging.bit_depth import eight_bits, full_range


def test_every_16_bit_level_becomes_the_nearest_of_256() -> None:
    levels = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(eight_bits(levels), np.rint(levels / 257).astype(np.uint8))
    np.testing.assert_array_equal(eight_bits(np.dstack([levels] * 3))[..., 2], eight_bits(levels))


def test_8_bits_stay_the_same_array() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert eight_bits(levels) is levels


@pytest.mark.parametrize("top", [1, 3, 15, 100, 255, 256, 1023, 4095, 65_535])
def test_black_stays_black_and_the_top_becomes_white(top: int) -> None:
    samples = np.arange(top + 1, dtype=np.uint16)
    stretched = full_range(samples, top)
    assert stretched.dtype == (np.uint8 if top <= 255 else np.uint16)
    most = np.iinfo(stretched.dtype).max
    assert (stretched[0], stretched[-1]) == (0, most)
    assert np.abs(stretched - samples * (most / top)).max() < 1


def test_bits_and_foreign_byte_orders_become_native_numbers() -> None:
    assert full_range(np.array([False, True]), 1).tolist() == [0, 255]
    stretched = full_range(np.array([1, 258, 4095], ">u2"), 4095)
    assert stretched.dtype == np.dtype(np.uint16)
    assert stretched.tolist() == [16, 4128, 65_535]
