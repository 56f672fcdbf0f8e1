"""Small photographs of every kind as the bytes of their files, made by Pillow and tifffile.

The tests read and write with the package and check with these, a second pair of libraries.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

Array = NDArray[Any]

HEIGHT, WIDTH = 30, 44  # neither square nor a multiple of the JPEG block
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'tiff:Orientation="6" dc:format="caf\xc3\xa9"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = b"\x1c\x02\x05\x00\x06Market\x1c\x02\x50\x00\x04Anna"  # title and author


@dataclass(frozen=True)
class Picture:
    """A file and what reading it has to give.

    Attributes:
        name: For the test's identifier.
        format: As the package names it.
        data: The file.
        pixels: (H, W) or (H, W, 3), uint8 or uint16, upright.
        alpha: (H, W) or None.
        tolerance: Levels that a lossy format may be off.
    """

    name: str
    format: str
    data: bytes
    pixels: Array
    alpha: Array | None = None
    tolerance: int = 0

    def __str__(self) -> str:
        return self.name


def grey(bits: int = 8) -> Array:
    """(HEIGHT, WIDTH) uint8 or uint16: smooth, different in every corner, over the whole range."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    share = (x / (WIDTH - 1) * 0.7 + (y / (HEIGHT - 1)) ** 2 * 0.3) ** 1.2
    top = (1 << bits) - 1
    return np.rint(share * top).astype(np.uint8 if bits <= 8 else np.uint16)


def color(bits: int = 8) -> Array:
    """(HEIGHT, WIDTH, 3) RGB, smooth."""
    plane = grey(bits)
    top = np.iinfo(plane.dtype).max
    return np.stack([plane, top - plane[::-1], plane[:, ::-1] // 2], axis=-1)


def alpha(bits: int = 8) -> Array:
    """(HEIGHT, WIDTH) with full, half and no opacity."""
    top = 255 if bits == 8 else 65_535
    plane = np.full((HEIGHT, WIDTH), top, np.uint8 if bits == 8 else np.uint16)
    plane[:, :8] = top // 2
    plane[:6] = 0
    return plane


def stored_as(upright: Array, orientation: int) -> Array:
    """Pixels as a camera stores them with that EXIF orientation."""
    turns = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[::-1],
        7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
        8: lambda p: p.swapaxes(0, 1)[:, ::-1],
    }
    return np.ascontiguousarray(turns[orientation](upright))


def exif(orientation: int = 1, order: str = ">", sides: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """An EXIF block with a camera, a date, both resolutions, sides, a place and a thumbnail."""
    image = Image.Exif()
    image.endian = order
    image[0x010F], image[0x0110] = "Voigtlander", "Bessa"
    image[0x0112] = orientation
    image[0x011A], image[0x011B], image[0x0128] = 300.0, 200.0, 2
    image[0x8298] = "Anna"
    inner = image.get_ifd(0x8769)
    inner[0x9003] = "1931:12:15 10:20:30"
    inner[0xA002], inner[0xA003] = sides
    place = image.get_ifd(0x8825)
    place[1], place[2] = "N", (52.0, 30.0, 0.0)
    return with_thumbnail(image.tobytes().removeprefix(b"Exif\0\0"), order)


def with_thumbnail(block: bytes, order: str) -> bytes:
    """Append a second directory that points to a thumbnail, as cameras do."""
    first = struct.unpack_from(order + "I", block, 4)[0]
    link = first + 2 + 12 * struct.unpack_from(order + "H", block, first)[0]
    block += b"\0" * (len(block) % 2)
    picture = encode(grey()[::4, ::4], "JPEG")
    start = len(block) + 2 + 3 * 12 + 4
    entries = ((0x0103, 3, 1, 6), (0x0201, 4, 1, start), (0x0202, 4, 1, len(picture)))
    directory = struct.pack(order + "H", 3)
    for code, kind, count, value in entries:
        number = struct.pack(order + ("I" if kind == 4 else "H"), value).ljust(4, b"\0")
        directory += struct.pack(order + "HHI", code, kind, count) + number
    patched = block[:link] + struct.pack(order + "I", len(block)) + block[link + 4 :]
    return patched + directory + b"\0\0\0\0" + picture


def profile(space: bytes) -> bytes:
    """An ICC profile that is as good as empty but for its colour space."""
    head = bytearray(132)
    head[16:20], head[36:40] = space, b"acsp"
    return bytes(head)


def encode(pixels: Array, kind: str, **options: Any) -> bytes:
    """Encode by Pillow; `kind` and options are Pillow's."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    """Open by Pillow."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def tiff(pixels: Array, **options: Any) -> bytes:
    """Encode by tifffile, without its own notes."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **{"metadata": None, "software": False, **options})
    return stream.getvalue()


def png(rows: list[bytes], bits: int, kind: int, width: int, extra: bytes = b"") -> bytes:
    """Write a PNG by hand: packed rows, `kind` 0 grey, 2 RGB, 3 palette, 4 grey with alpha."""
    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def corpus() -> list[Picture]:
    """Every format with every kind of channels and depth that it has."""
    return [*_jpegs(), *_pngs(), *_webps(), *_bmps(), *_tiffs()]


def converted(pixels: Array, mode: str, kind: str, **options: Any) -> bytes:
    """Encode by Pillow, in one of its modes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _rgb(plane: Array) -> Array:
    return np.stack([plane] * 3, axis=-1)


def _palette(kind: str) -> tuple[bytes, Array]:
    """A file with a palette of 16 colours, and its pixels."""
    table = color()[::2, ::3].reshape(-1, 3)[:16]
    indices = grey(4)
    image = Image.fromarray(indices, "P")
    image.putpalette(table.tobytes())
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue(), table[indices]


def _jpegs() -> Iterator[Picture]:
    best: dict[str, Any] = {"quality": 100, "subsampling": 0}
    yield Picture("jpeg-grey", "jpeg", encode(grey(), "JPEG", quality=100), grey(), None, 2)
    yield Picture("jpeg-rgb", "jpeg", encode(color(), "JPEG", **best), color(), None, 4)
    yield Picture("jpeg-grey-as-rgb", "jpeg", encode(_rgb(grey()), "JPEG", **best), grey(), None, 2)
    progressive = encode(grey(), "JPEG", quality=100, progressive=True)
    yield Picture("jpeg-progressive", "jpeg", progressive, grey(), None, 2)
    yield Picture("jpeg-cmyk", "jpeg", converted(color(), "CMYK", "JPEG", **best), color(), None, 6)


def _pngs() -> Iterator[Picture]:
    yield Picture("png-grey", "png", encode(grey(), "PNG"), grey())
    yield Picture("png-grey16", "png", encode(grey(16), "PNG"), grey(16))
    yield Picture("png-rgb", "png", encode(color(), "PNG"), color())
    yield Picture("png-grey-as-rgb", "png", encode(_rgb(grey()), "PNG"), grey())
    rows = [row.tobytes() for row in color(16).astype(">u2")]
    yield Picture("png-rgb16", "png", png(rows, 16, 2, WIDTH), color(16))
    both = np.dstack([grey(), alpha()])
    yield Picture("png-grey-alpha", "png", encode(both, "PNG"), grey(), alpha())
    rows = [row.tobytes() for row in np.dstack([grey(16), alpha(16)]).astype(">u2")]
    yield Picture("png-grey-alpha16", "png", png(rows, 16, 4, WIDTH), grey(16), alpha(16))
    both = np.dstack([color(), alpha()])
    yield Picture("png-rgba", "png", encode(both, "PNG"), color(), alpha())
    rows = [row.tobytes() for row in np.dstack([color(16), alpha(16)]).astype(">u2")]
    yield Picture("png-rgba16", "png", png(rows, 16, 6, WIDTH), color(16), alpha(16))
    yield Picture("png-palette", "png", *_palette("PNG"))
    for bits in (1, 2, 4):
        rows, pixels = _packed(bits)
        yield Picture(f"png-grey{bits}", "png", png(rows, bits, 0, WIDTH), pixels)
    rows, pixels = _packed(2)
    key = chunk(b"tRNS", b"\0\2")
    opaque = np.where(pixels == 170, 0, 255).astype(np.uint8)
    yield Picture("png-grey-key", "png", png(rows, 2, 0, WIDTH, key), pixels, opaque)
    palette = chunk(b"PLTE", bytes((0, 0, 0, 90, 80, 70, 200, 10, 20, 255, 255, 255)))
    table = np.array([(0, 0, 0), (90, 80, 70), (200, 10, 20), (255, 255, 255)], np.uint8)
    opacity = np.array([255, 9, 0, 255], np.uint8)
    data = png(rows, 2, 3, WIDTH, palette + chunk(b"tRNS", opacity[:3].tobytes()))
    yield Picture("png-palette-alpha", "png", data, table[pixels // 85], opacity[pixels // 85])


def _packed(bits: int) -> tuple[list[bytes], Array]:
    """Rows of a grey picture with fewer than 8 bits, and its pixels at 8."""
    levels = grey(bits)
    expanded = np.unpackbits(levels[..., None], axis=-1)[..., 8 - bits :].reshape(HEIGHT, -1)
    rows = [row.tobytes() for row in np.packbits(expanded, axis=1)]
    return rows, levels * (255 // ((1 << bits) - 1))


def _webps() -> Iterator[Picture]:
    lossless: dict[str, Any] = {"lossless": True, "exact": True}
    yield Picture("webp-grey", "webp", encode(grey(), "WEBP", **lossless), grey())
    yield Picture("webp-rgb", "webp", encode(color(), "WEBP", **lossless), color())
    both = np.dstack([color(), alpha()])
    yield Picture("webp-rgba", "webp", encode(both, "WEBP", **lossless), color(), alpha())
    yield Picture("webp-lossy", "webp", encode(grey(), "WEBP", quality=98), grey(), None, 4)


def _bmps() -> Iterator[Picture]:
    yield Picture("bmp-grey", "bmp", encode(grey(), "BMP"), grey())
    yield Picture("bmp-rgb", "bmp", encode(color(), "BMP"), color())
    yield Picture("bmp-palette", "bmp", *_palette("BMP"))
    ones = np.where(grey() > 128, 255, 0).astype(np.uint8)
    yield Picture("bmp-1bit", "bmp", encode(ones > 0, "BMP"), ones)


def _tiffs() -> Iterator[Picture]:
    for bits in (8, 16):
        deep = "" if bits == 8 else "16"
        g, c, a = grey(bits), color(bits), alpha(bits)
        unpremultiplied: dict[str, Any] = {"extrasamples": ["unassalpha"]}
        yield Picture(f"tiff-grey{deep}", "tiff", tiff(g), g)
        yield Picture(f"tiff-grey{deep}-big-endian", "tiff", tiff(g, byteorder=">"), g)
        yield Picture(f"tiff-grey{deep}-bigtiff", "tiff", tiff(g, bigtiff=True), g)
        yield Picture(f"tiff-grey{deep}-strips", "tiff", tiff(g, rowsperstrip=7), g)
        yield Picture(f"tiff-grey{deep}-tiles", "tiff", tiff(g, tile=(16, 16)), g)
        white = tiff(np.iinfo(g.dtype).max - g, photometric="miniswhite")
        yield Picture(f"tiff-grey{deep}-white-is-zero", "tiff", white, g)
        deflate = tiff(g, compression="zlib", predictor=True)
        yield Picture(f"tiff-grey{deep}-deflate", "tiff", deflate, g)
        yield Picture(f"tiff-rgb{deep}", "tiff", tiff(c, photometric="rgb"), c)
        planes = tiff(c.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
        yield Picture(f"tiff-rgb{deep}-planes", "tiff", planes, c)
        grey_as_rgb = tiff(_rgb(g), photometric="rgb")
        yield Picture(f"tiff-grey{deep}-as-rgb", "tiff", grey_as_rgb, g)
        both = tiff(np.dstack([c, a]), photometric="rgb", **unpremultiplied)
        yield Picture(f"tiff-rgba{deep}", "tiff", both, c, a)
        both = tiff(
            np.dstack([g, a]), photometric="minisblack", planarconfig="contig", **unpremultiplied
        )
        yield Picture(f"tiff-grey-alpha{deep}", "tiff", both, g, a)
    yield Picture("tiff-grey12", "tiff", _tiff12(), _scaled12())
    ones = np.where(grey() > 128, 255, 0).astype(np.uint8)
    yield Picture("tiff-1bit", "tiff", encode(ones > 0, "TIFF"), ones)
    fax = encode(ones > 0, "TIFF", compression="group4")
    yield Picture("tiff-1bit-fax", "tiff", fax, ones)
    yield Picture("tiff-palette", "tiff", *_palette("TIFF"))
    for name in ("tiff_lzw", "packbits"):
        short = name.removeprefix("tiff_")
        data = encode(grey(), "TIFF", compression=name)
        yield Picture(f"tiff-grey-{short}", "tiff", data, grey())
        deep = encode(grey(16), "TIFF", compression=name)
        yield Picture(f"tiff-grey16-{short}", "tiff", deep, grey(16))
        data = encode(color(), "TIFF", compression=name)
        yield Picture(f"tiff-rgb-{short}", "tiff", data, color())
        both = np.dstack([color(), alpha()])
        data = encode(both, "TIFF", compression=name)
        yield Picture(f"tiff-rgba-{short}", "tiff", data, color(), alpha())
        data = encode(ones > 0, "TIFF", compression=name)
        yield Picture(f"tiff-1bit-{short}", "tiff", data, ones)
    predicted = encode(grey(16), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield Picture("tiff-grey16-lzw-predictor", "tiff", predicted, grey(16))
    predicted = encode(color(), "TIFF", compression="tiff_lzw", tiffinfo={317: 2, 278: 7})
    yield Picture("tiff-rgb-lzw-predictor", "tiff", predicted, color())
    lossy = encode(grey(), "TIFF", compression="jpeg", quality=100)
    yield Picture("tiff-grey-jpeg", "tiff", lossy, grey(), None, 2)
    lossy = encode(color(), "TIFF", compression="jpeg", quality=100)
    yield Picture("tiff-rgb-jpeg", "tiff", lossy, color(), None, 8)
    cmyk = converted(color(), "CMYK", "TIFF")
    yield Picture("tiff-cmyk", "tiff", cmyk, color(), None, 2)


def _scaled12() -> Array:
    return (grey(12).astype(np.uint32) * 65_535 // 4095).astype(np.uint16)


def _tiff12() -> bytes:
    """12 bits a sample, packed: two samples in three bytes, as some scanners write."""
    pairs = grey(12).reshape(-1, 2).astype(np.uint32)
    packed = np.stack(
        [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=-1
    )
    pixels = packed.astype(np.uint8).tobytes()
    fields = (
        (256, WIDTH),
        (257, HEIGHT),
        (258, 12),
        (259, 1),
        (262, 1),
        (273, 8 + 2 + 9 * 12 + 4),
        (277, 1),
        (278, HEIGHT),
        (279, len(pixels)),
    )
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + b"\0\0\0\0" + pixels
