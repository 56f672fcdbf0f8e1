"""What a photo carries beside its pixels, in one form for every format, and what of it holds.

Pixels are taken for sRGB throughout, so an ICC profile is kept only where it says so. EXIF and XMP
are passed on byte for byte but for what turning the photo upright makes untrue.

Sources: XMP part 1; IPTC-IIM in Photoshop image resources.
"""

import re
import struct
from dataclasses import dataclass, replace

from . import exif as exif_block
from . import icc as icc_profile
from .exif import ExifError, Tag

METRES_PER_INCH = 0.0254
PER_INCH = {2: 1.0, 3: 2.54}  # by the unit of TIFF and EXIF, inch or centimetre
# What people call the parts.
PARTS = {
    "exif": "EXIF",
    "xmp": "XMP",
    "icc": "the ICC profile",
    "iptc": "IPTC",
    "dpi": "the resolution",
    "comments": "comments",
}
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
    comments: tuple[tuple[str, str], ...] = ()  # keyword, or "Comment" if it has none, and text


def settle(metadata: Metadata) -> tuple[Metadata, int, list[str]]:
    """Bring metadata as read to what holds for an upright sRGB picture.

    Returns them, the EXIF orientation (1 to 8) that the pixels have yet to undergo, and warnings
    about what was dropped.
    """
    orientation, warnings = 1, []
    exif, xmp, icc, dpi = metadata.exif, metadata.xmp, metadata.icc, metadata.dpi
    if exif is not None:
        exif = exif.removeprefix(b"Exif\0\0")
        try:
            upright, turned = exif_block.made_upright(exif)
            dpi = dpi or exif_dpi(exif)
            exif_block.read_tags(upright)  # directories that overlap do not survive the change
            exif, orientation = upright, turned or 1
            if turned is None:
                warnings.append("the orientation was left out: its tag is of an odd type")
        except ExifError as error:
            orientation, exif = 1, None
            warnings.append(f"EXIF dropped: it is damaged ({error})")
    if orientation != 1 and xmp is not None:
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    if orientation >= 5 and dpi is not None:
        dpi = (dpi[1], dpi[0])
    if icc is not None and (reason := icc_profile.misfit(icc)):
        icc = None
        warnings.append(f"ICC profile dropped: {reason}; pixels are taken for sRGB")
    return replace(metadata, exif=exif, xmp=xmp, icc=icc, dpi=dpi), orientation, warnings


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
    # 32 bits a number: a microscope has 500,000 dpi.
    parts = 10_000 if max(dpi) < 400_000 else 1000
    ratios = (struct.pack(">II", round(number * parts), parts) for number in dpi)
    tags = [Tag(code, 5, 1, ratio) for code, ratio in zip(_RESOLUTION, ratios, strict=True)]
    return exif_block.build([*tags, Tag(_RESOLUTION_UNIT, 3, 1, b"\0\2")], ">")


def comment_lines(metadata: Metadata) -> list[str]:
    """Write the comments for a format that has no keywords."""
    return [text if key == "Comment" else f"{key}: {text}" for key, text in metadata.comments]


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
