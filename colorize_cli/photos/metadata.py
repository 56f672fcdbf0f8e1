"""What a photo carries beside its pixels, in one form for every format, and what of it holds.

Pixels are taken for sRGB throughout, so an ICC profile is kept only where it says sRGB; a grey
profile cannot describe a colour picture. EXIF and XMP are passed on byte for byte but for what
turning the photo upright makes untrue.

Sources: XMP part 1; ICC.1, annex B; IPTC-IIM in Photoshop image resources; PNG, 11.3.
"""

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from . import exif as exif_block
from . import icc as icc_profile
from .containers import Jpeg
from .exif import ExifError

Comments = tuple[tuple[str, str], ...]

METRES_PER_INCH = 0.0254
XMP_KEYWORD = b"XML:com.adobe.xmp"
XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"  # stands before the packet in a JPEG
PHOTOSHOP = b"Photoshop 3.0\0"
_ICC_PART = b"ICC_PROFILE\0"  # then its number, from 1, and how many there are
_IPTC_RESOURCE = 0x0404
_RESOLUTION, _RESOLUTION_UNIT = (0x011A, 0x011B), 0x0128
_EXIF_PREFIX = b"Exif\0\0"
_MAX_TEXT = 1 << 24  # bytes that one compressed text or profile may grow to

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8](?=[\"'<])")


@dataclass(frozen=True)
class Metadata:
    """Everything but pixels, alpha and size; None or empty where the file says nothing.

    Attributes:
        exif: EXIF block, from its byte order mark on.
        xmp: XMP packet.
        icc: ICC profile.
        iptc: IPTC-IIM records.
        dpi: Resolution along width and height, pixels per inch.
        comments: Keyword and text; the comment of a JPEG has the keyword "Comment".
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comments: Comments = ()


def settle(metadata: Metadata) -> tuple[Metadata, int, list[str]]:
    """Bring metadata as read to what holds for an upright sRGB picture.

    Returns:
        The metadata, the EXIF orientation (1 to 8) that the pixels have yet to undergo, and
        warnings about what was dropped.
    """
    warnings = []
    orientation = 1
    exif, xmp, icc, dpi = metadata.exif, metadata.xmp, metadata.icc, metadata.dpi
    if exif is not None:
        exif = exif.removeprefix(_EXIF_PREFIX)
        try:
            orientation = exif_block.orientation(exif)
            dpi = dpi or exif_dpi(exif)
            exif = exif_block.made_upright(exif)
            exif_block.read_tags(exif)  # directories that overlap do not survive the change
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


def jpeg_metadata(jpeg: Jpeg, decoded: Metadata) -> Metadata:
    """Add density, IPTC, ICC and comments of a JPEG to the EXIF and XMP that OpenCV found."""
    dpi, iptc, comments, profile = None, None, [], {}
    for marker, payload in jpeg.segments:
        if marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 12:
            unit, x, y = struct.unpack_from(">BHH", payload, 7)
            dpi = _dpi(x, y, {1: 1.0, 2: 2.54}.get(unit, 0.0))
        elif marker == 0xE2 and payload.startswith(_ICC_PART) and len(payload) > 13:
            profile[payload[12]] = payload[14:]
        elif marker == 0xED and payload.startswith(PHOTOSHOP):
            iptc = iptc or iptc_of(payload[len(PHOTOSHOP) :])
        elif marker == 0xFE and payload.strip(b"\0 "):
            comments.append(("Comment", payload.rstrip(b"\0").decode("utf-8", "replace")))
    xmp = decoded.xmp.removeprefix(XMP_NAMESPACE) if decoded.xmp else None
    # OpenCV takes every APP2 segment for a part of it, the index of a multi-picture file, too.
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    return replace(decoded, xmp=xmp, iptc=iptc, icc=icc, dpi=dpi, comments=tuple(comments))


def png_metadata(chunks: Iterable[tuple[bytes, bytes]]) -> Metadata:
    """Read EXIF, XMP, ICC, resolution and texts from the chunks of a PNG."""
    found = Metadata()
    comments = []
    for kind, content in chunks:
        if kind == b"eXIf":
            found = replace(found, exif=content)
        elif kind == b"iCCP":
            found = replace(found, icc=_inflate(content.partition(b"\0")[2][1:]) or None)
        elif kind == b"pHYs" and len(content) == 9:
            x, y, unit = struct.unpack(">IIB", content)
            found = replace(found, dpi=_dpi(x, y, METRES_PER_INCH if unit == 1 else 0.0))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text = _png_text(kind, content)
            if keyword == XMP_KEYWORD:
                found = replace(found, xmp=text)
            # ImageMagick's hexadecimal copies of EXIF, ICC and the like would no longer be true.
            elif keyword and text and not keyword.startswith(b"Raw profile type"):
                charset = "utf-8" if kind == b"iTXt" else "latin-1"
                comments.append((keyword.decode("latin-1"), text.decode(charset, "replace")))
    return replace(found, comments=tuple(comments))


def bmp_metadata(data: bytes) -> Metadata:
    """Read the resolution of a BMP."""
    if len(data) < 46 or int.from_bytes(data[14:18], "little") < 40:
        return Metadata()
    x, y = struct.unpack_from("<ii", data, 38)
    return Metadata(dpi=_dpi(x, y, METRES_PER_INCH))


def _dpi(x: float, y: float, per_inch: float) -> tuple[float, float] | None:
    """Resolution in dpi, or None where the unit is unknown or the numbers are no resolution."""
    if per_inch == 0 or not (0 < x * per_inch < 1e6 and 0 < y * per_inch < 1e6):
        return None
    return x * per_inch, y * per_inch


def resolution_dpi(x: float, y: float, unit: int) -> tuple[float, float] | None:
    """Resolution in dpi from the tags of TIFF and EXIF: unit 2 is the inch, 3 the centimetre."""
    return _dpi(x, y, {2: 1.0, 3: 2.54}.get(unit, 0.0))


def exif_dpi(block: bytes) -> tuple[float, float] | None:
    """Resolution that an EXIF block states; raises ExifError for a damaged one."""
    order = exif_block.byte_order(block)
    tags = {(tag.code, tag.type): tag.value for tag in exif_block.read_tags(block)}
    x, y = (struct.unpack(order + "II", tags.get((code, 5), bytes(8))[:8]) for code in _RESOLUTION)
    if not x[1] or not y[1]:
        return None
    unit = tags.get((_RESOLUTION_UNIT, 3), struct.pack(order + "H", 2))
    return resolution_dpi(x[0] / x[1], y[0] / y[1], struct.unpack(order + "H", unit[:2])[0])


def exif_with_resolution(dpi: tuple[float, float]) -> bytes:
    """Build an EXIF block that states a resolution and nothing else."""
    ratios = (struct.pack(">II", round(number * 10_000), 10_000) for number in dpi)
    tags = [
        exif_block.Tag(code, 5, 1, ratio) for code, ratio in zip(_RESOLUTION, ratios, strict=True)
    ]
    return exif_block.build([*tags, exif_block.Tag(_RESOLUTION_UNIT, 3, 1, b"\0\2")], ">")


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


def _png_text(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    keyword, _, rest = content.partition(b"\0")
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, _inflate(rest[1:])
    compressed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.partition(b"\0")[2].partition(b"\0")[2]  # after the language, twice
    return keyword, _inflate(text) if compressed else text


def _inflate(data: bytes) -> bytes:
    """Decompress at most `_MAX_TEXT` bytes; empty where the data is damaged or larger."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, _MAX_TEXT)
    except zlib.error:
        return b""
    return text if stream.eof else b""
