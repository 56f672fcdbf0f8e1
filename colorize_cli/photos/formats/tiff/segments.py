"""The samples of a page of TIFF: its strips or tiles found, checked, unpacked and put together.

`tifffile` would fill what is missing, and unpacks little without a large further package; it reads
the tags. Source: TIFF 6.0, sections 3, 14 and 15.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ....errors import ImageError
from ....imaging.lab import Pixels
from ..format import TRUNCATED, UnsupportedError, check_size
from .codecs import CODECS, JPEG, MISSING, PACKBITS, DamagedError
from .fax import GROUP_3, GROUP_4, HUFFMAN, unfax
from .jpeg import unjpeg

FAX = (HUFFMAN, GROUP_3, GROUP_4)
YCBCR = 6
_T4_OPTIONS = 292
_PREDICTED = (5, 8, 32946, 34925)  # the compressions that may come with a predictor
_NO_PREDICTOR, _HORIZONTAL_DIFFERENCE, _FLOATING_POINT = 1, 2, 3
_SAMPLE_FORMAT = 339
_UNSIGNED, _FLOAT, _UNDEFINED = 1, 3, 4
_MOST_SAMPLES = 16  # of a pixel, alpha and further channels included
_MOST_SEGMENTS = 1 << 18  # strips and tiles: each takes tens of microseconds
_CHUNK = 1 << 20  # samples that are unpacked at a time where they are no whole bytes
# The bits of each byte in the opposite order.
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])


@dataclass(frozen=True)
class Segment:
    """A strip or a tile: which samples it holds, and where its bytes lie in the file."""

    plane: int | None  # the sample of a pixel that it holds; None for all
    top: int
    left: int
    rows: int
    columns: int
    offset: int
    count: int | None  # bytes; None where the file does not say
    is_exact: bool  # it holds no more rows than these


def read_samples(
    page: tifffile.TiffPage, data: bytes, photometric: int
) -> tuple[Pixels, str | None]:
    """Return the samples of a page, (H, W, samples), as the file has them, and what is damaged.

    They are unsigned, of 8, 16 or 32 bits, the fewest that hold them, or of floating point; YCbCr
    of a JPEG becomes RGB. Parts that are missing or damaged are of a middle grey. Raises ImageError
    where all are, or where the page is of a kind that cannot be read.
    """
    _require_known(page)
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    found = np.empty((height, width, samples), _type_of(page))
    damage: list[str] = []
    is_lost = True  # all of it, so far
    segments = list(_segments(page))
    for segment in segments:
        rows = slice(segment.top, segment.top + segment.rows)
        columns = slice(segment.left, segment.left + segment.columns)
        planes = slice(None) if segment.plane is None else [segment.plane]
        try:
            part, hurt = _unpacked(page, segment, data, photometric)
        except ImageError as error:
            damage.append(str(error))
            if len(damage) == len(segments) and is_lost:
                raise ImageError(damage[0]) from error
            found[rows, columns, planes] = _middle(page)
            continue
        is_lost = False
        damage += [hurt] if hurt else []
        place = found[rows, columns, planes]
        found[rows, columns, planes] = part[: place.shape[0], : place.shape[1]]
    return found, damage[0] if damage else None


def _require_known(page: tifffile.TiffPage) -> None:
    compression, bits = int(page.compression), page.bitspersample
    name = getattr(page.compression, "name", "unknown")
    if compression not in (*CODECS, *FAX, JPEG):
        raise UnsupportedError(
            f"TIFF compression {compression} ({name}) is not supported: open it in another program "
            "and save it with LZW"
        )
    depths = page.tags.valueof(258)
    if isinstance(depths, tuple) and len(set(depths)) > 1:
        raise UnsupportedError(
            "a TIFF whose channels have different depths is not supported: save it anew"
        )
    is_whole = _formats(page) <= {_UNSIGNED, _UNDEFINED} and (1 <= bits <= 16 or bits == 32)
    if not is_whole and not _is_float(page):
        raise UnsupportedError(
            f"{bits}-bit TIFF of type {page.dtype} is not supported: save it with 8 or 16 bits a "
            "channel"
        )
    if not 1 <= page.samplesperpixel <= _MOST_SAMPLES or page.imagedepth != 1:
        raise ImageError(f"a TIFF of {page.samplesperpixel} channels is no photograph")
    is_fitting = {JPEG: bits == 8}.get(compression, bits == page.samplesperpixel == 1)
    if compression in (*FAX, JPEG) and not is_fitting:
        raise UnsupportedError(
            f"TIFF compression {name} of {bits} bits is not supported: save it with LZW"
        )
    predictor = int(page.predictor)
    if predictor != _NO_PREDICTOR and compression in (*_PREDICTED, PACKBITS):
        usual = _FLOATING_POINT if _is_float(page) else _HORIZONTAL_DIFFERENCE
        if predictor != usual or bits not in (8, 16, 32, 64) or compression == PACKBITS:
            raise UnsupportedError(
                f"TIFF predictor {predictor} at {bits} bits with {name} is not supported: save it "
                "with LZW"
            )


def _formats(page: tifffile.TiffPage) -> set[int]:
    formats = page.tags.valueof(_SAMPLE_FORMAT, _UNSIGNED)
    return set(formats) if isinstance(formats, tuple) else {int(formats)}


def _is_float(page: tifffile.TiffPage) -> bool:
    return _formats(page) == {_FLOAT} and page.bitspersample in (16, 32, 64)


def _type_of(page: tifffile.TiffPage) -> np.dtype[Any]:
    """Return the type that a page's samples are kept in."""
    if _is_float(page):
        return np.dtype(f"f{page.bitspersample // 8}")
    return np.dtype(next(f"u{size}" for size in (1, 2, 4) if page.bitspersample <= 8 * size))


def _segments(page: tifffile.TiffPage) -> Iterator[Segment]:
    """Give the strips or tiles in the file's order."""
    height, width = page.imagelength, page.imagewidth
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    else:
        rows, columns = min(page.rowsperstrip or height, height), width
    check_size(columns, rows)
    down, across = -(-height // rows), -(-width // columns)
    check_size(across * columns, down * rows)
    planes = [None] if page.planarconfig == 1 else list(range(page.samplesperpixel))
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) < len(planes) * down * across:
        raise ImageError(MISSING)
    if len(planes) * down * across > _MOST_SEGMENTS:
        raise ImageError("the TIFF is cut into more pieces than any photo: save it anew")
    places = product(planes, range(0, height, rows), range(0, width, columns))
    for i, (plane, top, left) in enumerate(places):
        count = counts[i] if i < len(counts) else None
        most = rows if page.is_tiled else min(rows, height - top)
        yield Segment(plane, top, left, most, columns, offsets[i], count, is_exact=most == rows)


def _unpacked(
    page: tifffile.TiffPage, segment: Segment, data: bytes, photometric: int
) -> tuple[Pixels, str | None]:
    """Return a strip's or tile's samples, (rows, columns, samples), and what is damaged of it."""
    is_cut = segment.offset + (segment.count or 0) > len(data)
    try:
        part, damage = _decoded(page, segment, _packed(page, segment, data), photometric)
    except ImageError as error:
        if is_cut:
            raise ImageError(TRUNCATED) from error
        raise
    return part, TRUNCATED if damage and is_cut else damage


def _decoded(
    page: tifffile.TiffPage, segment: Segment, packed: bytes, photometric: int
) -> tuple[Pixels, str | None]:
    compression, bits = int(page.compression), page.bitspersample
    samples = page.samplesperpixel if segment.plane is None else 1
    if compression == JPEG:
        sides, tables = (segment.rows, segment.columns), page.jpegtables or b""
        return unjpeg(packed, tables, sides, samples, photometric == YCBCR)
    if compression in FAX:
        options = int(page.tags.valueof(_T4_OPTIONS, 0))
        black = unfax(packed, segment.rows, segment.columns, compression, options)
        return black[..., None], None
    row_bytes = (segment.columns * samples * bits + 7) // 8
    is_exact = segment.is_exact and len(packed) == segment.count  # else others follow
    size, whole_rows, damage = segment.rows * row_bytes, segment.rows, None
    try:
        plain = CODECS[compression](packed, size, is_exact)
    except DamagedError as error:
        whole_rows, damage = len(error.plain) // row_bytes, str(error)
        if not whole_rows:
            raise
        plain = np.frombuffer(bytes(error.plain[:size]).ljust(size, b"\0"), np.uint8)
    plain, order = plain.reshape(segment.rows, row_bytes), page.parent.byteorder
    if page.predictor == _FLOATING_POINT and compression in _PREDICTED:
        plain, order = _summed_bytes(plain, samples, bits // 8), ">"
    words = _words(plain, bits, _type_of(page).newbyteorder(order))
    words = words[:, : segment.columns * samples].reshape(segment.rows, segment.columns, samples)
    if page.predictor == _HORIZONTAL_DIFFERENCE and compression in _PREDICTED:
        words = np.add.accumulate(words, axis=1, dtype=words.dtype)
    if damage:
        words = words.copy()
        words[whole_rows:] = _middle(page)
    return words, damage


def _middle(page: tifffile.TiffPage) -> float:
    """Return the level of what is missing."""
    return 0.5 if _is_float(page) else 1 << (page.bitspersample - 1)


def _summed_bytes(plain: NDArray[np.uint8], samples: int, size: int) -> NDArray[np.uint8]:
    """Undo the predictor of floating point: differences of bytes, all first ones first."""
    rows = plain.reshape(len(plain), -1, samples)
    rows = np.add.accumulate(rows, axis=1, dtype=np.uint8).reshape(len(plain), size, -1)
    return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(len(plain), -1)


def _packed(page: tifffile.TiffPage, segment: Segment, data: bytes) -> bytes:
    """Return the bytes of a strip or tile; a count behind the file's end is cut to it."""
    if not segment.offset or segment.count == 0:
        raise ImageError(MISSING)
    if segment.offset >= len(data):
        raise ImageError(TRUNCATED)
    end = len(data) if segment.count is None else segment.offset + segment.count
    packed = data[segment.offset : end]
    if page.fillorder == 2 and int(page.compression) != JPEG:
        packed = _REVERSED[np.frombuffer(packed, np.uint8)].tobytes()
    return packed


def _words(plain: NDArray[np.uint8], bits: int, kind: np.dtype[Any]) -> Pixels:
    """Turn rows of bytes into rows of numbers, which may be followed by some of the padding."""
    if bits == 8 * kind.itemsize:
        return plain.view(kind).astype(kind.newbyteorder("="), copy=False)
    rows, row_bytes = plain.shape
    words = np.empty((rows, row_bytes * 8 // bits), kind)
    step = max(_CHUNK // max(words.shape[1], 1), 1)
    for start in range(0, rows, step):
        part = slice(start, start + step)
        words[part] = _split(plain[part], words.shape[1], bits).astype(kind)
    return words


def _split(plain: NDArray[np.uint8], columns: int, bits: int) -> Pixels:
    """Cut rows of bytes into numbers of so many bits, the first bit being the highest."""
    each = np.unpackbits(plain, axis=1)[:, : columns * bits].reshape(len(plain), columns, bits)
    padded = np.zeros((len(plain), columns, 16), np.uint8)
    padded[..., 16 - bits :] = each
    return np.packbits(padded, axis=-1).view(">u2")[..., 0]
