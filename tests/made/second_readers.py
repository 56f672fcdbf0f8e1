"""Files that the package has written, read by other libraries, or by hand where none can."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from made import pictures
from made.pictures import Array
from PIL import Image, IptcImagePlugin


def decoded(data: bytes, format: str) -> Array:
    """Samples of a file, (H, W, S) at its depth: Pillow's, tifffile's, or those of 16 bits here.

    Pillow rounds RGB of 16 bits to 8.
    """
    if format == "tiff":
        return np.asarray(tifffile.imread(io.BytesIO(data)))
    if format == "png" and data[24] == 16:
        return _png16(data)
    if format == "pfm":
        return _pfm(data)
    if format == "pnm" and b"\n65535\n" in data[:400]:
        return _ppm16(data)
    return np.asarray(pictures.opened(data))


def as_sixteen_bits(samples: Array) -> Array:
    """Bring floating point of white 1, and whole numbers of 32 bits, to levels of 16 bits."""
    white = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    return np.rint(samples.astype(np.float64) / white * 65_535).astype(np.uint16)


def _pfm(data: bytes) -> Array:
    """Rows of little-endian numbers, from the lowest up."""
    kind, sides, scale, samples = data.split(b"\n", 3)
    assert (kind, scale[:1]) == (b"PF", b"-")
    width, height = map(int, sides.split())
    return np.frombuffer(samples, "<f4").reshape(height, width, 3)[::-1].astype(np.float32)


def tags_of(data: bytes) -> Image.Exif:
    """Read tags by Pillow; those of a TIFF without the pixels, which may be too wide for it."""
    if data[:2] not in (b"II", b"MM"):
        return pictures.opened(data).getexif()
    found = Image.Exif()
    found.load(data)
    return found


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


def info_of(data: bytes) -> dict[str, Any]:
    """Return what Pillow finds beside EXIF: xmp, icc_profile, dpi, comment, IPTC's records."""
    if data[:2] in (b"II", b"MM"):
        tags = tags_of(data)
        names = {700: "xmp", 34675: "icc_profile", 33723: "iptc"}
        found: dict[str, Any] = {name: tags[code] for code, name in names.items() if code in tags}
        found["dpi"] = (tags.get(282), tags.get(283)) if tags.get(296) == 2 else None
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(found.get("iptc", b"")))
        resource += found.get("iptc", b"")
    else:
        found = dict(pictures.opened(data).info)
        found["xmp"] = found.get("xmp") or found.get("XML:com.adobe.xmp", "").encode()
        text = found.get("Raw profile type iptc", "")
        resource = bytes.fromhex("".join(text.split()[2:]))
    jpeg = data if data[:2] == b"\xff\xd8" else _jpeg_with(resource)
    return found | {"iptc": IptcImagePlugin.getiptcinfo(Image.open(io.BytesIO(jpeg))) or {}}


def _jpeg_with(resource: bytes) -> bytes:
    """Hand Pillow's reader of IPTC, which is one for JPEG, a resource from elsewhere."""
    content = b"Photoshop 3.0\0" + resource
    jpeg = pictures.encode(pictures.grey(), "JPEG")
    return jpeg[:2] + struct.pack(">BBH", 0xFF, 0xED, len(content) + 2) + content + jpeg[2:]
