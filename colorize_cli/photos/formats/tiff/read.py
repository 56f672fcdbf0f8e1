"""TIFF in: pages as `tifffile` unpacks them, turned into grey or RGB and alpha.

Only JPEG and fax compression, 8 bits without alpha, and 10 to 14 bits are left to OpenCV.
"""

import io
import logging
import struct
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import tifffile

from ....errors import ImageError
from ....imaging.bit_depth import full_range
from ....imaging.lab import Pixels
from ... import exif
from ...metadata import PER_INCH, Metadata, dpi_of, iptc_of
from ..format import TRUNCATED, Page, check_size
from .segments import unpack_segments

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is an ImageError

_BITS_PER_SAMPLE = 258
_UNCOMPRESSED, _LZW, _PACKBITS = 1, 5, 32773
_CODECS = (_UNCOMPRESSED, _LZW, _PACKBITS, 8, 32946, 34925)  # deflate twice, and LZMA
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha: colours multiplied by it, or not
_PAGES_LOOKED_AT = 8

# Tags that speak of the photo and not of the file's layout: document name, description, make,
# model, page name, software, date, artist, host, ratings, copyright, Windows' titles.
KEPT_TAGS = {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
XMP, IPTC = 700, 33723
_PHOTOSHOP, _ICC = 34377, 34675
_RESOLUTION, _RESOLUTION_UNIT = (282, 283), 296
# Descriptions in which programs note the shape of the array, untrue of a colour picture.
_LAYOUT_NOTES = (b"ImageJ=", b'{"shape"', b"<?xml", b"<OME")


def read_pages(data: bytes) -> Iterator[Page]:
    """Read the full-size pages among the first `_PAGES_LOOKED_AT`, as `Format.read_pages` says."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            pages = _full_size_pages(tif)
            for page in pages:
                yield _read_page(tif, page, data, len(pages))
    except ImageError:
        raise
    except Exception as error:  # tifffile meets damaged bytes with whatever Python raises
        raise ImageError(f"the TIFF cannot be read ({type(error).__name__}: {error})") from error


def _full_size_pages(tif: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    pages: list[tifffile.TiffPage] = []
    try:
        # A damaged chain of pages may be endless.
        for page in islice(tif.pages, _PAGES_LOOKED_AT):
            if isinstance(page, tifffile.TiffPage):
                pages.append(page)
    except Exception:
        if not pages:
            raise
    if not pages:
        raise ImageError("the TIFF holds no picture")
    return [page for page in pages if not page.is_reduced] or pages


def _read_page(tif: tifffile.TiffFile, page: tifffile.TiffPage, data: bytes, pages: int) -> Page:
    check_size(page.imagewidth, page.imagelength)
    if page.samplesperpixel > 1 and _BITS_PER_SAMPLE not in page.tags:
        raise ImageError(TRUNCATED)  # tifffile passes over tags whose values are cut off
    compression, alpha, warnings = int(page.compression), None, []  # raises for a damaged tag
    photometric = _BLACK_IS_ZERO if page.photometric is None else int(page.photometric)
    usual = page.bitspersample in (1, 2, 4, 8, 16) and page.fillorder == 1
    if compression in _CODECS and photometric in _SAMPLES and usual:
        pixels, alpha = _interpreted(page, _samples(tif, page, data), photometric)
        extra = len(page.extrasamples) - (alpha is not None)
        warnings += [f"{extra} extra channels dropped"] if extra else []
        warnings += ["CMYK converted without its profile"] if photometric == _CMYK else []
    elif page.index == 0:
        pixels = _by_opencv(page, data)
    else:
        raise ImageError(f"TIFF compression {page.compression!s} is not supported: save it as LZW")
    metadata = _metadata(page, data, warnings)
    compressed = compression != _UNCOMPRESSED
    return Page(pixels, alpha, metadata, tuple(warnings), compressed, pages)


def _samples(tif: tifffile.TiffFile, page: tifffile.TiffPage, data: bytes) -> Pixels:
    """Return the page as (H, W, samples), unsigned or boolean, as the file has it."""
    kind = page.dtype
    if kind is None or kind.kind not in "ub" or page.bitspersample > 16:
        raise ImageError(
            f"{page.bitspersample}-bit TIFF of type {kind} is not supported: save it with 8 or 16 "
            "bits a channel"
        )
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)
    if any(offset + count > len(data) for offset, count in parts):
        raise ImageError(TRUNCATED)
    if page.compression in (_LZW, _PACKBITS):
        unpack_segments(tif, page, data)
    samples = page.asarray(maxworkers=1)
    if page.axes == "SYX":
        samples = np.moveaxis(samples, 0, -1)
    elif page.axes == "YX":
        samples = samples[..., None]
    elif page.axes != "YXS":
        raise ImageError(f"a TIFF with axes {page.axes} is no photograph")
    if samples.shape[:2] != (page.imagelength, page.imagewidth):
        raise ImageError("the TIFF's pixels do not match its size")
    return samples


def _by_opencv(page: tifffile.TiffPage, data: bytes) -> Pixels:
    """Decode the first page with its orientation, which OpenCV would apply, set to 1."""
    patched = bytearray(data)
    tag = page.tags.get(exif.ORIENTATION)
    if tag is not None:
        kind = page.parent.byteorder + ("I" if tag.dtype == 4 else "H")
        struct.pack_into(kind, patched, tag.valueoffset, 1)
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    pixels: Pixels | None = cv2.imdecode(np.frombuffer(patched, np.uint8), flags)
    if pixels is None or pixels.shape[:2] != (page.imagelength, page.imagewidth):
        raise ImageError(
            f"TIFF compression {page.compression!s} ({page.photometric!s}) cannot be read, or its "
            "pixels are damaged: save it with LZW"
        )
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError("the TIFF is not of 8 or 16 bits: save it as such")
    if pixels.dtype == np.uint16 and page.bitspersample < 16:  # 10, 12 or 14 bits, shifted up
        pixels = full_range(pixels >> (16 - page.bitspersample), (1 << page.bitspersample) - 1)
        if page.photometric == _WHITE_IS_ZERO:
            pixels = np.iinfo(np.uint16).max - pixels
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _interpreted(
    page: tifffile.TiffPage, samples: Pixels, photometric: int
) -> tuple[Pixels, Pixels | None]:
    """Turn samples (H, W, S) into grey or RGB and alpha, 8 or 16 bits."""
    base, white = _SAMPLES[photometric], (1 << page.bitspersample) - 1
    if samples.shape[2] < base:
        raise ImageError("the TIFF lacks a colour channel")
    if photometric == _PALETTE:
        pixels = _palette_colours(page, samples[..., 0])
    else:
        pixels = full_range(samples[..., :base], white)
    top = np.iinfo(pixels.dtype).max
    if photometric == _WHITE_IS_ZERO:
        pixels = top - pixels
    elif photometric == _CMYK:
        ink = (top - pixels).astype(np.uint32)
        pixels = (ink[..., :3] * ink[..., 3:] // top).astype(pixels.dtype)
    alpha = None
    for channel, kind in enumerate(page.extrasamples[: samples.shape[2] - base], base):
        if alpha is None and kind in (_ASSOCIATED, _UNASSOCIATED):
            alpha = np.ascontiguousarray(full_range(samples[..., channel], white), pixels.dtype)
            pixels = _unmultiplied(pixels, alpha) if kind == _ASSOCIATED else pixels
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return np.ascontiguousarray(pixels), alpha


def _palette_colours(page: tifffile.TiffPage, indices: Pixels) -> Pixels:
    table: Pixels | None = page.colormap  # (3, 2 ** bits) uint16
    if table is None:
        raise ImageError("the TIFF lacks its palette")
    if table.max() >= 256:  # some writers fill the 16-bit entries with 8-bit values
        table = table >> 8
    return table.T.astype(np.uint8).take(indices, axis=0, mode="clip")


def _unmultiplied(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Divide colours by the alpha that they were multiplied with; black where it is zero."""
    top = np.iinfo(pixels.dtype).max
    divisor = np.maximum(alpha, 1).astype(np.uint32)[..., None]
    divided: Pixels = np.minimum(pixels.astype(np.uint32) * top // divisor, top)
    return divided.astype(pixels.dtype)


def _metadata(page: tifffile.TiffPage, data: bytes, warnings: list[str]) -> Metadata:
    """Read a page's metadata, orientation in the EXIF block; add to `warnings` what is lost."""
    order: exif.ByteOrder = page.parent.byteorder
    blobs, tags = {}, []
    for tag in page.tags:
        value = data[tag.valueoffset : tag.valueoffset + tag.valuebytecount]
        if tag.code in (XMP, IPTC, _PHOTOSHOP, _ICC):
            blobs[tag.code] = value
        elif tag.code == 270 and value.startswith(_LAYOUT_NOTES):
            continue
        elif tag.code in KEPT_TAGS and int(tag.dtype) <= 12:
            tags.append(exif.Tag(tag.code, int(tag.dtype), tag.count, value))
        elif tag.code == exif.ORIENTATION and tag.value != 1:
            tags.append(exif.Tag(tag.code, 3, 1, struct.pack(order + "H", int(tag.value) & 0xFFFF)))
    tags += _directories(page, data, warnings)
    block = exif.build(tags, order) if tags else None
    iptc = blobs.get(IPTC) or iptc_of(blobs.get(_PHOTOSHOP, b""))
    return Metadata(block, blobs.get(XMP), blobs.get(_ICC), iptc, _page_dpi(page))


def _directories(page: tifffile.TiffPage, data: bytes, warnings: list[str]) -> list[exif.Tag]:
    """Read the EXIF and GPS directories, which a BigTIFF has in a form of its own."""
    if exif.EXIF_IFD not in page.tags and exif.GPS_IFD not in page.tags:
        return []
    try:
        if page.parent.is_bigtiff:
            raise exif.ExifError("it lies in a BigTIFF")
        tags = exif.read_directory(data, page.parent.byteorder, page.offset)
        return [tag for tag in tags if tag.children]
    except exif.ExifError as error:
        warnings.append(f"EXIF dropped: it cannot be read ({error})")
        return []


def _page_dpi(page: tifffile.TiffPage) -> tuple[float, float] | None:
    ratios = [page.tags[code].value for code in _RESOLUTION if code in page.tags]
    if len(ratios) < 2 or not all(isinstance(r, tuple) and len(r) == 2 and r[1] for r in ratios):
        return None
    (x, per_x), (y, per_y) = ratios
    unit = page.tags.get(_RESOLUTION_UNIT)
    return dpi_of(x / per_x, y / per_y, PER_INCH.get(2 if unit is None else int(unit.value)))
