"""What a photo carries beside its pixels, in one form for every format, and what of it holds.

Pixels are taken for sRGB throughout, so an ICC profile is kept only where it says so. EXIF and XMP
are passed on byte for byte but for what turning the photo upright and colouring it make untrue.

Sources: XMP part 1; IPTC-IIM in Photoshop image resources.
"""

import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from . import exif as exif_block
from .colour import icc as icc_profile
from .exif import ExifError, Tag
from .untrue import true_exif, true_iptc, true_xmp
from .xmp import XmpError

METRES_PER_INCH = 0.0254
PER_INCH = {2: 1.0, 3: 2.54}  # by the unit of TIFF and EXIF, inch or centimetre
# What people call the parts.
PARTS = {
    "exif": "EXIF",
    "xmp": "XMP",
    "xmp_extension": "extended XMP",
    "icc": "the ICC profile",
    "iptc": "IPTC",
    "dpi": "the resolution",
    "comments": "comments",
    "geo": "GeoTIFF tags",
}
_MOST_BYTES = 1 << 26  # of a part, which is a thousand times what is usual
_IPTC_RESOURCE = 0x0404
_RESOLUTION, _RESOLUTION_UNIT = (0x011A, 0x011B), 0x0128
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8](?=[\"'<])")


@dataclass(frozen=True)
class Metadata:
    """Everything but pixels, alpha and size; None or empty where the file says nothing."""

    exif: bytes | None = None  # the block from its byte order mark on
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None  # the IIM records
    dpi: tuple[float, float] | None = None  # along width and height
    # Keyword, or "Comment" if it has none, and text; bytes that are no UTF-8 stand as surrogates.
    comments: tuple[tuple[str, str], ...] = ()
    geo: bytes | None = None  # GeoTIFF's tags in a block like EXIF's
    # What a JPEG has no room for in its first packet; everywhere else it is in `xmp`.
    xmp_extension: bytes | None = None


def bounded(metadata: Metadata) -> tuple[Metadata, list[str]]:
    """Leave out parts that are larger than those of photographs, and say which."""
    held = {part: getattr(metadata, part) for part in PARTS}
    bytes_of = {part: len(value) for part, value in held.items() if isinstance(value, bytes)}
    bytes_of["comments"] = sum(len(text) for _, text in metadata.comments)
    out = [part for part, size in bytes_of.items() if size > _MOST_BYTES]
    nothing: dict[str, Any] = {part: () if part == "comments" else None for part in out}
    return replace(metadata, **nothing), [
        f"{PARTS[part]} dropped: more than {_MOST_BYTES >> 20} MB of it" for part in out
    ]


def settle(metadata: Metadata) -> tuple[Metadata, int, list[str]]:
    """Bring metadata as read to what holds for an upright sRGB picture.

    Returns them, the EXIF orientation (1 to 8) that the pixels have yet to undergo, and warnings
    about what was dropped.
    """
    exif, dpi, orientation, warnings = _settled_exif(metadata)
    xmp, icc, iptc, geo = metadata.xmp, metadata.icc, metadata.iptc, metadata.geo
    if xmp is not None:
        if orientation != 1:
            xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
        try:
            xmp, left_out = true_xmp(xmp, is_laid_over=orientation >= 5)
            warnings += left_out
        except XmpError as error:
            warnings.append(f"XMP kept unread: {error}")
    if orientation != 1 and geo is not None:
        geo = None
        warnings.append("GeoTIFF tags dropped: they speak of the picture before it was turned")
    if orientation >= 5 and dpi is not None:
        dpi = (dpi[1], dpi[0])
    if icc is not None and (reason := icc_profile.misfit(icc)):
        icc = None
        warnings.append(f"ICC profile dropped: {reason}; pixels are taken for sRGB")
    iptc = iptc and true_iptc(iptc)
    settled = replace(metadata, exif=exif, xmp=xmp, icc=icc, iptc=iptc, dpi=dpi, geo=geo)
    return settled, orientation, warnings


def _settled_exif(
    metadata: Metadata,
) -> tuple[bytes | None, tuple[float, float] | None, int, list[str]]:
    """Return EXIF that holds, the resolution, which it may state, the orientation and warnings."""
    exif, dpi = metadata.exif, metadata.dpi
    if exif is None:
        return None, dpi, 1, []
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        upright, turned = exif_block.made_upright(exif)
        dpi = dpi or exif_dpi(exif)
        upright = true_exif(upright)
        exif_block.read_tags(upright)  # directories that overlap do not survive the change
    except ExifError as error:
        return None, dpi, 1, [f"EXIF dropped: it is damaged ({error})"]
    odd = "the orientation was left out: its tag is of an odd type"
    return upright, dpi, turned or 1, [odd] if turned is None else []


def dpi_of(x: float, y: float, per_inch: float | None) -> tuple[float, float] | None:
    """Resolution in dpi, or None where the unit is unknown or the numbers are no resolution."""
    if per_inch is None or not (0 < x * per_inch < 1e6 and 0 < y * per_inch < 1e6):
        return None
    return x * per_inch, y * per_inch


def exif_dpi(block: bytes) -> tuple[float, float] | None:
    """Resolution that an EXIF block states; raises ExifError for a damaged one."""
    order = exif_block.byte_order(block)
    tags = {(tag.code, tag.type): tag.value for tag in exif_block.read_tags(block)}
    x, y = (struct.unpack(order + "II", tags.get((code, 5), bytes(8))[:8]) for code in _RESOLUTION)
    if not x[1] or not y[1]:
        return None
    code = tags.get((_RESOLUTION_UNIT, 3), struct.pack(order + "H", 2))
    (unit,) = struct.unpack(order + "H", code[:2])
    return dpi_of(x[0] / x[1], y[0] / y[1], PER_INCH.get(unit))


def exif_with_resolution(dpi: tuple[float, float]) -> bytes:
    """Build an EXIF block that states a resolution and nothing else."""
    return exif_block.build(_resolution_tags(dpi, ">"), ">")


def _resolution_tags(dpi: tuple[float, float], order: exif_block.ByteOrder) -> list[Tag]:
    # 32 bits a number: a microscope has 500,000 dpi.
    parts = 10_000 if max(dpi) < 400_000 else 1000
    ratios = (struct.pack(order + "II", round(number * parts), parts) for number in dpi)
    tags = [Tag(code, 5, 1, ratio) for code, ratio in zip(_RESOLUTION, ratios, strict=True)]
    return [*tags, Tag(_RESOLUTION_UNIT, 3, 1, struct.pack(order + "H", 2))]


def resolution_in_exif(metadata: Metadata) -> Metadata:
    """Move the resolution into the EXIF block, where there is no other field with room for it."""
    block = metadata.exif
    if not metadata.dpi:
        return metadata
    if block is None:
        block = exif_with_resolution(metadata.dpi)
    elif exif_dpi(block) is None:
        order = exif_block.byte_order(block)
        codes = (*_RESOLUTION, _RESOLUTION_UNIT)
        tags = [tag for tag in exif_block.read_tags(block) if tag.code not in codes]
        block = exif_block.build([*tags, *_resolution_tags(metadata.dpi, order)], order)
    return replace(metadata, exif=block, dpi=None)


def legible(text: str) -> str:
    """Give a comment as Unicode; bytes in it that are no UTF-8 make all of it Latin-1."""
    try:
        return text.encode("utf-8", "surrogateescape").decode()
    except UnicodeDecodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")


def comment_lines(metadata: Metadata) -> list[bytes]:
    """Write the comments for a format that has no keywords."""
    lines = (text if key == "Comment" else f"{key}: {text}" for key, text in metadata.comments)
    return [line.encode("utf-8", "surrogateescape") for line in lines]


def iptc_of(resources: bytes) -> bytes | None:
    """Find the IPTC records among Photoshop's image resources."""
    position = 0
    while resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        (code,) = struct.unpack_from(">H", resources, position + 4)
        position += 6 + (resources[position + 6] + 2) // 2 * 2  # name: length byte, padded to even
        size = int.from_bytes(resources[position : position + 4], "big")
        content = resources[position + 4 : position + 4 + size]
        if code == _IPTC_RESOURCE:
            return content or None
        position += 4 + (size + 1) // 2 * 2
    return None


def iptc_resource(iptc: bytes) -> bytes:
    """Wrap IPTC records as Photoshop's image resources, as a JPEG carries them."""
    head = b"8BIM" + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)
