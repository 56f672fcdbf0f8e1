"""Metadata put into files by hand, in each format's own manner, and what they say."""

import struct
import textwrap
import zlib
from typing import Any

from made import pictures
from made.carriers import with_directories
from made.pictures import chunk

from colorize_cli.photos.exif import EXIF_IFD, GPS_IFD, Tag, build, directory_bytes, read_directory

MAKER_NOTE = b"NOTE" + bytes(range(60))
DATE, MAKER, ARTIST = "1931:12:15 10:20:30", "Voigtlander", "Anna"
IPTC_RESOURCE = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(pictures.IPTC)) + pictures.IPTC
IPTC_RESOURCE += b"\0" * (len(pictures.IPTC) % 2)
DPI = (300, 200)  # of the stored picture, along its rows and columns
COMMENT = "Market, café"
XMP = pictures.XMP.replace(b'tiff:Orientation="6" ', b"")


def exif(orientation: int, order: Any = ">") -> bytes:
    """A block with a camera, a date, a maker note, a place and an orientation."""

    def text(code: int, value: str) -> Tag:
        return Tag(code, 2, len(value) + 1, value.encode() + b"\0")

    degrees = struct.pack(order + "6I", 52, 1, 30, 1, 0, 1)
    place = (Tag(1, 2, 2, b"N\0"), Tag(2, 5, 3, degrees))
    inner = (text(0x9003, DATE), Tag(0x927C, 7, len(MAKER_NOTE), MAKER_NOTE))
    return build(
        [
            text(0x010F, MAKER),
            Tag(0x0112, 3, 1, struct.pack(order + "H", orientation)),
            text(0x013B, ARTIST),
            Tag(EXIF_IFD, 4, 1, children=inner),
            Tag(GPS_IFD, 4, 1, children=place),
        ],
        order,
    )


def _jpeg(data: bytes, orientation: int) -> bytes:
    contents = (
        (0xE0, b"JFIF\0\1\2\1" + struct.pack(">HH", *DPI) + b"\0\0"),
        (0xE1, b"Exif\0\0" + exif(orientation)),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xE2, b"ICC_PROFILE\0\1\1" + pictures.SRGB),
        (0xED, b"Photoshop 3.0\0" + IPTC_RESOURCE),
        (0xFE, COMMENT.encode()),
    )
    made = (struct.pack(">BBH", 0xFF, marker, len(c) + 2) + c for marker, c in contents)
    rest, kept = data[2:], b""
    while rest[1] & 0xF0 == 0xE0:
        size = 2 + int.from_bytes(rest[2:4], "big")
        kept += rest[:size] if rest[1] > 0xE1 else b""  # Pillow's own JFIF and EXIF
        rest = rest[size:]
    return data[:2] + b"".join(made) + kept + rest


def _png(data: bytes, orientation: int) -> bytes:
    digits = "\n".join(textwrap.wrap(IPTC_RESOURCE.hex(), 72))
    iptc = zlib.compress(f"\niptc\n{len(IPTC_RESOURCE):8}\n{digits}\n".encode())
    x, y = (round(number / 0.0254) for number in DPI)
    made = (
        chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(pictures.SRGB)),
        chunk(b"pHYs", struct.pack(">IIB", x, y, 1)),
        chunk(b"eXIf", exif(orientation)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        chunk(b"zTXt", b"Raw profile type iptc\0\0" + iptc),
        chunk(b"tEXt", b"Comment\0" + COMMENT.encode("latin-1")),
    )
    head, rest = data[:33], data[33:]
    place = rest.find(b"eXIf")  # what the maker put there
    if place >= 0:
        size = int.from_bytes(rest[place - 4 : place], "big")
        rest = rest[: place - 4] + rest[place + 8 + size :]
    return head + b"".join(made) + rest


def _webp(data: bytes, orientation: int) -> bytes:
    position, parts = 12, []
    while position < len(data):
        name, size = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 :][:4], "little"),
        )
        if name not in (b"VP8X", b"EXIF"):
            parts.append((name, data[position + 8 : position + 8 + size]))
        position += 8 + size + size % 2
    width, height = pictures.opened(data).size
    flags = 0b101100 | 0b10000 * (pictures.opened(data).mode == "RGBA")
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    parts = [
        (b"VP8X", struct.pack("<I", flags) + sides),
        (b"ICCP", pictures.SRGB),
        *parts,
        (b"EXIF", exif(orientation, "<")),
        (b"XMP ", XMP),
    ]
    body = b"".join(
        name + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for name, c in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _tiff(data: bytes, orientation: int) -> bytes:
    order: Any = "<" if data[:1] == b"I" else ">"
    first = struct.unpack_from(order + "I", data, 4)[0]
    ratios = (struct.pack(order + "II", number, 1) for number in DPI)
    added = [
        *(Tag(code, 5, 1, ratio) for code, ratio in zip((282, 283), ratios, strict=True)),
        Tag(296, 3, 1, struct.pack(order + "H", 2)),
        Tag(271, 2, len(MAKER) + 1, MAKER.encode() + b"\0"),
        Tag(274, 3, 1, struct.pack(order + "H", orientation)),
        Tag(315, 2, 5, ARTIST.encode() + b"\0"),
        Tag(700, 1, len(XMP), XMP),
        Tag(33723, 7, len(pictures.IPTC), pictures.IPTC),
        Tag(34675, 7, len(pictures.SRGB), pictures.SRGB),
    ]
    codes = {tag.code for tag in added}
    tags = [t for t in read_directory(data, order, first) if t.code not in codes]
    data += b"\0" * (len(data) % 2)
    end = struct.pack(order + "I", len(data))
    data = data[:4] + end + data[8:] + directory_bytes([*tags, *added], order, len(data))
    return with_directories(data, exif(1, order), order)


def _bmp(data: bytes, orientation: int) -> bytes:
    x, y = (round(number / 0.0254) for number in DPI)
    return data[:38] + struct.pack("<ii", x, y) + data[46:]


def _pnm(data: bytes, orientation: int) -> bytes:
    return data[:3] + b"# " + COMMENT.encode() + b"\n" + data[3:]


# What of its metadata each format has a place for, in the order of the table.
PARTS = {
    "jpeg": "EXIF, maker note, GPS, XMP, IPTC, ICC, DPI, comment",
    "png": "EXIF, maker note, GPS, XMP, IPTC, ICC, DPI, comment",
    "tiff": "EXIF, maker note, GPS, XMP, IPTC, ICC, DPI",
    "webp": "EXIF, maker note, GPS, XMP, ICC",
    "bmp": "DPI",
    "pnm": "comment",
    "pfm": "",
    "gif": "",
    "avif": "",
}
_PUT = {"jpeg": _jpeg, "png": _png, "webp": _webp, "tiff": _tiff, "bmp": _bmp, "pnm": _pnm}


def laden(data: bytes, format: str, orientation: int) -> bytes:
    """Put into a file all that its format, of `PARTS`, has a place for, and how it lies."""
    return _PUT[format](data, orientation)
