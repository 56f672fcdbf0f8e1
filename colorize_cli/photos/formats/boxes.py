"""Boxes, of which JPEG 2000, HEIF and JPEG XL files are made.

Source: ISO/IEC 14496-12, 4.2.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ...errors import ImageError
from .format import TRUNCATED

_MOST = 10_000  # boxes that are looked at


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
