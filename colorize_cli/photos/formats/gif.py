"""GIF, by OpenCV: the first frame. With 256 colours it cannot hold a colouring, which is a PNG.

Source: GIF89a.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

from ...errors import ImageError
from ..headers import of_gif
from ..metadata import Metadata
from .format import TRUNCATED, Format, Page
from .opencv import decode
from .png import PNG


def _read_pages(data: bytes) -> Iterator[Page]:
    if len(data) < 13:
        raise ImageError(TRUNCATED)
    comments, frames, end = _walk(data)
    if not frames:
        raise ImageError(TRUNCATED)
    width, height = struct.unpack_from("<HH", data, 6)
    page = decode(data[:end] + b";", width, height)
    alpha = None if page.alpha is None or page.alpha.min() == 255 else page.alpha
    warnings = ("only the first picture of the animation is used",) if frames > 1 else ()
    metadata = Metadata(comments=tuple(("Comment", text) for text in comments))
    yield replace(page, alpha=alpha, metadata=metadata, warnings=warnings)


def _walk(data: bytes) -> tuple[list[str], int, int]:
    """Return the comments, how many frames there are, and where the first ends.

    ImageError where the first is cut off.
    """
    position = 13 + _table_size(data[10])
    comments, frames, first_end = list[str](), 0, len(data)
    while position < len(data) and data[position : position + 1] in (b"!", b","):
        if data[position] == ord("!"):
            label, position = data[position + 1 : position + 2], position + 2
        else:
            label, position = b"", position + 11 + _table_size(data[position + 9 : position + 10])
        try:
            content, position = _blocks(data, position)
        except ImageError:
            if not frames:
                raise
            return comments, frames + (not label), first_end  # the rest is not needed
        if label == b"\xfe":
            comments.append(content.decode("utf-8", "replace"))
        elif not label:
            frames += 1
            first_end = position if frames == 1 else first_end
    return comments, frames, first_end


def _table_size(packed: int | bytes) -> int:
    flags = packed[0] if isinstance(packed, bytes) and packed else packed or 0
    assert isinstance(flags, int)
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _blocks(data: bytes, position: int) -> tuple[bytes, int]:
    """Join the blocks that begin at a place, each behind its length, up to one of none."""
    parts = []
    while position < len(data) and (size := data[position]):
        parts.append(data[position + 1 : position + 1 + size])
        position += 1 + size
    if position >= len(data):
        raise ImageError(TRUNCATED)
    return b"".join(parts), position + 1


GIF = Format(
    "GIF",
    (".gif",),
    rb"GIF8[79]a",
    _read_pages,
    PNG.write,
    PNG.holds,
    becomes="png",
    measure=of_gif,
)
