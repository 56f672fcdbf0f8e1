"""TIFF in: tags as `tifffile` reads them, samples turned into grey or RGB and alpha."""

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ....errors import ImageError
from ....imaging.bit_depth import full_range
from ....imaging.lab import Pixels
from ... import exif
from ...metadata import Metadata
from ...wide import is_wide, opaque
from ..format import TRUNCATED, Page, UnsupportedError, check_size
from .codecs import JPEG, NONE
from .lab import CIELAB, rgb_from_lab
from .metadata import metadata_of
from .segments import FAX, YCBCR, read_samples

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is an ImageError

_BITS_PER_SAMPLE, _PHOTOMETRIC, _DNG_VERSION = 258, 262, 50706
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, CIELAB: 3}
_CANON = b"\x10\0\0\0CR\2"  # the first directory stands at 16, behind this mark
_SENSOR = (32803, 34892)  # what a sensor saw: a colour filter array, or linear light
_BROKEN = "the TIFF's chain of pages is damaged, and some may be missing"
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha: colours multiplied by it, or not
_INSIDE_LOOKED_AT = 8  # sub-directories of a page
_MOST_PAGES = 10_000


def read_pages(data: bytes) -> Iterator[Page]:
    """Read the pages that are photographs, as `Format.read_pages` says.

    Those that the file calls reduced copies or masks of others are none, nor are pictures in
    sub-directories.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            pages, broken = _pages_of(tif)
            if _is_raw(pages, data):
                yield _developed(pages[0], data)
                return
            photos = [page for page in pages if not page.is_reduced and not page.is_mask]
            if not photos:
                raise ImageError(
                    "the TIFF holds nothing but reduced copies (thumbnails) and masks: take the "
                    "photo itself"
                )
            masks = sum(page.is_mask for page in pages)
            said = (f"{masks} mask{'s' * (masks > 1)} left out",) if masks else ()
            for i, tags in enumerate(photos):
                page = _read_one(tags, data, len(photos))
                if i == 0:
                    damage = page.damage or broken
                    page = replace(page, warnings=(*said, *page.warnings), damage=damage)
                yield page
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # tifffile meets damaged bytes with whatever Python raises
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> ImageError:
    return ImageError(f"the TIFF cannot be read ({type(error).__name__}: {error})")


def _pages_of(tif: tifffile.TiffFile) -> tuple[list[tifffile.TiffPage], str | None]:
    """Follow the chain of pages; where it is broken behind the first, say so."""
    pages: dict[int, tifffile.TiffPage] = {}
    broken = None
    try:
        for page in tif.pages:
            if not isinstance(page, tifffile.TiffPage) or page.offset in pages:
                broken = _BROKEN
                break
            pages[page.offset] = page
            if len(pages) > _MOST_PAGES:
                raise ImageError(f"the TIFF has more than {_MOST_PAGES:,} pages: cut it into parts")
    except (ImageError, MemoryError):
        raise
    except Exception:
        if not pages:
            raise
        broken = _BROKEN
    if not pages:
        raise ImageError("the TIFF holds no picture")
    return list(pages.values()), broken


def _read_one(page: tifffile.TiffPage, data: bytes, pages: int) -> Page:
    """Read a page; of several, one that is too damaged to be read at all is blank."""
    try:
        return _read_page(page, data, pages)
    except (MemoryError, UnsupportedError):
        raise
    except Exception as error:
        if pages == 1:
            raise
        check_size(page.imagewidth, page.imagelength)
        known = error if isinstance(error, ImageError) else _unreadable(error)
        blank = np.full((page.imagelength, page.imagewidth), 255, np.uint8)
        return Page(blank, None, Metadata(exif=_order_of(page)), pages=pages, damage=str(known))


def _developed(first: tifffile.TiffPage, data: bytes) -> Page:
    """Develop a raw file, with the metadata of its first directory, upright."""
    from .raw import developed  # which imports this package

    page = developed(data, Metadata())
    warnings = list(page.warnings)
    metadata = metadata_of(first, data, warnings)
    if metadata.exif is not None:
        metadata = replace(metadata, exif=exif.made_upright(metadata.exif)[0])
    metadata = replace(metadata, icc=None)  # the preview's
    return replace(page, metadata=metadata, warnings=tuple(warnings))


def _is_raw(pages: list[tifffile.TiffPage], data: bytes) -> bool:
    """Tell a camera's raw file, whose readable picture is a small preview."""
    inside: list[object] = list(pages)
    for page in pages:
        with suppress(Exception):  # damaged sub-directories are no photograph's
            inside += islice(iter(page.pages or ()), _INSIDE_LOOKED_AT)
    return data[4:11] == _CANON or any(
        _DNG_VERSION in page.tags or page.tags.valueof(_PHOTOMETRIC) in _SENSOR
        for page in inside
        if isinstance(page, tifffile.TiffPage)
    )


def _check_page(page: tifffile.TiffPage) -> None:
    """Hold a page against the limits: those behind the first may be of other samples."""
    sample_bytes, channels = -(-page.bitspersample // 8), page.samplesperpixel
    check_size(page.imagewidth, page.imagelength, sample_bytes=sample_bytes, channels=channels)


def _read_page(page: tifffile.TiffPage, data: bytes, pages: int) -> Page:
    _check_page(page)
    if page.samplesperpixel > 1 and _BITS_PER_SAMPLE not in page.tags:
        raise ImageError(TRUNCATED)  # tifffile passes over tags whose values are cut off
    compression = int(page.compression)  # raises for a damaged tag
    warnings: list[str] = []
    photometric = _photometric(page, compression, warnings)
    samples, damage = read_samples(page, data, photometric)
    photometric = _RGB if photometric == YCBCR else photometric
    pixels, alpha = _interpreted(page, samples, photometric)
    extra = len(page.extrasamples) - (alpha is not None)
    warnings += [f"{extra} extra channels dropped"] if extra else []
    warnings += ["CMYK converted without its profile"] if photometric == _CMYK else []
    metadata = metadata_of(page, data, warnings)
    if pages > 1 and metadata.exif is None:
        metadata = replace(metadata, exif=_order_of(page))
    return Page(
        pixels,
        alpha,
        metadata,
        tuple(warnings),
        compression != NONE,
        pages,
        damage,
        is_srgb=photometric in (_CMYK, CIELAB),
    )


def _order_of(page: tifffile.TiffPage) -> bytes:
    """Say in an empty EXIF block the byte order, which all pages of a file have to share."""
    return exif.build([], page.parent.byteorder)


def _photometric(page: tifffile.TiffPage, compression: int, warnings: list[str]) -> int:
    """Return what the samples mean, by the tag or, with a warning, as libtiff guesses it."""
    if _PHOTOMETRIC in page.tags:
        photometric = int(page.photometric)
        if photometric in _SAMPLES or (photometric == YCBCR and compression == JPEG):
            return photometric
        name = getattr(page.photometric, "name", photometric)
        raise UnsupportedError(
            f"a TIFF of {name} samples is not supported: open it in another program and save it as "
            "RGB or grey"
        )
    if page.samplesperpixel >= _SAMPLES[_RGB]:
        warnings.append("the TIFF does not say what its channels are: taken for RGB")
        return YCBCR if compression == JPEG else _RGB
    warnings.append("the TIFF does not say what its levels are: taken for grey")
    return _WHITE_IS_ZERO if compression in FAX else _BLACK_IS_ZERO


def _interpreted(
    page: tifffile.TiffPage, samples: NDArray[Any], photometric: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Turn samples (H, W, S) into grey or RGB and alpha, of 8 or 16 bits unless wide."""
    base, white = _SAMPLES[photometric], (1 << page.bitspersample) - 1
    if samples.shape[2] < base:
        raise ImageError("the TIFF lacks a colour channel")
    if is_wide(samples):
        return _wide(page, samples, photometric)
    if photometric == _PALETTE:
        pixels = _palette_colours(page, samples[..., 0])
    elif photometric == CIELAB:
        pixels = rgb_from_lab(samples[..., :base], page.bitspersample)
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


def _wide(
    page: tifffile.TiffPage, samples: NDArray[Any], photometric: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Do the same for samples of floating point or 32 bits, which stay as they are."""
    pixels, alpha = samples[..., : _SAMPLES[photometric]], None
    if photometric == _WHITE_IS_ZERO and samples.dtype == np.uint32:
        pixels = np.iinfo(np.uint32).max - pixels
    elif photometric not in (_BLACK_IS_ZERO, _RGB):
        samples_name = getattr(page.photometric, "name", photometric)
        raise UnsupportedError(
            f"a TIFF of {samples.dtype.name} whose samples are {samples_name} is not "
            "supported: save it with 8 or 16 bits a channel"
        )
    kind = page.extrasamples[0] if page.extrasamples else None
    if kind in (_ASSOCIATED, _UNASSOCIATED) and samples.shape[2] > pixels.shape[2]:
        alpha = np.ascontiguousarray(samples[..., pixels.shape[2]])
        if kind == _ASSOCIATED:
            share = np.maximum(alpha / opaque(alpha.dtype), 1e-6)
            pixels = (pixels / share[..., None]).astype(samples.dtype)
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
