"""Boxes, of which JPEG 2000, HEIF and JPEG XL files are made.

Source: ISO/IEC 14496-12, 4.2.
"""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

from ....errors import ImageError
from ..format import TRUNCATED

_MOST = 10_000  # boxes that are looked at
_MOST_AHEAD = 1000  # of one that is looked for


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give types and contents of the boxes that follow one another; ImageError if cut off."""
    position = 0
    for _ in range(_MOST):
        if position + 8 > len(data):
            return
        size, head = int.from_bytes(data[position : position + 4], "big"), 8
        kind = data[position + 4 : position + 8]
        if size == 1:  # the size follows, in 64 bits
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        end = position + size if size else len(data)  # 0: to the end
        if end > len(data) or end < position + head:
            raise ImageError(TRUNCATED)
        yield kind, data[position + head : end]
        position = end


def first_box(file: BinaryIO, *kinds: bytes) -> tuple[bytes, int, int] | None:
    """Find the first box of some kinds in an open file without reading the others.

    Gives its kind, where its content begins, and how many bytes of it the file has; None where
    there is none, or where one ahead of it is cut off.
    """
    position, end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MOST_AHEAD):
        if position + 8 > end:  # which may be further than a file can be long
            break
        file.seek(position)
        start = file.read(16)
        size, head = int.from_bytes(start[:4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(start[8:], "big"), 16
        size = size or end - position
        if size < head:
            break
        if start[4:8] in kinds:
            return start[4:8], position + head, max(min(size, end - position) - head, 0)
        position += size
    return None


def box(kind: bytes, content: bytes) -> bytes:
    """Write a box."""
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def decoder(module: str, extra: str, what: str) -> Any:
    """Import what reads a format; ImageError names the extra that brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImageError(
            f"{what} is read with the extra '{extra}': install colorize-cli[{extra}]"
        ) from error
