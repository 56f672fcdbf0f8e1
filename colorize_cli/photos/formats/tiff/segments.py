"""LZW and PackBits in TIFF, by the libtiff inside OpenCV.

`tifffile` alone unpacks neither LZW nor, quickly, PackBits; OpenCV does, but misreads what the
bytes mean. So it gets each strip or tile dressed up as a grey TIFF of 8 bits.
"""

import struct
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from ....errors import ImageError

_HORIZONTAL_DIFFERENCE = 2


def unpack_segments(tif: tifffile.TiffFile, page: tifffile.TiffPage, data: bytes) -> None:
    """Decompress the strips or tiles of a page, which then reads the plain bytes from its file.

    The plain bytes are appended to the stream of `tif`; `data` is the file. Raises ImageError where
    a part is missing or damaged.
    """
    stream, position = tif.filehandle, len(data)
    offsets, counts = [], []
    parts = zip(_segment_sizes(page), page.dataoffsets, page.databytecounts, strict=False)
    for (height, row_bytes), offset, count in parts:
        if not count:
            raise ImageError("the TIFF lacks a part of its pixels")
        packed = data[offset : offset + count]
        dressed = _grey_tiff(packed, int(page.compression), row_bytes, height)
        plain = cv2.imdecode(np.frombuffer(dressed, np.uint8), cv2.IMREAD_UNCHANGED)
        if plain is None or plain.shape != (height, row_bytes):
            raise ImageError("the TIFF's compressed pixels are damaged")
        if page.predictor == _HORIZONTAL_DIFFERENCE:
            plain = _undo_predictor(plain, page)
        stream.seek(position)
        stream.write(plain.tobytes())
        offsets.append(position)
        counts.append(plain.size)
        position += plain.size
    page.compression, page.predictor = tifffile.COMPRESSION.NONE, tifffile.PREDICTOR.NONE
    page.dataoffsets, page.databytecounts = tuple(offsets), tuple(counts)


def _undo_predictor(plain: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Sum up the differences between neighbours in a strip's rows of bytes."""
    if page.bitspersample not in (8, 16):
        raise ImageError(f"a TIFF predictor at {page.bitspersample} bits is not supported")
    kind = np.dtype(f"{page.parent.byteorder}u{page.bitspersample // 8}")
    contiguous = page.samplesperpixel if page.planarconfig == 1 else 1
    differences = plain.view(kind).reshape(len(plain), -1, contiguous)
    sums = np.add.accumulate(differences, axis=1, dtype=kind.newbyteorder("="))
    return sums.astype(kind).view(np.uint8).reshape(plain.shape)


def _segment_sizes(page: tifffile.TiffPage) -> Iterator[tuple[int, int]]:
    """Yield rows and bytes a row of each strip or tile, in the file's order."""
    contiguous = page.planarconfig == 1
    bits = page.bitspersample * (page.samplesperpixel if contiguous else 1)
    for _ in range(1 if contiguous else page.samplesperpixel):
        if page.is_tiled:
            across = -(-page.imagewidth // page.tilewidth)
            down = -(-page.imagelength // page.tilelength)
            yield from [(page.tilelength, (page.tilewidth * bits + 7) // 8)] * (across * down)
            continue
        rows = min(page.rowsperstrip, page.imagelength)
        for top in range(0, page.imagelength, rows):
            yield min(rows, page.imagelength - top), (page.imagewidth * bits + 7) // 8


def _grey_tiff(segment: bytes, compression: int, width: int, height: int) -> bytes:
    """Wrap one compressed strip as an 8-bit grey TIFF of `width` by `height` bytes."""
    start = 8 + 2 + 9 * 12 + 4
    size = ((256, width), (257, height), (258, 8), (259, compression), (262, 1))
    fields = (*size, (273, start), (277, 1), (278, height), (279, len(segment)))
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + b"\0\0\0\0" + segment
