"""Pictures of diffusion at work: x_t and the estimate of x_0 side by side, step by step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Frame
from .gamut import fit_gamut
from .lab import Float, levels_from_linear, linear_planes

RGB: TypeAlias = NDArray[np.uint8]
_GAP = 4  # pixels of white between pictures
_LONGEST = 1600  # pixels of a frame's longer side, about
_LARGE = 192  # pixels of a picture's longer side, to which small ones are enlarged, a whole times


@dataclass(frozen=True, eq=False)
class Moment:
    """A sample at a step of its sampling."""

    gamma: float  # the share of x_t's variance that is the picture's
    x_t: Float  # (2, h, w) in Lab units
    x_0: Float  # (2, h, w) in Lab units: the estimate of the clean picture


def trace_frames(
    L: Float, frame: Frame, samples: Sequence[Sequence[Moment]], *, forward: bool
) -> tuple[list[RGB], list[RGB]]:
    """Show how the samples of a photo come about.

    Each frame has all samples in a grid, and of each x_t on the left and x_0 on the right.

    Args:
        L: (padded_height, padded_width) float32, 0..100, the working image of the photo.
        frame: where the photo lies in it.
        samples: one or more, each from noise to colours, all with as many steps.
        forward: whether to show the forward process too.

    Returns:
        Frames of the forward process, from the colours that come out to what noise makes of them
        at the level at which sampling begins, or none; and one frame for each step of denoising.
        They are (H, W, 3) sRGB.
    """
    view = _View.of(L, frame, len(samples))
    steps = [[sample[i] for sample in samples] for i in range(len(samples[0]))]
    backward = [view.frame([(m.x_t, m.x_0) for m in moments]) for moments in steps]
    if not forward:
        return [], backward
    levels = [1.0, *(moments[0].gamma for moments in reversed(steps))]
    return [
        view.frame([_noised(sample, gamma) for sample in samples]) for gamma in levels
    ], backward


def _noised(sample: Sequence[Moment], gamma: float) -> tuple[Float, Float]:
    """Add the noise that sampling began with to the colours that came out: DDPM, eq. 4."""
    eps, x_0 = sample[0].x_t, sample[-1].x_0
    x_t = np.float32(math.sqrt(gamma)) * x_0 + np.float32(math.sqrt(1 - gamma)) * eps
    return np.asarray(x_t, np.float32), x_0


@dataclass(frozen=True, eq=False)
class _View:
    """How fields become pictures, and pictures a frame."""

    L: Float  # (H, W) of the photo's part of the working image, at the size shown
    padded: tuple[int, int]  # width and height of the whole working image at that size
    columns: int  # of samples
    times: int  # a picture is enlarged

    @classmethod
    def of(cls, L: Float, frame: Frame, samples: int) -> "_View":
        """Lay samples out so that a frame is about square, and small enough to be shown."""
        height, width = frame.work_height, frame.work_width
        columns = min(samples, max(1, round(math.sqrt(samples * height / (2 * width)))))
        rows = -(-samples // columns)
        scale = min(1.0, _LONGEST / max(2 * columns * width, rows * height))
        padded = max(1, round(L.shape[1] * scale)), max(1, round(L.shape[0] * scale))
        small = np.asarray(cv2.resize(L, padded, interpolation=cv2.INTER_AREA))
        part = small[: max(1, round(height * scale)), : max(1, round(width * scale))]
        room = _LONGEST // max(2 * columns * width, rows * height, 1)
        times = max(1, min(_LARGE // max(part.shape), room))
        return cls(np.ascontiguousarray(part), padded, columns, times)

    def frame(self, pairs: Sequence[tuple[Float, Float]]) -> RGB:
        """Show the pairs of fields (2, h, w) of all samples."""
        height, width = (self.times * side for side in self.L.shape)
        rows = -(-len(pairs) // self.columns)
        down, across = height + _GAP, 2 * width + 2 * _GAP
        canvas = np.full((rows * down + _GAP, self.columns * across + _GAP, 3), 255, np.uint8)
        for i, pair in enumerate(pairs):
            y = _GAP + i // self.columns * down
            for j, field in enumerate(pair):
                x = _GAP + i % self.columns * across + j * (width + _GAP)
                canvas[y : y + height, x : x + width] = self._picture(field)
        return canvas

    def _picture(self, field: Float) -> RGB:
        height, width = self.L.shape
        a, b = (
            np.ascontiguousarray(cv2.resize(plane, self.padded)[:height, :width]) for plane in field
        )
        linear = linear_planes(self.L, *fit_gamut(self.L, a, b))
        planes = [levels_from_linear(np.ascontiguousarray(plane), 256) for plane in linear]
        picture = np.asarray(cv2.merge(planes), np.uint8)
        return picture.repeat(self.times, axis=0).repeat(self.times, axis=1)
