"""TIFF in and out, by `tifffile`: OpenCV drops every tag, misreads alpha and 16-bit inverted grey.

Only JPEG and fax compression, 8 bits without alpha, and 10 to 14 bits are left to OpenCV.
"""

import io
import struct
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import tifffile

from ..errors import ImageError
from ..imaging.lab import Pixels
from . import exif
from .containers import TRUNCATED, check_size
from .metadata import Metadata, iptc_of, resolution_dpi
from .tiff_segments import unpack_segments

# Tags that speak of the photo and not of the file's layout: document name, description, make,
# model, page name, software, date, artist, host, ratings, copyright, Windows' titles.
_KEPT_TAGS = frozenset(
    {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
)
_BITS_PER_SAMPLE, _RESOLUTION_UNIT = 258, 296
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
# Descriptions in which programs note the shape of the array, untrue of a colour picture.
_LAYOUT_NOTES = (b"ImageJ=", b'{"shape"', b"<?xml", b"<OME")

_UNCOMPRESSED, _LZW, _PACKBITS, _LZMA = 1, 5, 32773, 34925
_DEFLATE = (8, 32946)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha: colours multiplied by it, or not
_PAGES_LOOKED_AT = 8
_DEFLATE_LEVEL = 1  # level 6 takes 8 times as long at 8 bits, twice at 16, for a tenth less


@dataclass(frozen=True)
class TiffPicture:
    """The first page of a TIFF, not yet upright.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W) of the same type, or None.
        metadata: As read; the orientation is in its EXIF block.
        compressed: Whether the pixels were.
        warnings: What was left out.
    """

    pixels: Pixels
    alpha: Pixels | None
    metadata: Metadata
    compressed: bool
    warnings: tuple[str, ...]


def read_tiff(data: bytes) -> TiffPicture:
    """Read the first full-size page.

    Raises:
        ImageError: The file is damaged, or of a kind that is no photograph of 1 to 16 bits.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            return _read_page(tif, data)
    except ImageError:
        raise
    except Exception as error:  # tifffile meets damaged bytes with whatever Python raises
        raise ImageError(f"the TIFF cannot be read ({type(error).__name__}: {error})") from error


def write_tiff(
    rgb: Pixels, alpha: Pixels | None, metadata: Metadata, *, compressed: bool = True
) -> bytes:
    """Write a colour TIFF, losslessly.

    Args:
        rgb: (H, W, 3) uint8 or uint16.
        alpha: (H, W) of the same type, not multiplied into the colours.
        metadata: All of it but the comments is written.
        compressed: With deflate and the horizontal predictor, which every reader knows; LZW, of
            the same age, leaves 16-bit photographs as large as they were.
    """
    order: exif.ByteOrder = exif.byte_order(metadata.exif) if metadata.exif else "<"
    tags = exif.read_tags(metadata.exif) if metadata.exif else []
    blobs = {_XMP: (1, metadata.xmp), _IPTC: (7, metadata.iptc)}
    extra = [(tag.code, tag.type, tag.count, tag.value) for tag in tags if tag.code in _KEPT_TAGS]
    extra += [(code, kind, len(blob), blob) for code, (kind, blob) in blobs.items() if blob]
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        rgb if alpha is None else np.dstack([rgb, alpha]),
        byteorder=order,
        photometric="rgb",
        extrasamples=None if alpha is None else ["unassalpha"],
        compression="zlib" if compressed else None,
        compressionargs={"level": _DEFLATE_LEVEL} if compressed else None,
        predictor=compressed,
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else 2,
        iccprofile=metadata.icc,
        extratags=[(*tag, True) for tag in extra],
        metadata=None,
        software=False,
        maxworkers=1,
    )
    directories = [tag for tag in tags if tag.children]
    return _with_directories(stream.getvalue(), order, directories)


def _with_directories(data: bytes, order: exif.ByteOrder, directories: list[exif.Tag]) -> bytes:
    """Add EXIF and GPS, which tifffile cannot write, in a new first directory at the end."""
    if not directories:
        return data
    (first,) = struct.unpack_from(order + "I", data, 4)
    tags = exif.read_directory(data, order, first) + directories
    data += b"\0" * (len(data) % 2)
    head = data[:4] + struct.pack(order + "I", len(data))
    return b"".join((head, data[8:], exif.directory_bytes(tags, order, len(data))))


def _read_page(tif: tifffile.TiffFile, data: bytes) -> TiffPicture:
    page, is_first, warnings = _choose_page(tif)
    check_size(page.imagewidth, page.imagelength)
    if page.samplesperpixel > 1 and _BITS_PER_SAMPLE not in page.tags:
        raise ImageError(TRUNCATED)  # tifffile passes over tags whose values are cut off
    compression = int(page.compression)
    photometric = _BLACK_IS_ZERO if page.photometric is None else int(page.photometric)
    codecs = (_UNCOMPRESSED, _LZW, _PACKBITS, _LZMA, *_DEFLATE)
    usual = page.bitspersample in (1, 2, 4, 8, 16) and page.fillorder == 1
    if compression in codecs and photometric in _SAMPLES and usual:
        samples = _samples(tif, page, data)
        pixels, alpha = _interpreted(page, samples, photometric)
        extra = len(page.extrasamples) - (alpha is not None)
        warnings += [f"{extra} extra channels dropped"] if extra else []
        warnings += ["CMYK converted without its profile"] if photometric == _CMYK else []
    elif is_first:
        pixels, alpha = _by_opencv(page, data), None
    else:
        raise ImageError(f"TIFF compression {page.compression!s} is not supported: save it as LZW")
    metadata = _metadata(page, data, warnings)
    return TiffPicture(pixels, alpha, metadata, compression != _UNCOMPRESSED, tuple(warnings))


def _choose_page(tif: tifffile.TiffFile) -> tuple[tifffile.TiffPage, bool, list[str]]:
    """Return the first full-size page, whether it is the file's first, and warnings."""
    pages: list[tifffile.TiffPage] = []
    try:
        # A damaged chain of pages may be endless.
        for page in islice(tif.pages, _PAGES_LOOKED_AT):
            if isinstance(page, tifffile.TiffPage):
                pages.append(page)
    except Exception:
        if not pages:
            raise
    full = [page for page in pages if not page.is_reduced] or pages
    if not full:
        raise ImageError("the TIFF holds no picture")
    warnings = ["only the first page is used"] if len(full) > 1 else []
    return full[0], full[0] is pages[0], warnings


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
        pixels = _full_range(pixels >> (16 - page.bitspersample), page.bitspersample)
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
        pixels = _full_range(samples[..., :base], page.bitspersample)
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
    alpha = _full_range(samples[..., base + index], page.bitspersample).astype(pixels.dtype)
    if extras[index] == _ASSOCIATED:
        pixels = _unmultiplied(pixels, alpha)
    return np.ascontiguousarray(pixels), np.ascontiguousarray(alpha)


def _full_range(samples: Pixels, bits: int) -> Pixels:
    """Stretch samples of `bits` to the whole range of 8 or 16 bits, in the machine's byte order."""
    if bits in (8, 16):
        return samples.astype(np.uint8 if bits == 8 else np.uint16, copy=False)
    wide = samples.astype(np.uint32)
    if bits < 8:
        return (wide * 255 // ((1 << bits) - 1)).astype(np.uint8)
    return (wide * 65_535 // ((1 << bits) - 1)).astype(np.uint16)


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


def _metadata(page: tifffile.TiffPage, data: bytes, warnings: list[str]) -> Metadata:
    order: exif.ByteOrder = page.parent.byteorder
    blobs, tags = {}, []
    for tag in page.tags:
        value = data[tag.valueoffset : tag.valueoffset + tag.valuebytecount]
        if tag.code in (_XMP, _IPTC, _PHOTOSHOP, _ICC):
            blobs[tag.code] = value
        elif tag.code == 270 and value.startswith(_LAYOUT_NOTES):
            continue
        elif tag.code in _KEPT_TAGS and int(tag.dtype) <= 12:
            tags.append(exif.Tag(tag.code, int(tag.dtype), tag.count, value))
        elif tag.code == exif.ORIENTATION and tag.value != 1:
            tags.append(exif.Tag(tag.code, 3, 1, struct.pack(order + "H", int(tag.value) & 0xFFFF)))
    tags += _directories(page, data, order, warnings)
    block = exif.build(tags, order) if tags else None
    iptc = blobs.get(_IPTC) or iptc_of(blobs.get(_PHOTOSHOP, b""))
    return Metadata(block, blobs.get(_XMP), blobs.get(_ICC), iptc, _page_dpi(page))


def _directories(
    page: tifffile.TiffPage, data: bytes, order: exif.ByteOrder, warnings: list[str]
) -> list[exif.Tag]:
    """Read the EXIF and GPS directories, which a BigTIFF has in a form of its own."""
    present = [code for code in (exif.EXIF_IFD, exif.GPS_IFD) if code in page.tags]
    if not present:
        return []
    try:
        if page.parent.is_bigtiff:
            raise exif.ExifError("it lies in a BigTIFF")
        tags = exif.read_directory(data, order, page.offset)
    except exif.ExifError as error:
        warnings.append(f"EXIF dropped: it cannot be read ({error})")
        return []
    return [tag for tag in tags if tag.children]


def _page_dpi(page: tifffile.TiffPage) -> tuple[float, float] | None:
    x, y, unit = (page.tags.get(code) for code in (282, 283, _RESOLUTION_UNIT))
    if (
        x is None
        or y is None
        or not all(
            isinstance(tag.value, tuple) and len(tag.value) == 2 and tag.value[1] for tag in (x, y)
        )
    ):
        return None
    return resolution_dpi(
        x.value[0] / x.value[1], y.value[0] / y.value[1], 2 if unit is None else int(unit.value)
    )
