"""The multi-dimensional tables of ICC profiles: device colours to D50 XYZ.

Scanners' profiles have them. Between the points of a table colours are interpolated linearly in
each channel. What lies outside of its tag makes a table damaged.

Source: ICC.1:2022, 6.3.4 (encodings), 10.10 to 10.12 (lut16Type, lut8Type, lutAToBType).
"""

import struct
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...imaging.lab import DELTA
from . import icc

Values = NDArray[Any]  # floating

WHITE = np.array([0.9642, 1.0, 0.8249])  # D50
_XYZ_RANGE = 1 + 32_767 / 32_768  # what 65,535 stands for
_Step = Callable[[Values], Values]


def device_tables(
    tag: bytes, channels: int, is_lab: bool, share: Values
) -> tuple[list[Values], _Step] | None:
    """Read a tag of tables for `channels` inputs; None where it is damaged or of another kind.

    Returns the first curves, at levels `share` in 0..1, and what makes XYZ of their results.
    """
    read = {b"mft1": _lut_of_bytes, b"mft2": _lut_of_shorts, b"mAB ": _lut_of_steps}.get(tag[:4])
    if read is None or len(tag) < 32 or (tag[8], tag[9]) != (channels, 3):
        return None
    try:
        found = read(tag, channels, is_lab, share)
    except (ValueError, IndexError, struct.error):  # what a cut-off tag gives
        return None
    if found is None or not all(np.isfinite(curve).all() for curve in found[0]):
        return None
    curves, steps = found

    def xyz(device: Values) -> Values:
        for step in steps:
            device = step(device)
        return device

    return curves, xyz


_Lut = tuple[list[Values], list[_Step]] | None


def _lut_of_bytes(tag: bytes, channels: int, is_lab: bool, share: Values) -> _Lut:
    if not is_lab:  # which the format does not allow
        return None
    decode = np.array([100.0, 255.0, 255.0]), np.array([0.0, -128.0, -128.0])
    return _lut(tag, channels, share, (256, 256), 48, np.dtype(np.uint8), [*_ending(True, decode)])


def _lut_of_shorts(tag: bytes, channels: int, is_lab: bool, share: Values) -> _Lut:
    entries = struct.unpack_from(">HH", tag, 48)
    # Lab as of version 2: 65,280 is an L* of 100, and 256 steps of a* and b* are one.
    lab = np.array([100 / 65_280, 1 / 256, 1 / 256]) * 65_535, np.array([0.0, -128.0, -128.0])
    decode = lab if is_lab else (np.full(3, _XYZ_RANGE), np.zeros(3))
    return _lut(tag, channels, share, entries, 52, np.dtype(">u2"), [*_ending(is_lab, decode)])


def _lut(
    tag: bytes,
    channels: int,
    share: Values,
    entries: tuple[int, int],
    start: int,
    kind: np.dtype[Any],
    ending: list[_Step],
) -> _Lut:
    """Read the two older kinds: tables of each input, of all together, of each output."""
    if min(entries) < 2 or tag[10] < 2:
        return None
    scale = float(np.iinfo(kind).max)
    shapes = ((channels, entries[0]), (*[tag[10]] * channels, 3), (3, entries[1]))
    parts: list[Values] = []
    for shape in shapes:
        count = int(np.prod(shape, dtype=object))
        parts.append((np.frombuffer(tag, kind, count, start) / scale).reshape(shape))
        start += count * kind.itemsize
    first, grid, last = parts
    curves = [np.interp(share, np.linspace(0, 1, entries[0]), row) for row in first]
    return curves, [_interpolation(grid), _by_channel(list(last)), *ending]


def _lut_of_steps(tag: bytes, channels: int, is_lab: bool, share: Values) -> _Lut:
    """Read the newer kind: curves, table, curves, matrix and curves, of which most may be left out.

    Without a table there are the last curves, and perhaps matrix and middle ones, for 3 channels.
    """
    b, matrix, m, grid, a = struct.unpack_from(">5I", tag, 12)
    steps: list[_Step] = []
    if grid:
        first = _curves(tag, a, channels, share) if a else [share] * channels
        steps.append(_interpolation(_grid(tag, grid, channels)))
    elif channels == 3:
        first = [share] * 3
    else:
        return None
    even = np.linspace(0, 1, 4096)
    if m:
        steps.append(_by_channel(_curves(tag, m, 3, even)))
    if matrix:
        numbers = np.frombuffer(tag, ">i4", 12, matrix) / 65_536
        rows, offsets = numbers[:9].reshape(3, 3), numbers[9:]
        steps.append(lambda values: values @ rows.T + offsets)
    steps.append(_by_channel(_curves(tag, b, 3, even)))
    lab = np.array([100.0, 255.0, 255.0]), np.array([0.0, -128.0, -128.0])
    return first, [
        *steps,
        *_ending(is_lab, lab if is_lab else (np.full(3, _XYZ_RANGE), np.zeros(3))),
    ]


def _curves(tag: bytes, start: int, count: int, share: Values) -> list[Values]:
    """Read curves that stand one behind the other, each at a multiple of 4 bytes."""
    found = []
    for _ in range(count):
        values = icc.curve(tag[start:], share)
        if values is None:
            raise ValueError("a curve is damaged")
        found.append(values)
        start += -(-icc.curve_size(tag[start:]) // 4) * 4
    return found


def _grid(tag: bytes, start: int, channels: int) -> Values:
    sides, size = tag[start : start + channels], tag[start + 16]
    if min(sides) < 2 or size not in (1, 2):
        raise ValueError("a table is damaged")
    kind = np.dtype(np.uint8 if size == 1 else ">u2")
    count = 3 * int(np.prod(list(sides), dtype=object))
    values: Values = np.frombuffer(tag, kind, count, start + 20)
    grid: Values = (values / np.iinfo(kind).max).reshape(*sides, 3)
    return grid


def _interpolation(grid: Values) -> _Step:
    """Make a step of a table, (side, ..., 3): a blend of the 2, 4 or 8 points around."""
    sides = np.array(grid.shape[:-1])
    strides = np.array([int(np.prod(sides[i + 1 :])) for i in range(len(sides))])
    points = np.ascontiguousarray(grid.reshape(-1, 3), np.float32)

    def step(values: Values) -> Values:
        position = values.clip(0, 1).astype(np.float32) * (sides - 1).astype(np.float32)
        low = np.minimum(position.astype(np.int32), sides - 2)
        share = position - low
        start = low @ strides
        blend = np.zeros((len(values), 3), np.float32)
        for corner in product((0, 1), repeat=len(sides)):
            weight = np.prod(
                [share[:, i] if up else 1 - share[:, i] for i, up in enumerate(corner)], axis=0
            )
            blend += (
                weight[:, None].astype(np.float32) * points[start + int(np.dot(corner, strides))]
            )
        return blend

    return step


def _by_channel(tables: list[Values]) -> _Step:
    """Make a step of a table for each channel."""

    def step(values: Values) -> Values:
        columns = [
            np.interp(values[:, i], np.linspace(0, 1, len(table)), table)
            for i, table in enumerate(tables)
        ]
        return np.stack(columns, axis=1)

    return step


def _ending(is_lab: bool, decode: tuple[Values, Values]) -> tuple[_Step, ...]:
    """Make XYZ of values in 0..1, which stand for Lab or XYZ by a factor and an offset."""
    factor, offset = decode

    def numbers(values: Values) -> Values:
        return values * factor + offset

    return (numbers, xyz_of_lab) if is_lab else (numbers,)


def xyz_of_lab(lab: Values) -> Values:
    """Convert Lab, (N, 3), to XYZ, both of D50."""
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], axis=1)
    xyz: Values = np.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29)) * WHITE
    return xyz
