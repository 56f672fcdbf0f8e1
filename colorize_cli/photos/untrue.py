"""What metadata say of a picture that is no longer true of its colouring, and is taken out.

A colouring is in RGB of sRGB, upright, in one file without films or further pictures. All that
speaks of anything else goes: the grey picture's kind of pixels and its profile, Adobe RGB, its
thumbnails, and what a motion photo or a gain map were found by.

Sources: CIPA DC-008 (EXIF 2.32), 4.6; DCF 2.0, annex A; XMP part 2; Google's Motion Photo 1.0;
Adobe's Gain Map 1.0; IPTC-IIM 4.2.
"""

import struct
from itertools import pairwise

from . import exif as exif_block
from . import xmp as xmp_packet
from .exif import Tag
from .xmp import Name

# Bits, compression, photometric interpretation, where the strips lie, samples, arrangement, the
# transfer function, white point and primaries, coefficients, subsampling, black and white, the
# profile; of EXIF's directory the compressed bits a pixel and gamma.
_LAYOUT_TAGS = {0x0102, 0x0103, 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x012D, 0x013E}
_LAYOUT_TAGS |= {0x013F, 0x0211, 0x0212, 0x0214, 0x8773, 0x9102, 0xA500}
_COLOUR_SPACE, _INTEROP_INDEX = 0xA001, 0x0001

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_EXIF_EX = "http://cipa.jp/exif/1.0/"
_PHOTOSHOP, _XMP = "http://ns.adobe.com/photoshop/1.0/", "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_GAIN_MAPS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
}
_LAYOUT = {
    _TIFF: "BitsPerSample Compression PhotometricInterpretation SamplesPerPixel "
    "PlanarConfiguration TransferFunction WhitePoint PrimaryChromaticities YCbCrCoefficients "
    "YCbCrSubSampling ReferenceBlackWhite",
    _EXIF: "ColorSpace CompressedBitsPerPixel",
    _EXIF_EX: "InteroperabilityIndex Gamma",
    _PHOTOSHOP: "ColorMode ICCProfile",
    _XMP: "Thumbnails",
    _NOTE: "HasExtendedXMP",
}
_SIDES = {_TIFF: "ImageWidth ImageLength", _EXIF: "PixelXDimension PixelYDimension"}


def _names(table: dict[str, str]) -> set[Name]:
    return {(space, local) for space, locals in table.items() for local in locals.split()}


_LAYOUT_NAMES, _SIDES_NAMES = _names(_LAYOUT), _names(_SIDES)


def true_exif(block: bytes) -> bytes:
    """Leave out the layout of the pixels as they were, and say sRGB where a space is named."""
    order = exif_block.byte_order(block)
    srgb = Tag(_COLOUR_SPACE, 3, 1, struct.pack(order + "HH", 1, 0))
    block = exif_block.with_tags(block, exif_block.EXIF_IFD, srgb)
    index = Tag(_INTEROP_INDEX, 2, 4, b"R98\0")
    block = exif_block.with_tags(block, exif_block.INTEROP_IFD, index)
    return exif_block.without(block, _LAYOUT_TAGS)


def true_xmp(packet: bytes, *, is_laid_over: bool) -> tuple[bytes, list[str]]:
    """Leave out what no longer holds; return the packet and sentences on what went with it.

    `is_laid_over` tells that the sides have changed places. Raises XmpError for what is no packet.
    """
    packet, out = xmp_packet.without(
        packet,
        lambda name: (
            name in _LAYOUT_NAMES
            or name[0] in _GAIN_MAPS
            or name[0] == _CONTAINER
            or (name[0] == _CAMERA and name[1].startswith(("MotionPhoto", "MicroVideo")))
            or (is_laid_over and name in _SIDES_NAMES)
        ),
    )
    said = []
    if any(each.name[0] == _CAMERA and each.text == "1" for each in out):
        said.append("the film of a motion photo is left out")
    if any(each.name[0] in _GAIN_MAPS for each in out):
        said.append("the gain map of an HDR picture is left out")
    return packet, said


def true_iptc(records: bytes) -> bytes:
    """Leave out previews, data sets 200 to 202 of record 2."""
    edges, position = [0], 0
    while records[position : position + 1] == b"\x1c" and position + 5 <= len(records):
        size = int.from_bytes(records[position + 3 : position + 5], "big")
        start = position + 5
        if size & 0x8000:  # so many bytes hold the size
            start += size & 0x7FFF
            size = int.from_bytes(records[position + 5 : start], "big")
        position = start + size
        edges.append(min(position, len(records)))
    parts = [records[a:b] for a, b in pairwise(edges)]
    previews = (b"\x1c\x02\xc8", b"\x1c\x02\xc9", b"\x1c\x02\xca")
    kept = b"".join(part for part in parts if part[:3] not in previews)
    return kept + records[edges[-1] :]
