"""Photographs out: RGB pixels to the bytes of a file, with the photo's alpha and metadata."""

from dataclasses import replace

import numpy as np

from ..errors import ImageError, UsageError
from ..imaging.bit_depth import eight_bits
from ..imaging.lab import Pixels
from .formats import CHOICES, FORMATS, written_as
from .formats.format import Format, Page
from .mark import Mark, alone, has_place, marked
from .metadata import PARTS, Metadata
from .read import Photo
from .transparency import GREY, WHITE, is_opaque, laid_on


def encode_photo(
    rgb: Pixels, photo: Photo, format: str, mark: Mark | None = None, quality: int = 0
) -> bytes:
    """Encode a coloured photo with the alpha and metadata of the photo that it was made from.

    A `mark` of what made it is added where the format has room for one. A `quality`, 1 to 100, is
    of a format that `takes_quality`; 0 is the usual one: 95 of JPEG, without loss of the others.

    What `format`, a name in `FORMATS` or one of --format, cannot hold is left out, as `losses`
    says: transparency is laid on white, 16 bits are rounded to 8. `rgb` is (H, W, 3) sRGB of the
    size and type of `photo.pixels`. UsageError is raised for an unknown format, ImageError for
    sides longer than it allows.
    """
    height, width = photo.pixels.shape[:2]
    if rgb.shape != (height, width, 3) or rgb.dtype != photo.pixels.dtype:
        raise ValueError(f"rgb is {rgb.dtype}{rgb.shape}, the photo {height} x {width}")
    format = CHOICES.get(format, format)
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}: choose {', '.join(FORMATS)}")
    target, alpha = FORMATS[written_as(format)], photo.alpha
    if (side := max(height, width)) > target.longest_side:
        raise ImageError(f"a side of {side} pixels is too long for {format}: choose --format png")
    if not target.is_deep:
        rgb, alpha = eight_bits(rgb), None if alpha is None else eight_bits(alpha)
    if not target.has_alpha:
        rgb, alpha = laid_on(WHITE, rgb, alpha), None
    metadata = photo.metadata if mark is None else marked(photo.metadata, mark, target)
    metadata, _ = _holdable(metadata, target)
    if mark and target.holds.get("xmp") and not metadata.xmp:  # the photo's own was too large
        metadata = replace(metadata, xmp=alone(mark))
    wide = photo.wide if target.is_wide else None
    page = Page(rgb, alpha, metadata, compressed=photo.compressed, wide=wide, quality=quality)
    return target.write(page)


def takes_quality(format: str) -> bool:
    """Whether a format, a name in `FORMATS` or one of --format, is written with a quality."""
    return FORMATS[written_as(CHOICES.get(format, format))].has_quality


def ground_in(format: str) -> int:
    """The ground that is seen below what is transparent: of a format without alpha it is in it."""
    return GREY if FORMATS[written_as(CHOICES.get(format, format))].has_alpha else WHITE


def losses(photo: Photo, format: str) -> tuple[str, ...]:
    """Say what of a photo a format cannot hold; empty where it holds everything."""
    format = written_as(CHOICES.get(format, format))
    target, sentences = FORMATS[format], []
    if photo.alpha is not None and not target.has_alpha and not is_opaque(photo.alpha):
        sentences.append(f"transparency laid on white: {target.title} has none")
    if photo.pixels.dtype == np.uint16 and not target.is_deep:
        sentences.append(f"16 bits rounded to 8: {format} has no more")
    elif photo.wide and not target.is_wide:
        sentences.append(f"{photo.wide.type} rounded to 16 bits: {format} has no more")
    missing = _holdable(photo.metadata, target)[1]
    if missing:
        sentences.append(f"{format} cannot hold {', '.join(missing)}: dropped")
    if not has_place(photo.metadata, target):
        sentences.append(f"{format} has no place for a mark beside XMP that cannot be read")
    return tuple(sentences)


def output_suffix(format: str, source_suffix: str) -> str:
    """Choose a file name's suffix: the source's own spelling (".JPG") where it fits the format."""
    target, suffix = FORMATS[written_as(CHOICES.get(format, format))], source_suffix.lower()
    fits = suffix in target.suffixes and suffix not in target.grey_suffixes
    return source_suffix if fits else target.suffixes[0]


def _holdable(metadata: Metadata, format: Format) -> tuple[Metadata, list[str]]:
    """Return what a format can hold, and the names of the rest."""
    metadata = format.adapt(metadata)
    present = {part: value for part in PARTS if (value := getattr(metadata, part))}
    kept = {part: v for part, v in present.items() if len(v) <= format.holds.get(part, 0)}
    return Metadata(**kept), [PARTS[part] for part in present if part not in kept]
