"""PFM, portable float map: grey or RGB in floating point, the lowest row first.

Source: netpbm's pfm(5). The size of its scale, which is 1 nearly everywhere, is not looked at.
"""

import math
import re
from collections.abc import Iterator

import numpy as np

from ...errors import ImageError
from ..headers import of_pfm
from ..metadata import Metadata
from ..wide import Wide, widened
from .format import TRUNCATED, Format, Page, check_size

_START = rb"P[Ff]\s+\d+\s+\d+\s+[-+\d.]"
# Grey (f) or colour, width, height, and a number whose sign is the order of bytes.
_HEADER = re.compile(rb"P([Ff])\s+(\d{1,10})\s+(\d{1,10})\s+([-+]?[\d.]{1,20}(?:[eE][-+]?\d+)?)\s")


def _read_pages(data: bytes) -> Iterator[Page]:
    header = _HEADER.match(data)
    if header is None:
        raise ImageError("the header of the PFM file is cut off or damaged")
    width, height = map(int, header.group(2, 3))
    check_size(width, height, sample_bytes=4)
    shape = (height, width, 3) if header[1] == b"F" else (height, width)
    kind = "<f4" if header[4].startswith(b"-") else ">f4"
    if (len(data) - header.end()) // 4 < math.prod(shape[1:]):  # not even a row
        raise ImageError(TRUNCATED)
    samples = np.full(math.prod(shape), 0.5, np.float32)
    found = np.frombuffer(
        data, kind, min((len(data) - header.end()) // 4, samples.size), header.end()
    )
    samples[: found.size] = found
    pixels = np.ascontiguousarray(samples.reshape(shape)[::-1])
    yield Page(pixels, None, Metadata(), damage=TRUNCATED if found.size < samples.size else None)


def _write(page: Page) -> bytes:
    height, width = page.pixels.shape[:2]
    wide = Wide("float32", page.wide.white if page.wide else 1.0)
    pixels = page.pixels if page.pixels.dtype == np.uint16 else page.pixels.astype(np.uint16) * 257
    samples = widened(pixels, wide)[::-1].astype("<f4")
    return f"PF\n{width} {height}\n-1.0\n".encode() + samples.tobytes()


PFM = Format(
    "PFM",
    (".pfm",),
    _START,
    _read_pages,
    _write,
    holds={},
    has_alpha=False,
    is_deep=True,
    is_wide=True,
    measure=of_pfm,
)
