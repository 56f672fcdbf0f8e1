"""Photographs out: RGB pixels to the bytes of a file, with the photo's alpha and metadata.

Settings are chosen for time, for at the libraries' defaults encoding would take as long as the
network. Core milliseconds a megapixel on an EPYC, by `python -m benchmarks.encoding`:

| format | setting | ms/MP | library's default |
|---|---|---|---|
| PNG, 8 bits | level 1, run lengths, average filter | 33 | 204 ms, 16% smaller |
| PNG, 16 bits | level 1, difference filter | 137 | 288 ms, 1% smaller |
| TIFF, 8 bits | deflate 1 with predictor | 36 | 165 ms, 7% smaller |
| TIFF, 16 bits | deflate 1 with predictor | 125 | 209 ms, as large |
| JPEG | quality 95, 4:4:4 | 5 | 8 ms, as large |
| WebP | lossless | 567 | quality 95: 95 ms, 67% smaller |

WebP is written losslessly because its lossy kind is 4:2:0 by definition, and colour is what this
tool adds. OpenCV's lossless kind has no faster setting; where time counts, choose another format.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from ..errors import ImageError
from .containers import PNG_SIGNATURE, png_chunk
from .metadata import (
    METRES_PER_INCH,
    PHOTOSHOP,
    XMP_KEYWORD,
    XMP_NAMESPACE,
    Metadata,
    exif_dpi,
    exif_with_resolution,
    iptc_resource,
)
from .read import Photo, Pixels

JPEG_QUALITY = 95
_SUFFIXES = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "bmp": (".bmp", ".dib"),
}
_LONGEST_SIDE = {"jpeg": 65_500, "webp": 16_383}
_MAX_SEGMENT = 65_533  # bytes of a JPEG segment's content
_STRIP = 256  # rows at a time where pixels are converted
_PARTS = {
    "exif": "EXIF",
    "xmp": "XMP",
    "icc": "the ICC profile",
    "iptc": "IPTC",
    "dpi": "the resolution",
    "comments": "comments",
}
_HOLDS = {
    "jpeg": frozenset(_PARTS),
    "png": frozenset(_PARTS) - {"iptc"},
    "tiff": frozenset(_PARTS) - {"comments"},
    "webp": frozenset({"exif", "xmp", "icc"}),
    "bmp": frozenset({"dpi"}),
}


def encode_photo(rgb: Pixels, photo: Photo, format: str) -> bytes:
    """Encode a coloured photo with the alpha and metadata of the photo that it was made from.

    What `format` cannot hold is left out, as `losses` says: transparency is laid on white, 16 bits
    are rounded to 8.

    Args:
        rgb: (H, W, 3) sRGB of the size and type of `photo.pixels`.
        photo: The photo as read.
        format: "jpeg", "png", "tiff", "webp" or "bmp".

    Raises:
        ImageError: The photo has longer sides than the format allows.
    """
    height, width = photo.pixels.shape[:2]
    if rgb.shape != (height, width, 3) or rgb.dtype != photo.pixels.dtype:
        raise ValueError(f"rgb is {rgb.dtype}{rgb.shape}, the photo {height} x {width}")
    longest = _LONGEST_SIDE.get(format)
    if longest is not None and max(height, width) > longest:
        raise ImageError(
            f"a side of {max(height, width)} pixels is too long for {format}: choose --format png"
        )
    return _WRITERS[format](rgb, photo, _holdable(photo.metadata, format)[0])


def losses(photo: Photo, format: str) -> tuple[str, ...]:
    """Say what of a photo a format cannot hold; empty where it holds everything."""
    sentences = []
    if photo.alpha is not None and format == "jpeg" and not _is_opaque(photo.alpha):
        sentences.append("transparency laid on white: JPEG has none")
    if photo.pixels.dtype == np.uint16 and format not in ("png", "tiff"):
        sentences.append(f"16 bits rounded to 8: {format} has no more")
    missing = _holdable(photo.metadata, format)[1]
    if missing:
        sentences.append(f"{format} cannot hold {', '.join(missing)}: dropped")
    return tuple(sentences)


def output_suffix(format: str, source_suffix: str) -> str:
    """Choose a file name's suffix: the source's own spelling (".JPG") where it fits the format."""
    known = _SUFFIXES[format]
    return source_suffix if source_suffix.lower() in known else known[0]


def _holdable(metadata: Metadata, format: str) -> tuple[Metadata, list[str]]:
    """Return what a format can hold, and the names of the rest."""
    if format == "webp" and metadata.dpi:  # which has no field for it but EXIF
        block = metadata.exif or exif_with_resolution(metadata.dpi)
        metadata = replace(metadata, exif=block, dpi=None if exif_dpi(block) else metadata.dpi)
    limits = {}
    if format == "jpeg":  # one segment each
        room = {"exif": 6, "xmp": len(XMP_NAMESPACE), "icc": 14, "iptc": len(PHOTOSHOP) + 14}
        limits = {part: _MAX_SEGMENT - head for part, head in room.items()}
    kept, missing = {}, []
    for part, name in _PARTS.items():
        value = getattr(metadata, part)
        if not value:
            continue
        if part in _HOLDS[format] and len(value) <= limits.get(part, len(value)):
            kept[part] = value
        else:
            missing.append(name)
    return Metadata(**kept), missing


def _jpeg(rgb: Pixels, photo: Photo, metadata: Metadata) -> bytes:
    pixels = _eight_bits(rgb)
    if photo.alpha is not None and not _is_opaque(photo.alpha):
        pixels = _on_white(pixels, _eight_bits(photo.alpha))
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling)
    if metadata.xmp:
        # OpenCV strips nothing when it reads and adds nothing when it writes.
        metadata = replace(metadata, xmp=XMP_NAMESPACE + metadata.xmp)
    data = bytearray(_encode(".jpg", pixels, None, metadata, settings))
    segments = [(0xFE, text.encode()[:_MAX_SEGMENT]) for text in _comment_lines(metadata)]
    if metadata.iptc:
        segments.insert(0, (0xED, PHOTOSHOP + iptc_resource(metadata.iptc)))
    end = 2
    while data[end + 1] & 0xF0 == 0xE0:  # behind JFIF, EXIF, XMP and ICC
        end += 2 + int.from_bytes(data[end + 2 : end + 4], "big")
    data[end:end] = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        for marker, content in segments
    )
    if metadata.dpi:  # the JFIF segment comes first: unit 1 is the inch
        struct.pack_into(
            ">BHH", data, 13, 1, *(min(max(round(n), 1), 65_535) for n in metadata.dpi)
        )
    return bytes(data)


def _png(rgb: Pixels, photo: Photo, metadata: Metadata) -> bytes:
    # At 8 bits the run-length strategy saves a quarter of the time for 6% more bytes; at 16 it
    # would save half for 20%.
    deep = rgb.dtype == np.uint16
    settings = (
        cv2.IMWRITE_PNG_COMPRESSION,
        1,
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_DEFAULT if deep else cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_SUB if deep else cv2.IMWRITE_PNG_FILTER_AVG,
    )
    data = _encode(".png", rgb, photo.alpha, Metadata(), settings)
    head = len(PNG_SIGNATURE) + 25  # behind IHDR
    # OpenCV would write XMP as tEXt, which is Latin-1, and libpng complain about good profiles.
    return b"".join((data[:head], _png_metadata(metadata), data[head:]))


def _png_metadata(metadata: Metadata) -> bytes:
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        x, y = (round(number / METRES_PER_INCH) for number in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    for keyword, text in metadata.comments:
        name = keyword.encode("latin-1", "replace")[:79]
        chunks.append((b"iTXt", name + b"\0\0\0\0\0" + text.encode()))
    return b"".join(png_chunk(kind, content) for kind, content in chunks)


def _tiff(rgb: Pixels, photo: Photo, metadata: Metadata) -> bytes:
    from .tiff import write_tiff

    return write_tiff(rgb, photo.alpha, metadata, compressed=photo.compressed)


def _webp(rgb: Pixels, photo: Photo, metadata: Metadata) -> bytes:
    alpha = None if photo.alpha is None else _eight_bits(photo.alpha)
    # Beyond 100 is lossless; colours under full transparency are kept.
    mode = cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR
    settings = (cv2.IMWRITE_WEBP_QUALITY, 101, cv2.IMWRITE_WEBP_LOSSLESS_MODE, mode)
    return _encode(".webp", _eight_bits(rgb), alpha, metadata, settings)


def _bmp(rgb: Pixels, photo: Photo, metadata: Metadata) -> bytes:
    alpha = None if photo.alpha is None else _eight_bits(photo.alpha)
    data = bytearray(_encode(".bmp", _eight_bits(rgb), alpha, Metadata(), ()))
    if metadata.dpi:
        struct.pack_into("<ii", data, 38, *(round(n / METRES_PER_INCH) for n in metadata.dpi))
    return bytes(data)


_WRITERS: dict[str, Callable[[Pixels, Photo, Metadata], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "tiff": _tiff,
    "webp": _webp,
    "bmp": _bmp,
}


def _encode(
    suffix: str,
    rgb: Pixels,
    alpha: Pixels | None,
    metadata: Metadata,
    settings: tuple[int, ...],
) -> bytes:
    """Encode by OpenCV, with EXIF, XMP and ICC."""
    if alpha is None:
        pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    else:
        red, green, blue = cv2.split(rgb)
        pixels = cv2.merge([blue, green, red, alpha])
    parts = (
        (cv2.IMAGE_METADATA_EXIF, metadata.exif),
        (cv2.IMAGE_METADATA_XMP, metadata.xmp),
        (cv2.IMAGE_METADATA_ICCP, metadata.icc),
    )
    present = [(kind, np.frombuffer(blob, np.uint8)) for kind, blob in parts if blob]
    try:
        done, data = cv2.imencodeWithMetadata(
            suffix, pixels, [kind for kind, _ in present], [blob for _, blob in present], settings
        )
    except cv2.error as error:
        raise ImageError(f"the picture cannot be written as {suffix[1:]} ({error.err})") from error
    if not done:
        raise ImageError(f"the picture cannot be written as {suffix[1:]}")
    return data.tobytes()


def _comment_lines(metadata: Metadata) -> list[str]:
    return [
        text if keyword == "Comment" else f"{keyword}: {text}"
        for keyword, text in metadata.comments
    ]


def _eight_bits(pixels: Pixels) -> Pixels:
    """Round to 8 bits, to the nearest of the 256 levels."""
    return pixels if pixels.dtype == np.uint8 else cv2.convertScaleAbs(pixels, alpha=1 / 257)


def _is_opaque(alpha: Pixels) -> bool:
    return bool(alpha.min() == np.iinfo(alpha.dtype).max)


def _on_white(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Lay 8-bit colours on white paper, a strip of rows at a time."""
    flat = np.empty_like(rgb)
    for top in range(0, len(rgb), _STRIP):
        rows = slice(top, top + _STRIP)
        opacity = alpha[rows, :, None].astype(np.uint16)
        flat[rows] = (rgb[rows] * opacity + 255 * (255 - opacity) + 127) // 255
    return flat
