"""AVIF, by OpenCV, and HEIC, by libheif where the extra `heic` is installed: HEIF both.

AVIF is written without loss, with 12 bits where there are more than 8. What writes HEIC does so
with loss, so that a colouring of one is a PNG.

Sources: ISO/IEC 23008-12, 6.5 (ispe, irot, imir); AV1-ISOBMFF, 2.3 (av1C).
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import cv2
import numpy as np

from ....errors import ImageError
from ....imaging.bit_depth import full_range
from ....imaging.lab import Pixels
from ... import exif as exif_block
from ...metadata import Metadata, resolution_in_exif
from ..format import Format, Page, any_size, check_size
from ..opencv import decode, encode
from ..png import PNG
from .boxes import decoder
from .properties import Property, largest_size, of_heif, properties

_DEEP, _DEEPEST = 1 << 10, 1 << 12  # levels of AVIF beyond 8 bits
_PACKET_START, _PACKET_END = b"<x:xmpmeta", b"</x:xmpmeta>"
_OF_RDF = b"application/rdf+xml"


def _read_avif(data: bytes) -> Iterator[Page]:
    every, own = properties(io.BytesIO(data))
    page = decode(data, *largest_size(every))
    pixels, alpha = page.pixels, page.alpha
    if pixels.dtype == np.uint16:
        coding = dict(every) | dict(own)  # where parts make up the picture, theirs
        is_deepest = int.from_bytes(coding.get(b"av1C", b"")[2:3], "big") & 0x20
        top = (_DEEPEST if is_deepest else _DEEP) - 1
        pixels = full_range(pixels, top)
        alpha = None if alpha is None else full_range(alpha, top)
    xmp = _packet_in(data)
    is_lost = xmp is None and _OF_RDF in data
    warnings = ["XMP dropped: it stands compressed in the AVIF"] if is_lost else []
    if data[8:12] == b"avis":
        warnings.append("only the first picture of the animation is used")
    yield replace(
        page,
        pixels=_turned(pixels, own),
        alpha=None if alpha is None else _turned(alpha, own),
        metadata=Metadata(_upright(page.metadata.exif), xmp, page.metadata.icc),
        warnings=tuple(warnings),
    )


def _packet_in(data: bytes) -> bytes | None:
    """Find the packet of XMP, which OpenCV writes and does not read, by how it begins and ends."""
    start = data.find(_PACKET_START)
    end = data.find(_PACKET_END, start)
    return data[start : end + len(_PACKET_END)] if 0 <= start < end else None


def _turned(pixels: Pixels, own: list[Property]) -> Pixels:
    """Turn and mirror a picture as its properties say, which OpenCV does not look at."""
    turn, mirror = dict(own).get(b"irot"), dict(own).get(b"imir")
    if turn:
        pixels = np.rot90(pixels, turn[0] & 3)
    if mirror:
        pixels = pixels[:, ::-1] if mirror[0] & 1 else pixels[::-1]
    return np.ascontiguousarray(pixels)


def _upright(block: bytes | None) -> bytes | None:
    """Say in an EXIF block that the picture is upright: in HEIF, others say how it lies."""
    if block is None:
        return None
    block = block.removeprefix(b"Exif\0\0")
    with suppress(exif_block.ExifError):  # a damaged one is told of later
        return exif_block.made_upright(block)[0]
    return block


def _write_avif(page: Page) -> bytes:
    settings: tuple[int, ...] = (cv2.IMWRITE_AVIF_QUALITY, page.quality or 100)  # without loss
    if page.pixels.dtype == np.uint16:
        settings = (*settings, cv2.IMWRITE_AVIF_DEPTH, 12)
        alpha = None if page.alpha is None else _of_twelve_bits(page.alpha)
        page = replace(page, pixels=_of_twelve_bits(page.pixels), alpha=alpha)
    return encode(".avif", page, settings, page.metadata)


def _of_twelve_bits(pixels: Pixels) -> Pixels:
    return ((pixels.astype(np.uint32) * (_DEEPEST - 1) + 32_767) // 65_535).astype(np.uint16)


def _read_heic(data: bytes) -> Iterator[Page]:
    heif = decoder("pillow_heif", "heic", "HEIC")
    try:
        image = heif.open_heif(data, convert_hdr_to_8bit=False)
        check_size(*image.size)
        channels, info, pictures = np.asarray(image), image.info, len(image)
    except ImageError:
        raise
    except Exception as error:  # libheif's own errors, of many kinds
        raise ImageError(f"the HEIC file cannot be read ({error})") from error
    if channels.dtype == np.uint16:  # its levels fill the upper bits
        bits = int(info.get("bit_depth", 16))
        channels = full_range(channels >> (16 - bits), (1 << bits) - 1)
    has_alpha = channels.ndim == 3 and channels.shape[2] in (2, 4)
    pixels = channels[..., :-1] if has_alpha else channels
    metadata = Metadata(_upright(info.get("exif")), info.get("xmp"), info.get("icc_profile"))
    yield Page(
        np.ascontiguousarray(
            pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        ),
        np.ascontiguousarray(channels[..., -1]) if has_alpha else None,
        metadata,
        ("only the main picture of the file is used",) if pictures > 1 else (),
    )


AVIF = Format(
    "AVIF",
    (".avif",),
    rb"(?s).{4}ftypavi[fs]",
    _read_avif,
    _write_avif,
    any_size("exif", "xmp", "icc"),
    has_quality=True,
    is_deep=True,
    measure=of_heif,
    tolerance=2,  # the lossy kind gives back a grey picture with channels that differ by that
    adapt=resolution_in_exif,
)
HEIC = Format(
    "HEIC",
    (".heic", ".heif", ".hif"),
    rb"(?s).{4}ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)",
    _read_heic,
    PNG.write,
    PNG.holds,
    becomes="png",
    is_deep=True,
    measure=of_heif,
    tolerance=3,
)
