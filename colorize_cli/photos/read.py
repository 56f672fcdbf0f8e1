"""Photographs in: bytes of a file to upright pixels, alpha and metadata."""

import hashlib
from dataclasses import replace

from ..errors import ImageError
from .formats import FORMATS, listed, sniff
from .photo import Photo, settled

__all__ = ["Photo", "read_photo"]


def read_photo(data: bytes) -> Photo:
    """Read a photograph from the bytes of its file.

    Args:
        data: A file of one of `FORMATS`; 1 to 16 bits a channel; grey, RGB, palette or CMYK.
            Of an animation or a file of several pages the first is taken, with a warning.

    Raises:
        ImageError: The bytes are no such file, are damaged or truncated, or the photo has no
            pixels or more than `formats.format.MAX_PIXELS`.
    """
    name = sniff(data)
    if name is None:
        raise ImageError(f"not a {listed('or')} file" if data else "the file is empty")
    format = FORMATS[name]
    page = next(iter(format.read_pages(data)))
    if page.pages > 1:
        page = replace(page, warnings=("only the first page is used", *page.warnings))
    return settled(page, name, hashlib.sha256(data).digest(), format.tolerance)
