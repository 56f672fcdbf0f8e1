"""ICC profiles with tables, as scanners have them, and what LittleCMS makes of pixels by one."""

import io
import struct

import numpy as np
from made import pictures
from made.pictures import Array
from PIL import Image, ImageCms

from colorize_cli.imaging.lab import lab_from_rgb

SIDE = 17
FLAGS = ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.HIGHRESPRECALC


def profile(
    tags: dict[bytes, bytes], space: bytes = b"RGB ", pcs: bytes = b"Lab ", version: int = 4
) -> bytes:
    """A scanner's profile with these tags, a name and a white."""
    text = "Scanner".encode("utf-16-be")
    name = struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(text), 28) + text
    if version == 2:
        name = struct.pack(">4sII8s", b"desc", 0, 8, b"Scanner\0").ljust(90, b"\0")
    white = struct.pack(">4sIiii", b"XYZ ", 0, 63_190, 65_536, 54_061)
    tags = {b"desc": name, b"wtpt": white, **tags}
    table, heap = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += struct.pack(">4sII", signature, 132 + 12 * len(tags) + len(heap), len(content))
        heap += content + b"\0" * (-len(content) % 4)
    head = bytearray(128)
    size = 128 + len(table) + len(heap)
    struct.pack_into(">I4sI4s4s4s", head, 0, size, b"", version << 24, b"scnr", space, pcs)
    head[36:40] = b"acsp"
    struct.pack_into(">iii", head, 68, 63_190, 65_536, 54_061)
    return bytes(head) + table + heap


def lab_grid(channels: int = 3) -> Array:
    """L* in 0..100, a* and b* of a device that is darker than sRGB and a little less colourful."""
    axes = np.meshgrid(*[np.linspace(0, 1, SIDE)] * channels, indexing="ij")
    device = np.stack(axes if channels == 3 else axes * 3, axis=-1)
    lab = lab_from_rgb((device**1.2).astype(np.float32)).astype(np.float64)
    return lab * (1, 0.8, 0.8)


def ramp(power: float, count: int, top: int) -> Array:
    return np.rint(np.linspace(0, 1, count) ** power * top)


def mft1(channels: int = 3) -> bytes:
    lab = lab_grid(channels) * (2.55, 1, 1) + (0, 128, 128)
    identity = struct.pack(">9i", *(65_536 * int(i % 4 == 0) for i in range(9)))
    head = struct.pack(">4sIBBBx", b"mft1", 0, channels, 3, SIDE) + identity
    tables = np.concatenate([np.tile(ramp(0.9, 256, 255), channels), np.rint(lab).ravel()])
    last = np.tile(ramp(1, 256, 255), 3)
    return head + np.concatenate([tables, last]).astype(np.uint8).tobytes()


def mft2(pcs: bytes = b"Lab ", channels: int = 3) -> bytes:
    grid = lab_grid(channels)
    numbers = grid * (652.8, 256, 256) + (0, 32_768, 32_768)
    if pcs == b"XYZ ":
        numbers = xyz_grid() * 32_768
    identity = struct.pack(">9i", *(65_536 * int(i % 4 == 0) for i in range(9)))
    head = struct.pack(">4sIBBBx", b"mft2", 0, channels, 3, SIDE) + identity
    head += struct.pack(">HH", 33, 2)
    tables = [np.tile(ramp(0.9, 33, 65_535), channels), np.rint(numbers).ravel(), [0, 65_535] * 3]
    return head + np.concatenate(tables).astype(">u2").tobytes()


def xyz_grid() -> Array:
    axes = np.meshgrid(*[np.linspace(0, 1, SIDE) ** 2] * 3, indexing="ij")
    matrix = np.array([[0.43, 0.36, 0.15], [0.22, 0.70, 0.08], [0.01, 0.08, 0.72]])
    return np.stack(axes, axis=-1) @ matrix.T


def mab(
    pcs: bytes = b"Lab ", *, has_grid: bool = True, precision: int = 2, channels: int = 3
) -> bytes:
    """A curves, table, M curves, matrix, B curves; XYZ and no table: a matrix of colorants."""

    def para(gamma: float) -> bytes:
        return struct.pack(">4sIHHi", b"para", 0, 0, 0, round(gamma * 65_536))

    straight = struct.pack(">4sII", b"curv", 0, 0)
    short = struct.pack(">4sIIHHHxx", b"curv", 0, 3, 0, 30_000, 65_535)
    matrix = (0.43, 0.36, 0.15, 0.22, 0.70, 0.08, 0.01, 0.08, 0.72, 0, 0, 0)
    parts: dict[str, bytes] = {"b": straight * 3}
    if pcs == b"XYZ ":
        parts["matrix"] = struct.pack(">12i", *(round(m * 65_536 / 2) for m in matrix))
        parts["m"] = para(1.8) * 3
    if has_grid:
        lab = (lab_grid(channels) * (1, 1, 1) + (0, 128, 128)) / (100, 255, 255)
        numbers = (
            lab
            if pcs == b"Lab "
            else np.stack(np.meshgrid(*[np.linspace(0, 1, SIDE)] * 3, indexing="ij"), -1)
        )
        top, kind = (255, ">u1") if precision == 1 else (65_535, ">u2")
        sides = bytes([SIDE] * channels).ljust(16, b"\0") + bytes([precision, 0, 0, 0])
        parts["grid"] = sides + np.rint(numbers * top).astype(kind).tobytes()
        parts["a"] = short * channels
    offsets, heap = [], b""
    for key in ("b", "matrix", "m", "grid", "a"):
        offsets.append(32 + len(heap) if key in parts else 0)
        heap += parts.get(key, b"") + b"\0" * (-len(parts.get(key, b"")) % 4)
    return struct.pack(">4sIBBxx5I", b"mAB ", 0, channels, 3, *offsets) + heap


def shown(pixels: Array, source: bytes) -> Array:
    """What a viewer with LittleCMS shows, in sRGB of 8 bits."""
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(each)) for each in (source, pictures.SRGB)]
    colorimetric = ImageCms.Intent.RELATIVE_COLORIMETRIC
    done = ImageCms.profileToProfile(
        Image.fromarray(pixels), *profiles, colorimetric, outputMode="RGB", flags=FLAGS
    )
    return np.asarray(done)
