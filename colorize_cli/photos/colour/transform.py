"""Pixels of an ICC profile to those of sRGB, in 8 and 16 bits.

The intent is the relative colorimetric one: device to D50 XYZ, by tables of the profile where it
has some, else by its curves and its matrix; from there to linear sRGB, where colours outside are
cut to it, and to levels. No black point is moved.

Source: ICC.1:2022, F.1 to F.3; IEC 61966-2-1.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cv2
import numpy as np

from ...imaging.lab import Pixels, levels_from_linear, levels_of, srgb_from_linear
from . import icc
from .tables import Values, device_tables, xyz_of_lab

# Linear sRGB to XYZ, adapted to D50 by Bradford's cone responses, as the profile of sRGB has it.
_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ)
_SAME = 0.001  # of the range; further apart, greys are not those of sRGB
_FALL = 0.002  # of the light, by which noise in a table of colours may lower a brighter grey
_STRIP = 128  # rows at a time
# What the levels of each channel become first, (levels,), and what XYZ (N, channels) of these is.
_Model: TypeAlias = tuple[list[Values], Callable[[Values], Values]]


def srgb_pixels(profile: bytes, pixels: Pixels) -> Pixels | None:
    """Bring pixels, (H, W) grey or (H, W, 3) RGB, to sRGB; None where they are to stay.

    That is so where the profile passes for sRGB, is damaged, or is one of neither grey nor RGB, or
    of grey for a picture in colour, and where greys are those of sRGB already. Greys follow a
    profile of RGB by the light of its neutral colours.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp" or icc.misfit(profile) is None:
        return None
    model = _model(profile, levels_of(pixels))
    if model is None:
        return None
    if pixels.ndim == 2:
        table = _grey_table(*model, levels_of(pixels))
        return None if table is None else table[pixels]
    return _colours(*model, pixels) if len(model[0]) == 3 else None


def _model(profile: bytes, levels: int) -> _Model | None:
    """Find out how a profile makes XYZ of its device's levels; None where it makes no sense."""
    channels = {b"GRAY": 1, b"RGB ": 3}.get(profile[16:20])
    is_lab = profile[20:24] == b"Lab "
    share = np.linspace(0, 1, levels)
    if channels is None:
        return None
    for name in (b"A2B1", b"A2B0"):
        if (table := icc.tag_of(profile, name)) is not None:
            return device_tables(table, channels, is_lab, share)
    names = (b"kTRC",) if channels == 1 else (b"rTRC", b"gTRC", b"bTRC")
    curves = [icc.curve(icc.tag_of(profile, name) or b"", share) for name in names]
    if channels == 1:
        return _checked(curves, lambda light: _xyz_of_grey(light, is_lab))
    colorants = [icc.colorant(profile, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    matrix = np.array([c for c in colorants if c is not None], np.float32)
    if len(matrix) < 3:
        return None
    return _checked(curves, lambda light: cv2.transform(light[None], matrix.T)[0])


def _checked(curves: Sequence[Values | None], xyz: Callable[[Values], Values]) -> _Model | None:
    sound = [c for c in curves if c is not None and np.isfinite(c).all()]
    is_odd = any((np.diff(c) < 0).any() or c[-1] <= c[0] for c in sound)
    return None if is_odd or len(sound) < len(curves) else (sound, xyz)


def _xyz_of_grey(light: Values, is_lab: bool) -> Values:
    """Light (N, 1), L* as a share of 100 where the connection space is Lab, to XYZ (N, 3)."""
    if is_lab:
        return xyz_of_lab(np.concatenate([100 * light, 0 * light, 0 * light], axis=1))
    xyz: Values = light * _TO_XYZ.sum(axis=1)
    return xyz


def _grey_table(
    curves: list[Values], xyz: Callable[[Values], Values], levels: int
) -> Pixels | None:
    """Tabulate the sRGB level of each neutral level."""
    light = xyz(np.stack(curves, axis=1))[:, 1]
    highest = np.maximum.accumulate(light)
    if not np.isfinite(light).all() or (highest - light).max() > _FALL:
        return None
    table = srgb_from_linear(highest.clip(0, 1))
    if table[-1] <= table[0] or np.abs(table - np.linspace(0, 1, levels)).max() < _SAME:
        return None
    rounded: Pixels = np.rint(table * (levels - 1))
    return rounded.astype(np.uint8 if levels == 256 else np.uint16)


def _colours(curves: list[Values], xyz: Callable[[Values], Values], pixels: Pixels) -> Pixels:
    done = np.empty_like(pixels)
    tables = [curve.astype(np.float32) for curve in curves]
    for start in range(0, len(pixels), _STRIP):
        rows = slice(start, start + _STRIP)
        channels = cv2.split(pixels[rows])
        planes = [cv2.LUT(c, t) for c, t in zip(channels, tables, strict=True)]
        device = cv2.merge(planes).reshape(-1, 3)
        linear = cv2.transform(xyz(device).astype(np.float32)[None], _FROM_XYZ)
        lights = cv2.split(linear.reshape(pixels[rows].shape))
        levels = [levels_from_linear(np.asarray(each), levels_of(pixels)) for each in lights]
        done[rows] = cv2.merge(levels)
    return done
