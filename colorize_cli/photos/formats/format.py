"""What a file format has to say of itself, and the limits that hold for all of them."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, BinaryIO

from ...errors import ImageError
from ...imaging.lab import Pixels
from ..limits import Header
from ..limits import check_size as check_size
from ..metadata import Metadata
from ..wide import Wide

SNIFF_BYTES = 32
TRUNCATED = "the file is truncated: copy or scan it again"


class UnsupportedError(ImageError):
    """A picture that is whole, of a kind that is not read: it is never salvaged as blank."""


@dataclass(frozen=True)
class Page:
    """A picture as a file holds it, in the terms of `Photo`; `pages` is how many the file has.

    As read, samples may be wide, floating point or of 32 bits, with an alpha of the same type; as
    written, `wide` says that they are to become so again. Grey may stand in three channels, and the
    EXIF block says how the pixels have to be turned. What of a damaged picture cannot be decoded is
    grey, if anything can; whoever reads it decides.
    """

    pixels: Pixels
    alpha: Pixels | None
    metadata: Metadata
    warnings: tuple[str, ...] = ()
    compressed: bool = True
    pages: int = 1
    damage: str | None = None  # why a part of the pixels is missing or wrong, where one is
    wide: Wide | None = None
    is_srgb: bool = False  # whatever the metadata say of a camera's colours
    quality: int = 0  # to write it with, 1 to 100, where the format has one; 0 for its usual one


@dataclass(frozen=True)
class Format:
    """A file format of photographs."""

    title: str  # for people
    suffixes: tuple[str, ...]  # in lower case; the first is given where the source's does not fit
    begins: bytes  # a regular expression for the first `SNIFF_BYTES` bytes, or fewer, of its files
    # Reads the pages of a file, most have one, each when it is asked for. Raises ImageError, for an
    # absurd size before memory is taken.
    read_pages: Callable[[bytes], Iterable[Page]]
    write: Callable[[Page], bytes]  # encodes a page of RGB that holds no more than the format does
    holds: Mapping[str, float]  # the most bytes of each part of the metadata that it has room for
    becomes: str | None = None  # what it is written as, where it cannot be, or cannot hold colour
    choice: str | None = None  # what --format calls it; None where it is only kept
    grey_suffixes: tuple[str, ...] = ()  # those that a picture in colour may not have
    has_alpha: bool = True
    has_quality: bool = False  # it can be written with more or less loss
    is_deep: bool = False  # it holds 16 bits a channel
    is_wide: bool = False  # it holds floating point and 32 bits a channel
    longest_side: float = math.inf  # in pixels
    tolerance: int = 0  # levels that the channels of a grey picture may differ by once decoded
    # Adds the page of a file that `write` made to a file of such pages; None where one holds one.
    append: Callable[[IO[bytes], bytes], None] | None = None
    # Reads the size by an open file's first bytes or directories; None where they make no sense.
    measure: Callable[[BinaryIO], Header | None] = lambda file: None
    # Moves metadata to where the format has room for them.
    adapt: Callable[[Metadata], Metadata] = lambda metadata: metadata


def any_size(*parts: str) -> dict[str, float]:
    """Say that a format holds these parts of the metadata, however large."""
    return dict.fromkeys(parts, math.inf)
