"""TIFF, by `tifffile`: OpenCV drops every tag, misreads alpha and 16-bit inverted grey."""

from collections.abc import Iterator

from ..format import Format, Page, any_size


def _read_pages(data: bytes) -> Iterator[Page]:
    from .read import read_pages  # with tifffile, 15 ms of a start that only TIFF needs

    return read_pages(data)


def _write(page: Page) -> bytes:
    from .write import write

    return write(page)


TIFF = Format(
    title="TIFF",
    suffixes=(".tif", ".tiff"),
    sniff=lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    read_pages=_read_pages,
    write=_write,
    holds=any_size("exif", "xmp", "icc", "iptc", "dpi"),
    choice="tiff",
    is_deep=True,
)
