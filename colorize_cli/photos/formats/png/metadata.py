"""The metadata of a PNG, which lie in its ancillary chunks.

EXIF, XMP, IPTC and profiles stand in chunks of their own, or, from ImageMagick and older programs,
in texts that are named "Raw profile type" and hold them in hexadecimal, the only place for IPTC.

Source: PNG (third edition), 11.3; ImageMagick's coders/png.c for raw profiles.
"""

import re
import struct
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import replace

from ...colour.made import png_profile
from ...metadata import METRES_PER_INCH, Metadata, dpi_of, iptc_of, iptc_resource, legible

Chunk = tuple[bytes, bytes]  # type and content

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW = b"Raw profile type "
_RAW_PROFILE = re.compile(rb"\n?[^\n]*\n *\d+\n([0-9A-Fa-f\s]*)")
_EXIF_MARK, _XMP_MARK = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"  # as in a JPEG's segment
_SRGB_CODES = b"\1\x0d\0\1"  # of H.273: the primaries and the curve of sRGB
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_MAX_TEXT = 1 << 24  # bytes that one compressed text or profile may grow to
_MAX_TEXTS_BYTES, _MAX_TEXTS = 1 << 26, 1000  # of all texts; a crafted file has no end of them
_MAX_KEYWORD = 79


def metadata_of(chunks: Sequence[Chunk]) -> tuple[Metadata, list[str]]:
    """Read what the chunks say; return it and warnings about what is lost."""
    found, raw, comments = Metadata(), dict[bytes, bytes](), list[tuple[str, str]]()
    warnings = []
    room, texts = _MAX_TEXTS_BYTES, 0
    for kind, content in chunks:
        if kind == b"eXIf":
            found = replace(found, exif=content)
        elif kind == b"iCCP":
            found = replace(found, icc=_inflate(content.partition(b"\0")[2][1:]) or None)
        elif kind == b"pHYs" and len(content) == 9:
            x, y, unit = struct.unpack(">IIB", content)
            found = replace(found, dpi=dpi_of(x, y, METRES_PER_INCH if unit == 1 else None))
        elif kind in _TEXTS:
            texts += 1
            if room <= 0 or texts > _MAX_TEXTS:
                continue
            keyword, text = _text(kind, content)
            room -= _MAX_TEXT if text is None else len(text)
            if text is None:
                warnings.append(f"the text {_name(keyword)!r} was dropped: damaged or too long")
            elif keyword == _XMP_KEYWORD:
                found = replace(found, xmp=text)
            elif keyword.startswith(_RAW):
                raw[keyword.removeprefix(_RAW).lower()] = text
            elif keyword and text:
                charset = "utf-8" if kind == b"iTXt" else "latin-1"
                comments.append((_name(keyword), text.decode(charset, "surrogateescape")))
    if room <= 0 or texts > _MAX_TEXTS:
        warnings.append(f"some of its {texts:,} texts were dropped: more than photographs have")
    found, unread = _with_raw_profiles(found, raw)
    last = dict(chunks)
    if found.icc is None and not {b"sRGB", b"cICP"} & last.keys():
        found = replace(found, icc=png_profile(last.get(b"gAMA"), last.get(b"cHRM")))
    if last.get(b"cICP", _SRGB_CODES) != _SRGB_CODES:
        warnings.append("the colours that the chunk cICP names are taken for sRGB")
    return replace(found, comments=tuple(comments)), warnings + unread


def _with_raw_profiles(found: Metadata, texts: dict[bytes, bytes]) -> tuple[Metadata, list[str]]:
    """Add what the raw profiles hold, where no chunk of its own says it."""
    unread = []
    for kind, text in texts.items():
        match = _RAW_PROFILE.match(text)
        content = bytes.fromhex(match[1].decode()) if match and _is_even(match[1]) else b""
        if kind in (b"exif", b"app1") and content.startswith((_EXIF_MARK, b"II*\0", b"MM\0*")):
            found = replace(found, exif=found.exif or content)
        elif kind in (b"xmp", b"app1") and b"<" in content[:64]:
            found = replace(found, xmp=found.xmp or content.removeprefix(_XMP_MARK))
        elif kind in (b"iptc", b"8bim") and content:
            records = content if content.startswith(b"\x1c") else iptc_of(content)
            found = replace(found, iptc=found.iptc or records)
        elif kind in (b"icc", b"icm") and content:
            found = replace(found, icc=found.icc or content)
        else:
            unread.append(f"the raw profile {_name(kind)!r} was dropped: it cannot be read")
    return found, unread


def _is_even(digits: bytes) -> bool:
    return len(b"".join(digits.split())) % 2 == 0


def _name(keyword: bytes) -> str:
    return keyword[:_MAX_KEYWORD].decode("latin-1")


def _text(kind: bytes, content: bytes) -> tuple[bytes, bytes | None]:
    """Return keyword and text of a chunk; None for a text that cannot be decompressed."""
    keyword, _, rest = content.partition(b"\0")
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, _inflate(rest[1:])
    compressed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.partition(b"\0")[2].partition(b"\0")[2]  # after the language, twice
    return keyword, _inflate(text) if compressed else text


def _inflate(data: bytes) -> bytes | None:
    """Decompress at most `_MAX_TEXT` bytes; None where the data is damaged or larger."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, _MAX_TEXT)
    except zlib.error:
        return None
    return text if stream.eof else None


def chunks_for(metadata: Metadata) -> list[Chunk]:
    """Write metadata as chunks, to stand between the header and the pixels."""
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        x, y = (round(number / METRES_PER_INCH) for number in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:
        chunks.append((b"zTXt", _RAW + b"iptc\0\0" + zlib.compress(_raw_profile(metadata.iptc))))
    for keyword, text in metadata.comments:
        name = keyword.encode("latin-1", "replace")[:_MAX_KEYWORD]
        chunks.append((b"iTXt", name + b"\0\0\0\0\0" + legible(text).encode()))
    return chunks


def _raw_profile(iptc: bytes) -> bytes:
    """Write IPTC as ImageMagick and ExifTool read it."""
    resource = iptc_resource(iptc)
    lines = "\n".join(textwrap.wrap(resource.hex(), 72))
    return f"\niptc\n{len(resource):8}\n{lines}\n".encode()
