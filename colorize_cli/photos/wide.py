"""Samples of floating point and of 32 bits: brought to 16 bits when read, and back when written.

Black is 0. White is 1 in floating point and the greatest number in whole ones, unless the user
states another. The numbers are levels of sRGB, as those of 8 and 16 bits are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..imaging.lab import Pixels

_TOP = 65_535
_MOST_ABOVE = 0.01  # of the samples; where more lie above white, another is meant
_LEAST_WHITE = 0.02  # as part of white; where no number is as high, another is meant
_ROWS = 256  # at a time
# A file may hold NaNs that processors signal, and numbers that overflow beside a tiny white.
_IN_SILENCE = np.errstate(invalid="ignore", over="ignore")


@dataclass(frozen=True)
class Wide:
    """How a file has its samples: their type, and the number that is white."""

    type: str  # "float16", "float32", "float64" or "uint32"
    white: float


def is_wide(samples: NDArray[Any]) -> bool:
    """Whether samples are none of 8 or 16 bits."""
    return samples.dtype not in (np.uint8, np.uint16)


def opaque(kind: np.dtype[Any]) -> float:
    """Return the number that is usually white, and always opaque."""
    return 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)


@_IN_SILENCE
def narrowed(samples: NDArray[Any], white: float | None) -> tuple[Pixels, Wide, list[str]]:
    """Bring samples, of any shape, to 16 bits.

    What is above `white`, or above the usual one, is white, infinite numbers too; what is below 0,
    and what is no number, is black. Returns the pixels, how they were, and warnings; raises
    ImageError where another white is meant, or where there is no finite number.
    """
    white = white or opaque(samples.dtype)
    pixels = np.empty(samples.shape, np.uint16)
    above = below = odd = 0
    most = -np.inf
    for rows in _slices(len(samples)):
        values = samples[rows].astype(np.float64)
        finite = np.isfinite(values)
        odd += int(values.size - np.count_nonzero(finite))
        above += int(np.count_nonzero(finite & (values > white)))
        below += int(np.count_nonzero(finite & (values < 0)))
        most = max(most, float(values[finite].max(initial=-np.inf)))
        share = np.nan_to_num(values / white, nan=0.0, posinf=1.0, neginf=0.0)
        pixels[rows] = np.rint(share.clip(0, 1) * _TOP)
    if odd == samples.size:
        raise ImageError("the file holds no finite number")
    if above > _MOST_ABOVE * samples.size:
        raise ImageError(
            f"{above / samples.size:.0%} of its numbers lie above {white:g}, which is taken for "
            f"white; the highest is {most:g}: state what is white, --white {most:g} for instance"
        )
    counts = ((above, "above white: white"), (below, "below 0: black"))
    warnings = _doubts(most, white)
    warnings += [f"{count:,} numbers {text}" for count, text in counts if count]
    warnings += [f"{odd:,} numbers are infinite or none: white or black"] if odd else []
    return pixels, Wide(samples.dtype.name, white), warnings


def _doubts(most: float, white: float) -> list[str]:
    """Say where the highest number is so far below white that another white is meant."""
    if not 0 < most < _LEAST_WHITE * white:
        return []
    return [
        f"the highest of its numbers is {most:g}, and {white:g} is taken for white: if it is too "
        f"dark, state what is white, --white {most:g} for instance"
    ]


@_IN_SILENCE
def narrowed_alpha(alpha: NDArray[Any]) -> Pixels:
    """Bring an alpha to 16 bits; what is no number is transparent."""
    share = np.nan_to_num(alpha.astype(np.float64) / opaque(alpha.dtype), nan=0.0)
    rounded: Pixels = np.rint(share.clip(0, 1) * _TOP)
    return rounded.astype(np.uint16)


def widened(pixels: Pixels, wide: Wide) -> NDArray[Any]:
    """Bring pixels of 16 bits, of any shape, back to what the file had."""
    found = np.empty(pixels.shape, wide.type)
    for rows in _slices(len(pixels)):
        values = pixels[rows] * (wide.white / _TOP)
        found[rows] = values if found.dtype.kind == "f" else np.rint(values)
    return found


def _slices(rows: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, rows, _ROWS))
