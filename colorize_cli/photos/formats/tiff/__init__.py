"""TIFF, tags by `tifffile`, samples by code of this folder.

OpenCV drops every tag, misreads alpha and 16-bit inverted grey, and tells nobody of damage.
"""

from collections.abc import Iterator
from typing import IO

from ..format import Format, Page, any_size
from .header import measure


def _read_pages(data: bytes) -> Iterator[Page]:
    from .read import read_pages  # with tifffile, 15 ms of a start that only TIFF needs

    return read_pages(data)


def _write(page: Page) -> bytes:
    from .write import write

    return write(page)


def _append(file: IO[bytes], data: bytes) -> None:
    from .pages import append

    append(file, data)


_START = rb"II[*+]\0|MM\0[*+]"
_HOLDS = any_size("exif", "xmp", "icc", "iptc", "dpi", "geo")
TIFF = Format(
    "TIFF",
    (".tif", ".tiff"),
    _START,
    _read_pages,
    _write,
    _HOLDS,
    choice="tiff",
    is_deep=True,
    is_wide=True,
    append=_append,
    measure=measure,
)
