"""The file formats of photographs: one file each and one line in `FORMATS`."""

import re

from .bmp import BMP
from .format import Format
from .gif import GIF
from .heif import AVIF, HEIC
from .jp2 import JP2
from .jpeg import JPEG
from .jxl import JXL
from .pfm import PFM
from .png import PNG
from .pnm import PNM
from .tiff import TIFF
from .tiff.raw import RAW
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
    "jp2": JP2,
    "gif": GIF,
    "avif": AVIF,
    "heic": HEIC,
    "jxl": JXL,
    "raw": RAW,
}
SUFFIXES = frozenset(suffix for format in FORMATS.values() for suffix in format.suffixes)
# What --format calls those that it offers.
CHOICES = {format.choice: name for name, format in FORMATS.items() if format.choice}


def written_as(name: str) -> str:
    """Name the format that colourings of photos of a format have: its own where it holds them."""
    return FORMATS[name].becomes or name


def sniff(head: bytes) -> str | None:
    """Name the format by the file's first `format.SNIFF_BYTES` bytes or more; None for others."""
    return next((name for name, format in FORMATS.items() if re.match(format.begins, head)), None)


def listed(word: str) -> str:
    """List the formats for people: "JPEG, PNG, TIFF, WebP or BMP", with `word` before the last."""
    *most, last = (format.title for format in FORMATS.values())
    return f"{', '.join(most)} {word} {last}"
