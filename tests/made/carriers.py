"""Photographs that carry all that their format can, and what tests of reading and writing share."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from made import pictures
from made.pictures import Picture
from PIL.PngImagePlugin import PngInfo

from colorize_cli.errors import ImageError
from colorize_cli.photos import exif as exif_block
from colorize_cli.photos.metadata import Metadata, iptc_resource
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo

HOLDERS = ("jpeg", "png", "tiff", "webp")
EXIF, GPS = 0x8769, 0x8825
SIDES = (0xA002, 0xA003)
FORMATS = ("jpeg", "png", "tiff", "webp", "bmp")
PILLOW_NAMES = {"jpeg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WEBP", "bmp": "BMP"}


def named(name: str) -> Picture:
    return next(picture for picture in pictures.corpus() if picture.name == name)


def photo_of(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Photo:
    return Photo(pixels, alpha, Metadata(), "png", b"", is_colour=False)


def oriented(format: str, orientation: int) -> bytes:
    """A grey photo that has to be turned to become `pictures.grey()`."""
    stored = pictures.stored_as(pictures.grey(), orientation)
    if format == "tiff":
        return pictures.tiff(stored, extratags=[(274, 3, 1, orientation, True)])
    options = {"jpeg": {"quality": 100}, "webp": {"lossless": True}}.get(format, {})
    block = b"Exif\0\0" + pictures.exif(orientation)
    return pictures.encode(stored, PILLOW_NAMES[format], exif=block, **options)


def source(format: str, orientation: int = 6, order: str = ">") -> bytes:
    """A grey photo that carries all that its format can, as stored by a camera."""
    stored = pictures.stored_as(pictures.grey(), orientation)
    sides = stored.shape[1], stored.shape[0]
    block = pictures.exif(orientation, order, sides)
    options: dict[str, Any] = {"exif": b"Exif\0\0" + block, "icc_profile": pictures.SRGB}
    if format == "jpeg":
        options |= {"xmp": pictures.XMP, "dpi": (300, 200), "comment": "café".encode()}
        return with_iptc(pictures.encode(stored, "JPEG", quality=100, **options))
    if format == "webp":
        return pictures.encode(stored, "WEBP", lossless=True, xmp=pictures.XMP, **options)
    if format == "png":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", pictures.XMP.decode())
        texts.add_text("Title", "café")
        texts.add_itxt("Author", "Ωμέγα")
        texts.add_text("Comment", "long " * 500, zip=True)
        pixels = np.dstack([stored] * 3)
        return pictures.encode(pixels, "PNG", pnginfo=texts, dpi=(300, 200), **options)
    tags = [
        (270, 2, 0, b"A market" + b"\0", True),
        (274, 3, 1, orientation, True),
        (306, 2, 0, b"1931:12:15 10:20:30\0", True),
        (315, 2, 0, b"Anna\0", True),
        (700, 1, len(pictures.XMP), pictures.XMP, True),
        (33723, 7, len(pictures.IPTC), pictures.IPTC, True),
    ]
    plain = pictures.tiff(
        stored,
        byteorder=order,
        resolution=(300, 200),
        resolutionunit=2,
        iccprofile=pictures.SRGB,
        extratags=tags,
    )
    return with_directories(plain, block, order)


def with_iptc(jpeg: bytes) -> bytes:
    content = b"Photoshop 3.0\0" + iptc_resource(pictures.IPTC)
    return jpeg[:2] + struct.pack(">BBH", 0xFF, 0xED, len(content) + 2) + content + jpeg[2:]


def with_directories(data: bytes, block: bytes, order: Any) -> bytes:
    """Give a TIFF the EXIF and GPS directories of a block."""
    inner = [tag for tag in exif_block.read_tags(block) if tag.children]
    first = struct.unpack_from(order + "I", data, 4)[0]
    tags = exif_block.read_directory(data, order, first) + inner
    data += b"\0" * (len(data) % 2)
    return (
        data[:4]
        + struct.pack(order + "I", len(data))
        + data[8:]
        + exif_block.directory_bytes(tags, order, len(data))
    )


def recolored(data: bytes, format: str) -> bytes:
    """Read a photo and write it in colour."""
    photo = read_photo(data)
    return encode_photo(pictures.color(), photo, format)


def error_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(data)
    return str(caught.value)


def enlarged(format: str, side: int) -> bytes:
    """A small picture whose header claims to be `side` by `side`."""
    data = bytearray(encode_photo(pictures.color(), photo_of(pictures.grey()), format))
    if format == "png":
        header = side.to_bytes(4, "big") * 2 + bytes(data[24:29])
        return bytes(data[:8]) + pictures.chunk(b"IHDR", header) + bytes(data[33:])
    if format == "tiff":
        for code in (256, 257):
            tag = tifffile.TiffFile(io.BytesIO(data)).pages.first.tags[code]
            data[tag.valueoffset : tag.valueoffset + 4] = side.to_bytes(4, "little")
    elif format == "jpeg":
        start = data.index(b"\xff\xc0") + 5
        data[start : start + 4] = side.to_bytes(2, "big") * 2
    else:
        data[18:26] = side.to_bytes(4, "little") * 2
    return bytes(data)
