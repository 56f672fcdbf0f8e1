"""PGM and PPM, binary and plain, with 8 and 16 bits.

OpenCV stretches no maxval but those below 255 of plain files, and knows neither comments nor
further pictures.

Source: netpbm's pgm(5) and ppm(5).
"""

import math
import os
import re
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

import numpy as np

from ...errors import ImageError
from ...imaging.bit_depth import full_range
from ...imaging.lab import Pixels
from ..headers import of_pnm
from ..metadata import Metadata, comment_lines
from .format import TRUNCATED, Format, Page, any_size, check_size

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
# Plain (2, 3) or binary (5, 6), in grey (2, 5) or colour; then width, height and maxval.
_HEADER = re.compile(rb"P([2356])" + (_GAP + rb"(\d{1,10})") * 3 + rb"\s")
_MOST_PICTURES = 1000  # of a file: each of them, though of a pixel, is coloured
_COMMENT = re.compile(rb"#([^\r\n]*)")
# "P5" alone begins many a text.
_START = rb"P[2356](?:\s*#|\s+\d+\s+[\d#])"


def _read_pages(data: bytes) -> Iterator[Page]:
    headers = list(islice(_headers(data), _MOST_PICTURES + 1))
    if len(headers) > _MOST_PICTURES:
        raise ImageError(f"the file has more than {_MOST_PICTURES:,} pictures: cut it into parts")
    if not headers:
        raise ImageError("the header of the PGM or PPM file is cut off or damaged")
    for header in headers:
        pixels, damage = _pixels(header, data)
        yield Page(pixels, None, _metadata(header), pages=len(headers), damage=damage)


def _headers(data: bytes) -> Iterator[re.Match[bytes]]:
    """Find the headers; only after a binary picture may there be another."""
    position = 0
    while header := _HEADER.match(data, position):
        yield header
        if header[1] in b"23":
            return
        shape, kind, _ = _layout(header)
        position = header.end() + math.prod(shape) * kind.itemsize


def _layout(header: re.Match[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return the shape, the type of binary samples and the level of white."""
    width, height, top = map(int, header.group(2, 3, 4))
    shape = (height, width, 3) if header[1] in b"36" else (height, width)
    return shape, np.dtype(np.uint8 if top < 256 else ">u2"), top


def _pixels(header: re.Match[bytes], data: bytes) -> tuple[Pixels, str | None]:
    """Return the pixels, and what is damaged; those that are missing at the end are grey."""
    shape, kind, top = _layout(header)
    check_size(shape[1], shape[0], sample_bytes=kind.itemsize)
    if not 1 <= top <= 65_535:
        raise ImageError(f"the file is damaged (a maxval of {top})")
    count, start, binary = math.prod(shape), header.end(), header[1] in b"56"
    if binary:
        there = min((len(data) - start) // kind.itemsize, count)
        samples = np.frombuffer(data, kind, there, start)
    else:
        samples = _plain(data[start:])[:count]
    damage = TRUNCATED if samples.size < count else None
    if samples.size < math.prod(shape[1:]):  # not even a row
        raise ImageError(TRUNCATED)
    if damage:
        samples = np.append(samples, np.full(count - samples.size, (top + 1) // 2, kind))
    # Levels above white are damage. The copy can be written to, as the file's bytes cannot.
    return full_range(np.minimum(samples, top).reshape(shape), top), damage


def _plain(text: bytes) -> Pixels:
    """Read decimal numbers up to the first word that is none."""
    digits = re.match(rb"[\d\s]*", _COMMENT.sub(b"", text))
    return np.fromstring(digits[0] if digits else b"", np.float64, sep=" ")


def _metadata(header: re.Match[bytes]) -> Metadata:
    lines = (
        line.strip().decode("utf-8", "surrogateescape") for line in _COMMENT.findall(header[0])
    )
    return Metadata(comments=tuple(("Comment", line) for line in lines if line))


def _write(page: Page) -> bytes:
    height, width = page.pixels.shape[:2]
    deep = page.pixels.dtype == np.uint16
    lines = [line for text in comment_lines(page.metadata) for line in text.splitlines()]
    head = b"P6\n" + b"".join(b"# " + line + b"\n" for line in lines)
    head += f"{width} {height}\n{65_535 if deep else 255}\n".encode()
    return head + page.pixels.astype(">u2" if deep else np.uint8, copy=False).tobytes()


def _append(file: IO[bytes], data: bytes) -> None:
    file.seek(0, os.SEEK_END)
    file.write(data)


PNM = Format(
    "PGM/PPM",
    (".ppm", ".pgm", ".pnm"),
    _START,
    _read_pages,
    _write,
    holds=any_size("comments"),
    grey_suffixes=(".pgm",),  # of which the colouring is a .ppm
    has_alpha=False,
    is_deep=True,
    append=_append,
    measure=of_pnm,
)
