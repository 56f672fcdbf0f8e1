"""The file formats of photographs: one file each and one line in `FORMATS`."""

import re

from .bmp import BMP
from .format import Format
from .jpeg import JPEG
from .pfm import PFM
from .png import PNG
from .pnm import PNM
from .tiff import TIFF
from .webp import WEBP

# In the order in which they are tried on a file's first bytes, and listed in messages.
FORMATS: dict[str, Format] = {
    "jpeg": JPEG,
    "png": PNG,
    "tiff": TIFF,
    "webp": WEBP,
    "bmp": BMP,
    "pnm": PNM,
    "pfm": PFM,
}
SUFFIXES = frozenset(suffix for format in FORMATS.values() for suffix in format.suffixes)
# What --format calls those that it offers.
CHOICES = {format.choice: name for name, format in FORMATS.items() if format.choice}


def sniff(head: bytes) -> str | None:
    """Name the format by the file's first `format.SNIFF_BYTES` bytes or more; None for others."""
    return next((name for name, format in FORMATS.items() if re.match(format.begins, head)), None)


def listed(word: str) -> str:
    """List the formats for people: "JPEG, PNG, TIFF, WebP or BMP", with `word` before the last."""
    *most, last = (format.title for format in FORMATS.values())
    return f"{', '.join(most)} {word} {last}"
