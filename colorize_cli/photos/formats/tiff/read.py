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
from ....imaging.depth import full_range
from ....imaging.lab import Pixels
from ... import exif
from ..format import TRUNCATED, Page, check_size
from .segments import unpack_segments
from .tags import metadata_of

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is an ImageError

_BITS_PER_SAMPLE = 258
_UNCOMPRESSED, _LZW, _PACKBITS, _LZMA = 1, 5, 32773, 34925
_DEFLATE = (8, 32946)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha: colours multiplied by it, or not
_PAGES_LOOKED_AT = 8


def read_pages(data: bytes) -> Iterator[Page]:
    """Read the full-size pages one after the other, up to `_PAGES_LOOKED_AT`.

    Raises:
        ImageError: The file is damaged, or of a kind that is no photograph of 1 to 16 bits.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            pages = _choose_pages(tif)
            for page in pages:
                yield _read_page(tif, page, data, len(pages))
    except ImageError:
        raise
    except Exception as error:  # tifffile meets damaged bytes with whatever Python raises
        raise ImageError(f"the TIFF cannot be read ({type(error).__name__}: {error})") from error


def _choose_pages(tif: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Return the pages of full size."""
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
    compression, alpha, warnings = int(page.compression), None, []
    photometric = _BLACK_IS_ZERO if page.photometric is None else int(page.photometric)
    codecs = (_UNCOMPRESSED, _LZW, _PACKBITS, _LZMA, *_DEFLATE)
    usual = page.bitspersample in (1, 2, 4, 8, 16) and page.fillorder == 1
    if compression in codecs and photometric in _SAMPLES and usual:
        samples = _samples(tif, page, data)
        pixels, alpha = _interpreted(page, samples, photometric)
        extra = len(page.extrasamples) - (alpha is not None)
        warnings += [f"{extra} extra channels dropped"] if extra else []
        warnings += ["CMYK converted without its profile"] if photometric == _CMYK else []
    elif page.index == 0:
        pixels = _by_opencv(page, data)
    else:
        raise ImageError(f"TIFF compression {page.compression!s} is not supported: save it as LZW")
    metadata = metadata_of(page, data, warnings)
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
    ends = zip(page.dataoffsets, page.databytecounts, strict=True)
    if any(offset + count > len(data) for offset, count in ends):
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
    """Decode the first page by OpenCV with its orientation set to 1, which it would apply."""
    patched = np.frombuffer(data, np.uint8).copy()
    tag = page.tags.get(exif.ORIENTATION)
    if tag is not None:
        one = struct.pack(page.parent.byteorder + ("I" if tag.dtype == 4 else "H"), 1)
        patched[tag.valueoffset : tag.valueoffset + len(one)] = np.frombuffer(one, np.uint8)
    decoded = cv2.imdecode(patched, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if decoded is None or decoded.shape[:2] != (page.imagelength, page.imagewidth):
        raise ImageError(
            f"TIFF compression {page.compression!s} ({page.photometric!s}) cannot be read, or its "
            "pixels are damaged: save it with LZW"
        )
    pixels: Pixels = decoded
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError("the TIFF is not of 8 or 16 bits: save it as such")
    if pixels.dtype == np.uint16 and page.bitspersample < 16:  # 10, 12 or 14 bits, shifted up
        pixels = full_range(pixels >> (16 - page.bitspersample), (1 << page.bitspersample) - 1)
        if page.photometric == _WHITE_IS_ZERO:
            pixels = np.iinfo(np.uint16).max - pixels
    colors: Pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels
    return colors


def _interpreted(
    page: tifffile.TiffPage, samples: Pixels, photometric: int
) -> tuple[Pixels, Pixels | None]:
    """Turn samples (H, W, S) into grey or RGB and alpha, 8 or 16 bits."""
    base, extras = _SAMPLES[photometric], [int(kind) for kind in page.extrasamples]
    if samples.shape[2] < base:
        raise ImageError("the TIFF lacks a colour channel")
    if photometric == _PALETTE:
        pixels = _palette_colours(page, samples[..., 0])
    else:
        pixels = full_range(samples[..., :base], (1 << page.bitspersample) - 1)
    top = np.iinfo(pixels.dtype).max
    if photometric == _WHITE_IS_ZERO:
        pixels = top - pixels
    elif photometric == _CMYK:
        ink = (top - pixels).astype(np.uint32)
        pixels = (ink[..., :3] * ink[..., 3:] // top).astype(pixels.dtype)
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    index = next((i for i, kind in enumerate(extras) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if index is None or samples.shape[2] <= base + index:
        return np.ascontiguousarray(pixels), None
    alpha = full_range(samples[..., base + index], (1 << page.bitspersample) - 1)
    alpha = alpha.astype(pixels.dtype)
    if extras[index] == _ASSOCIATED:
        pixels = _unmultiplied(pixels, alpha)
    return np.ascontiguousarray(pixels), np.ascontiguousarray(alpha)


def _palette_colours(page: tifffile.TiffPage, indices: Pixels) -> Pixels:
    colormap = page.colormap  # (3, 2 ** bits) uint16
    if colormap is None:
        raise ImageError("the TIFF lacks its palette")
    # Some writers fill the 16-bit entries with 8-bit values.
    table: Pixels = colormap if colormap.max() < 256 else colormap >> 8
    colors: Pixels = table.T.astype(np.uint8)
    looked_up: Pixels = colors.take(indices.astype(np.intp), axis=0, mode="clip")
    return looked_up


def _unmultiplied(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Divide colours by the alpha that they were multiplied with; black where it is zero."""
    top = np.iinfo(pixels.dtype).max
    divisor = np.maximum(alpha, 1).astype(np.uint32)
    divisor = divisor if pixels.ndim == 2 else divisor[..., None]
    divided: Pixels = np.minimum(pixels.astype(np.uint32) * top // divisor, top)
    return divided.astype(pixels.dtype)
