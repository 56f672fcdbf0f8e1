"""What one file may take, in pixels and memory, reckoned from its header before it is decoded.

A file of a few kilobytes can state a picture of a terabyte. The limits are the whole process's, as
its memory is.
"""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import ImageError

_MEGA, _GIGA = 1_000_000, 1 << 30
MOST_PIXELS = 1 << 30  # to which the limit can be raised: OpenCV takes no more
# While a photo is decoded and coloured its file is held twice, and its pixels, as RGB, some four
# times: as decoded, as kept, as coloured, and on the way between these.
_COPIES_OF_FILE, _COPIES_OF_PIXELS = 2, 4
# A file may hold so many times what its pictures take, and a share of the memory allowed, such as
# the layers or the film that come with a photo.
_MOST_PADDING, _FREE_SHARE = 8, 16
_CHANNELS = 3  # that a picture has once it is coloured


@dataclass(frozen=True)
class Limits:
    """How much a photo may take."""

    pixels: int = 1 << 28  # 268 megapixels: 16,384 squared; three 16-bit channels are 1.6 GB
    memory: int = 16 * _GIGA  # bytes, those of the file, its decoded pixels and its colouring


@dataclass(frozen=True)
class Header:
    """What a file says of its largest picture, and of all of them together."""

    width: int
    height: int
    sample_bytes: int = 1  # of a number, 1 to 8
    channels: int = _CHANNELS
    all_pixels: int = 0  # of all pages; those of the one where there is one
    is_preview: bool = False  # of a larger picture elsewhere in the file, as in a raw file

    @property
    def pixels(self) -> int:
        """The pixels of the largest picture."""
        return self.width * self.height


_limits = [Limits()]


@contextmanager
def limited_to(limits: Limits) -> Iterator[None]:
    """Let these limits hold in the whole process, until the block ends."""
    before, _limits[0] = _limits[0], limits
    try:
        yield
    finally:
        _limits[0] = before


def check_size(
    width: int, height: int, *, sample_bytes: int = 1, channels: int = _CHANNELS
) -> None:
    """Raise ImageError for a picture without pixels, or of more than the limits allow."""
    most = min(_limits[0].pixels, MOST_PIXELS)
    if width <= 0 or height <= 0:
        raise ImageError(f"the picture has no pixels ({width} x {height})")
    if width * height > most:
        raise ImageError(
            f"{width} x {height} is {_told(width * height / _MEGA)} megapixels; up to "
            f"{_told(most / _MEGA)} can be read: make it smaller, cut it into parts, or raise "
            "--max-megapixels"
        )
    _check_memory(memory_of(Header(width, height, sample_bytes, channels), 0))


def memory_of(header: Header | None, file_bytes: int) -> int:
    """Reckon the bytes of memory that a photo takes at most; by its file alone without a header."""
    pixels = header.pixels * max(header.channels, _CHANNELS) * header.sample_bytes if header else 0
    return _COPIES_OF_FILE * file_bytes + _COPIES_OF_PIXELS * pixels


def check_budget(header: Header | None, file_bytes: int) -> int:
    """Return `memory_of` a photo, where it is within the limits; ImageError says why it is not."""
    if header is not None:
        check_size(header.width, header.height)
    most, needed = _limits[0].memory, memory_of(header, file_bytes)
    _check_memory(needed)
    if header is not None and not header.is_preview:
        samples = max(header.all_pixels, header.pixels) * header.channels * header.sample_bytes
        if file_bytes > most // _FREE_SHARE + _MOST_PADDING * samples:
            raise ImageError(
                f"the file has {_told(file_bytes / _GIGA)} GB, far more than its picture of "
                f"{header.width} x {header.height} needs: save it anew, or raise --max-memory"
            )
    return needed


def _check_memory(needed: int) -> None:
    if needed > (most := _limits[0].memory):
        raise ImageError(
            f"the photo would take {_told(needed / _GIGA)} GB of memory, and {_told(most / _GIGA)} "
            "are allowed: make it smaller, cut it into parts, or raise --max-memory"
        )


def default_memory(physical: int | None) -> int:
    """Choose the limit for a machine with so many bytes of memory, None where it is not known."""
    usual = Limits().memory
    return usual if physical is None else min(usual, physical * 3 // 4)


def _told(number: float) -> str:
    """Write a number with two digits that count, large ones in full."""
    if number >= 100 or not math.isfinite(number) or number > sys.maxsize:
        return f"{number:,.0f}"
    return f"{number:.2g}" if number < 10 else f"{number:.0f}"
