"""One file of each format, depth and kind of colour that can be read, in any orientation.

Pillow and tifffile write them, or they are laid out by hand; `pictures` has the ways of storing
that these do not tell apart, such as strips and tiles.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
from made import pictures
from made.pictures import Array, Picture, alpha, color, encode, grey, png, stored_as

# Whether a file of the format says how it has to be turned.
TURNABLE = ("jpeg", "png", "tiff", "webp")


@dataclass(frozen=True)
class Kind:
    """What tells the files apart.

    Attributes:
        format: As the package names it.
        colour: "grey", "rgb", "palette", "cmyk", "lab", "white-is-zero", with "-alpha" or "-key".
        depth: Bits of a channel, with an f for floating point.
    """

    format: str
    colour: str
    depth: str

    def __str__(self) -> str:
        return f"{self.format}-{self.colour}-{self.depth}"


def kinds() -> list[Kind]:
    """Every kind that there is."""
    return list(_MAKERS)


def picture(kind: Kind, orientation: int = 1) -> Picture:
    """A file of a kind and what reading it has to give; one that is `TURNABLE` may lie turned."""
    return _MAKERS[kind](orientation)


def orientations(kind: Kind) -> range:
    """The orientations that a file of a kind can say."""
    return range(1, 9) if kind.format in TURNABLE else range(1, 2)


_Maker = Callable[[int], Picture]
_MAKERS: dict[Kind, _Maker] = {}


def _kind(format: str, colour: str, depth: str) -> Callable[[_Maker], _Maker]:
    def keep(maker: _Maker) -> _Maker:
        _MAKERS[Kind(format, colour, depth)] = maker
        return maker

    return keep


def _exif(orientation: int) -> dict[str, Any]:
    return {} if orientation == 1 else {"exif": b"Exif\0\0" + _turned(orientation)}


def _turned(orientation: int) -> bytes:
    """An EXIF block that says no more than how the photo lies."""
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0" * 7


def _by_pillow(
    format: str, colour: str, pixels: Array, tolerance: int, mode: str | None = None, **options: Any
) -> None:
    """Have Pillow write a picture of 8 bits, of its own `mode`."""

    def make(orientation: int) -> Picture:
        stored = stored_as(pixels, orientation)
        name = {"jp2": "JPEG2000"}.get(format, format.upper())
        extra = _exif(orientation) if format in TURNABLE else {}
        if mode is None:
            data = encode(stored, name, **options, **extra)
        else:
            data = pictures.converted(stored, mode, name, **options, **extra)
        rgb = pixels[..., :3] if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels
        opacity = pixels[..., 3] if rgb is not pixels else None
        return Picture(f"{format}-{colour}-8", format, data, rgb, opacity, tolerance)

    _kind(format, colour, "8")(make)


def _pngs() -> None:
    for bits in (1, 2, 4, 8, 16):
        _png("grey", bits, 0, grey(bits))
    for bits in (8, 16):
        _png("rgb", bits, 2, color(bits))
        _png("grey-alpha", bits, 4, np.dstack([grey(bits), alpha(bits)]))
        _png("rgb-alpha", bits, 6, np.dstack([color(bits), alpha(bits)]))
    for bits in (1, 2, 4, 8):
        _png("palette", bits, 3, grey(bits))


def _png(colour: str, bits: int, kind: int, levels: Array) -> None:
    table = np.random.default_rng(bits).integers(0, 256, (1 << min(bits, 8), 3), dtype=np.uint8)

    def make(orientation: int) -> Picture:
        stored = stored_as(levels, orientation)
        rows = [packed_row(row, bits) for row in stored]
        extra = pictures.chunk(b"PLTE", table.tobytes()) if kind == 3 else b""
        if orientation != 1:
            extra += pictures.chunk(b"eXIf", _turned(orientation))
        data = png(rows, bits, kind, stored.shape[1], extra)
        pixels, opacity = levels, None
        if kind == 3:
            pixels = table[levels]
        elif bits < 8:
            pixels = levels * (255 // ((1 << bits) - 1))
        elif kind in (4, 6):
            pixels, opacity = levels[..., :-1].squeeze(), levels[..., -1]
        return Picture(f"png-{colour}-{bits}", "png", data, pixels, opacity)

    _kind("png", colour, str(bits))(make)


def packed_row(row: Array, bits: int) -> bytes:
    """Pack the samples of a row, of so many bits each, the first one the highest."""
    if bits == 8:
        return row.tobytes()
    if bits == 16:
        return row.astype(">u2").tobytes()
    each = np.unpackbits(row.reshape(-1, 1).astype(">u2").view(np.uint8), axis=1)
    return np.packbits(each[:, 16 - bits :]).tobytes()


def scaled(levels: Array, kind: type) -> Array:
    """Levels of 16 bits as floating point in 0..1."""
    return (levels / 65_535).astype(kind)


def _tiff(
    colour: str, depth: str, stored: Array, pixels: Array, tolerance: int = 0, **options: Any
) -> None:
    """Have tifffile write samples, (H, W) or (H, W, S), that have to give `pixels`."""
    opacity = stored[..., -1] if colour.endswith("alpha") else None

    def make(orientation: int) -> Picture:
        tag = [(274, 3, 1, orientation, True)] if orientation != 1 else []
        data = pictures.tiff(stored_as(stored, orientation), extratags=tag, **options)
        return Picture(f"tiff-{colour}-{depth}", "tiff", data, pixels, opacity, tolerance)

    _kind("tiff", colour, depth)(make)


def _tiffs() -> None:
    for bits in (8, 16):
        top, g, c, a = (1 << bits) - 1, grey(bits), color(bits), alpha(bits)
        extra: dict[str, Any] = {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
        _tiff("grey", str(bits), g, g, photometric="minisblack")
        _tiff("white-is-zero", str(bits), top - g, g, photometric="miniswhite")
        _tiff("rgb", str(bits), c, c, photometric="rgb", planarconfig="contig")
        both = np.dstack([g, a])
        _tiff("grey-alpha", str(bits), both, g, photometric="minisblack", **extra)
        both = np.dstack([c, a])
        _tiff("rgb-alpha", str(bits), both, c, photometric="rgb", **extra)
        inks = np.dstack([top - c, np.zeros_like(g)])
        _tiff("cmyk", str(bits), inks, c, photometric="separated", planarconfig="contig")
    for kind, depth in ((np.float16, "16f"), (np.float32, "32f"), (np.float64, "64f")):
        g, c = scaled(grey(16), kind), scaled(color(16), kind)
        off = 16 if kind == np.float16 else 0
        _tiff("grey", depth, g, grey(16), off, photometric="minisblack")
        _tiff("rgb", depth, c, color(16), off, photometric="rgb", planarconfig="contig")
    g = grey(16).astype(np.uint32) * 65_537
    _tiff("grey", "32", g, grey(16), photometric="minisblack")
    _tiff("white-is-zero", "32", 2**32 - 1 - g, grey(16), photometric="miniswhite")
    ones = grey() > 128
    _tiff("grey", "1", ones, ones.astype(np.uint8) * 255, photometric="minisblack")


def _pfm(colour: str, mark: bytes, pixels: Array) -> None:
    def make(orientation: int) -> Picture:
        rows = scaled(pixels, np.float32)[::-1]
        data = mark + b"\n%d %d\n-1.0\n" % (pixels.shape[1], pixels.shape[0]) + rows.tobytes()
        return Picture(f"pfm-{colour}-32f", "pfm", data, pixels)

    _kind("pfm", colour, "32f")(make)


def _pnm(colour: str, bits: int, pixels: Array) -> None:
    def make(orientation: int) -> Picture:
        size = (pixels.shape[1], pixels.shape[0])
        head = b"P%d\n%d %d\n%d\n" % (pixels.ndim + 3, *size, (1 << bits) - 1)
        samples = pixels.astype(">u2" if bits == 16 else np.uint8).tobytes()
        return Picture(f"pnm-{colour}-{bits}", "pnm", head + samples, pixels)

    _kind("pnm", colour, str(bits))(make)


def _by_imagecodecs(format: str, colour: str, depth: str, pixels: Array) -> None:
    """Have imagecodecs write samples without loss."""

    def make(orientation: int) -> Picture:
        if format == "jxl":
            data = imagecodecs.jpegxl_encode(pixels, lossless=True)
        else:
            bits = int(depth)
            data = imagecodecs.jpeg2k_encode(pixels, level=0, bitspersample=bits, reversible=True)
        rgb, opacity = (pixels[..., :3], pixels[..., 3]) if "alpha" in colour else (pixels, None)
        if depth == "12":
            rgb = (rgb.astype(np.uint32) * 65_535 // 4095).astype(np.uint16)
        return Picture(f"{format}-{colour}-{depth}", format, bytes(data), rgb, opacity)

    _kind(format, colour, depth)(make)


def _heic(colour: str, mode: str, pixels: Array, tolerance: int) -> None:
    def make(orientation: int) -> Picture:
        stream = io.BytesIO()
        size = (pixels.shape[1], pixels.shape[0])
        image = pillow_heif.from_bytes(mode, size, pixels.tobytes())
        image.save(stream, quality=-1, chroma=444)
        opacity = pixels[..., 3] if mode == "RGBA" else None
        rgb = pixels[..., :3] if mode == "RGBA" else pixels
        return Picture(f"heic-{colour}-8", "heic", stream.getvalue(), rgb, opacity, tolerance)

    _kind("heic", colour, "8")(make)


def _modern() -> None:
    for bits in (8, 12, 16):
        _by_imagecodecs("jp2", "grey", str(bits), grey(bits))
        _by_imagecodecs("jp2", "rgb", str(bits), color(16) >> 4 if bits == 12 else color(bits))
    for bits in (8, 16):
        _by_imagecodecs("jp2", "rgb-alpha", str(bits), np.dstack([color(bits), alpha(bits)]))
        _by_imagecodecs("jxl", "grey", str(bits), grey(bits))
        _by_imagecodecs("jxl", "rgb", str(bits), color(bits))
        _by_imagecodecs("jxl", "rgb-alpha", str(bits), np.dstack([color(bits), alpha(bits)]))
    _by_pillow("gif", "grey", grey(), 0)
    _by_pillow("avif", "grey", grey(), 3, quality=100, subsampling="4:4:4")
    _by_pillow("avif", "rgb", color(), 4, quality=100, subsampling="4:4:4")
    both = np.dstack([color(), alpha()])
    _by_pillow("avif", "rgb-alpha", both, 4, quality=100, subsampling="4:4:4")
    _heic("grey", "L", grey(), 2)
    _heic("rgb", "RGB", color(), 4)
    _heic("rgb-alpha", "RGBA", both, 4)


_by_pillow("jpeg", "grey", grey(), 2, quality=100)
_by_pillow("jpeg", "rgb", color(), 4, quality=100, subsampling=0)
_by_pillow("jpeg", "cmyk", color(), 6, "CMYK", quality=100, subsampling=0)
_by_pillow("webp", "rgb", color(), 0, lossless=True, exact=True)
_by_pillow("webp", "rgb-alpha", np.dstack([color(), alpha()]), 0, lossless=True, exact=True)
_by_pillow("bmp", "grey", grey(), 0)
_by_pillow("bmp", "rgb", color(), 0)
for _bits in (8, 16):
    _pnm("grey", _bits, grey(_bits))
    _pnm("rgb", _bits, color(_bits))
_pfm("grey", b"Pf", grey(16))
_pfm("rgb", b"PF", color(16))
_modern()
_pngs()
_tiffs()
