"""TIFF out."""

import io
import struct

import numpy as np
import tifffile

from ... import exif
from ...wide import Wide, opaque, widened
from ..format import Page
from .metadata import IPTC, KEPT_TAGS, XMP


def write(page: Page) -> bytes:
    """Write a colour TIFF with all of the metadata but the comments.

    What was compressed is by deflate with the horizontal predictor, which every reader knows; LZW
    leaves 16-bit photographs as large as they were.
    """
    metadata, alpha, compressed = page.metadata, page.alpha, page.compressed
    block = metadata.exif or exif.build([], exif.byte_order(metadata.geo) if metadata.geo else "<")
    order, tags = exif.byte_order(block), exif.read_tags(block)
    geo = exif.read_tags(metadata.geo) if metadata.geo else []  # in the order that EXIF is in, too
    blobs = ((XMP, 1, metadata.xmp), (IPTC, 7, metadata.iptc))
    kept = [*geo, *(tag for tag in tags if tag.code in KEPT_TAGS)]
    extra = [(tag.code, tag.type, tag.count, tag.value) for tag in kept]
    extra += [(code, kind, len(blob), blob) for code, kind, blob in blobs if blob]
    pixels = page.pixels
    if page.wide:
        pixels = widened(pixels, page.wide)
        opacity = Wide(page.wide.type, opaque(pixels.dtype))
        alpha = None if alpha is None else widened(alpha, opacity)
    is_float = pixels.dtype.kind == "f"
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        pixels if alpha is None else np.dstack([pixels, alpha]),
        byteorder=order,
        photometric="rgb",
        extrasamples=None if alpha is None else ["unassalpha"],
        compression="zlib" if compressed else None,
        compressionargs={"level": 1} if compressed else None,
        predictor=compressed and not is_float,
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else 2,
        iccprofile=metadata.icc,
        extratags=[(*tag, True) for tag in extra],
        metadata=None,
        software=False,
        maxworkers=1,
    )
    return _with_directories(stream.getvalue(), order, [tag for tag in tags if tag.children])


def _with_directories(data: bytes, order: exif.ByteOrder, directories: list[exif.Tag]) -> bytes:
    """Add EXIF and GPS, which tifffile cannot write, in a new first directory at the end."""
    if not directories:
        return data
    (first,) = struct.unpack_from(order + "I", data, 4)
    tags = exif.read_directory(data, order, first) + directories
    data += b"\0" * (len(data) % 2)
    end = struct.pack(order + "I", len(data))
    return b"".join((data[:4], end, data[8:], exif.directory_bytes(tags, order, len(data))))
