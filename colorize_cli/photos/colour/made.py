"""ICC profiles for pictures that state their colours otherwise: PNG's chunks, EXIF's Adobe RGB.

Source: ICC.1:2022, 7 and 9.2; PNG (third edition), 11.3.2; DCF 2.0, annex A; Bradford's matrix as
ICC.1:2022, annex E, has it.
"""

import struct

import numpy as np

from .. import exif as exif_block
from ..exif import ExifError
from . import icc
from .tables import WHITE

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SRGB_POINTS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue: x, y
_ADOBE_POINTS = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_INTEROP_INDEX = 0x0001


def profile_of(name: str, gamma: float, points: tuple[float, ...]) -> bytes | None:
    """Build a profile of RGB: light is the level to the power of gamma; points are x and y.

    None is given where that is sRGB, or makes no sense.
    """
    x, y = np.array(points).reshape(4, 2).T
    if not 0.2 <= gamma <= 10 or (y <= 0).any():
        return None
    white, *colours = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    try:
        primaries = np.stack(colours, axis=1)
        scaled = primaries * np.linalg.solve(primaries, white)
        gains = np.diag((_BRADFORD @ WHITE) / (_BRADFORD @ white))
        adapted = np.linalg.inv(_BRADFORD) @ gains @ _BRADFORD @ scaled
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 10:
        return None
    curve = struct.pack(">4sIHHi", b"para", 0, 0, 0, round(gamma * 65_536))
    text = name.encode("utf-16-be")
    tags = {b"desc": struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(text), 28) + text}
    for letter, column in zip("rgb", adapted.T, strict=True):
        numbers = (round(number * 65_536) for number in column)
        tags[f"{letter}XYZ".encode()] = struct.pack(">4sIiii", b"XYZ ", 0, *numbers)
        tags[f"{letter}TRC".encode()] = curve
    profile = _file(tags)
    return None if icc.misfit(profile) is None else profile


def _file(tags: dict[bytes, bytes]) -> bytes:
    table, heap = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(heap), len(content))
        heap += content + b"\0" * (-len(content) % 4)
    size = 128 + len(table) + len(heap)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x0420_0000, b"mntr", b"RGB ", b"XYZ ")
    return (head.ljust(36, b"\0") + b"acsp").ljust(128, b"\0") + table + heap


def adobe_profile(exif: bytes | None) -> bytes | None:
    """Return a profile of Adobe RGB where EXIF says it by DCF's code, which then is no sRGB."""
    try:
        tags = exif_block.read_tags((exif or b"").removeprefix(b"Exif\0\0"))
    except ExifError:
        return None
    inner = next((tag.children for tag in tags if tag.code == exif_block.EXIF_IFD), ())
    below = next((tag.children for tag in inner if tag.code == exif_block.INTEROP_IFD), ())
    if any(tag.code == _INTEROP_INDEX and tag.value[:3] == b"R03" for tag in below):
        return profile_of("Adobe RGB", _ADOBE_GAMMA, _ADOBE_POINTS)
    return None


def png_profile(gamma: bytes | None, points: bytes | None) -> bytes | None:
    """Return a profile of what a PNG's chunks gAMA and cHRM say, None where that is sRGB."""
    if not gamma and not points:
        return None
    level = int.from_bytes(gamma, "big") / 100_000 if gamma and len(gamma) == 4 else 1 / 2.2
    places = struct.unpack(">8I", points) if points and len(points) == 32 else ()
    stated = tuple(place / 100_000 for place in places) or SRGB_POINTS
    return profile_of(f"gamma {1 / level:.3g}", 1 / level, stated) if level else None
