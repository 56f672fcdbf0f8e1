"""Files that the package has written, read by other libraries, or by hand where none can."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from made import pictures
from made.pictures import Array


def decoded(data: bytes, format: str) -> Array:
    """Samples of a file, (H, W, S) at its depth: Pillow's, tifffile's, or those of 16 bits here.

    Pillow rounds RGB of 16 bits to 8.
    """
    if format == "tiff":
        return np.asarray(tifffile.imread(io.BytesIO(data)))
    if format == "png" and data[24] == 16:
        return _png16(data)
    if format == "pnm" and b"\n65535\n" in data[:400]:
        return _ppm16(data)
    return np.asarray(pictures.opened(data))


def _ppm16(data: bytes) -> Array:
    lines = [line for line in data.split(b"\n", 9)[:9] if not line.startswith(b"#")]
    width, height = map(int, lines[1].split())
    samples = np.frombuffer(data[-6 * width * height :], ">u2").astype(np.uint16)
    return samples.reshape(height, width, 3)


def _png16(data: bytes) -> Array:
    """Undo the filters of a PNG of RGB or RGBA, byte by byte."""
    width, height, kind = struct.unpack_from(">IIxB", data, 16)
    step = {2: 6, 6: 8}[kind]
    position, packed = 8, b""
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            packed += data[position + 8 : position + 8 + size]
        position += 12 + size
    raw, length = zlib.decompress(packed), width * step
    above, rows = bytearray(length), []
    for start in range(0, len(raw), length + 1):
        row = bytearray(raw[start + 1 : start + 1 + length])
        _unfilter(raw[start], row, above, step)
        rows.append(bytes(row))
        above = row
    samples = np.frombuffer(b"".join(rows), ">u2").astype(np.uint16)
    return samples.reshape(height, width, step // 2)


def _unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        guess = left + above[i] - corner
        nearest = min((left, above[i], corner), key=lambda each: abs(guess - each))
        row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, nearest)[kind]) & 255


def xmp_of(image: Any) -> bytes | None:
    """Return XMP as Pillow finds it."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(700)
    return found.encode() if isinstance(found, str) else found


def iptc_of(image: Any) -> dict[tuple[int, int], Any]:
    """Return IPTC as Pillow finds it, in a PNG after the raw profile is taken for a JPEG's."""
    from PIL import Image, IptcImagePlugin

    text = image.info.get("Raw profile type iptc")
    if text is not None:
        resource = bytes.fromhex("".join(text.split()[2:]))
        content = b"Photoshop 3.0\0" + resource
        jpeg = pictures.encode(pictures.grey(), "JPEG")
        head = struct.pack(">BBH", 0xFF, 0xED, len(content) + 2)
        image = Image.open(io.BytesIO(jpeg[:2] + head + content + jpeg[2:]))
    return IptcImagePlugin.getiptcinfo(image) or {}
