"""Figures of one picture, or of one photo's samples, against the truth.

Pictures are (H, W, 3) uint8 sRGB, and their Lab (H, W, 3) float32. Published code is what the tests
hold these functions to; `docs/decisions.md` says why they are not taken from there.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.ciede2000 import ciede2000
from colorize_cli.imaging.lab import Float

RGB = NDArray[np.uint8]
Counts = NDArray[np.float64]

# Equal pictures would be infinitely far above the noise, which no mean survives and no JSON holds.
MAX_PSNR = 100.0
# (a, b) in -1..1 as in the code of Learning Diverse Image Colorization, whose bytes are 128 + ab.
_AB_UNIT = 128.0
# Classes of colour: bins of 10 x 10 in ab, centred at -110, -100 ... 110 as in Zhang et al. 2016;
# what lies beyond belongs to the outermost.
_BIN = 10.0
_BINS = 23
CLASSES = _BINS * _BINS
# Thresholds of the accuracy go from 0 to this distance in ab.
_FURTHEST = 150.0
# Wang et al. 2004: a Gaussian window of 11 pixels, and constants for the range 0..255.
_WINDOW, _SIGMA = 11, 1.5
_MIDDLE = 127.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(truth: RGB, picture: RGB) -> float:
    """Peak signal-to-noise ratio over all pixels and channels, in dB, at most 100.

    Args:
        truth: (H, W, 3) sRGB.
        picture: the same shape.
    """
    if truth.shape != picture.shape:
        raise ValueError(f"pictures of different shapes: {truth.shape} and {picture.shape}")
    difference = truth.astype(np.int32) - picture
    mse = float(np.mean(np.square(difference)))
    return MAX_PSNR if mse == 0 else min(MAX_PSNR, 10 * math.log10(255**2 / mse))


def ssim(truth: RGB, picture: RGB) -> float:
    """Structural similarity (Wang et al. 2004), the mean over red, green and blue; 1 if equal.

    Gaussian windows of 11 x 11 pixels and deviation 1.5, those that lie in the picture; in one that
    is smaller, all, with the picture mirrored at its edges.

    Args:
        truth: (H, W, 3) sRGB.
        picture: the same shape.
    """
    # Centred, so that single precision loses little where squares are subtracted.
    x, y = (rgb.astype(np.float32) - np.float32(_MIDDLE) for rgb in (truth, picture))
    mean_x, mean_y = _windows(x), _windows(y)
    variance_x = _windows(x * x) - mean_x * mean_x
    variance_y = _windows(y * y) - mean_y * mean_y
    covariance = _windows(x * y) - mean_x * mean_y
    mean_x += np.float32(_MIDDLE)
    mean_y += np.float32(_MIDDLE)
    numerator = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    denominator = (mean_x * mean_x + mean_y * mean_y + _C1) * (variance_x + variance_y + _C2)
    return float((numerator / denominator).mean(dtype=np.float64))


def _windows(plane: Float) -> Float:
    """Average over the windows around all pixels that have a whole one."""
    blurred = cv2.GaussianBlur(plane, (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT)
    rim = _WINDOW // 2 if min(plane.shape[:2]) >= _WINDOW else 0
    return np.asarray(blurred[rim : len(plane) - rim, rim : plane.shape[1] - rim], np.float32)


def colourfulness(rgb: RGB) -> float:
    """Colourfulness of Hasler and Suesstrunk 2003: 0 for grey, about 109 at "extremely colourful".

    With rg = R - G and yb = (R + G) / 2 - B, signed as in the paper (some colourizers' code takes
    absolute values, which gives other figures): the length of (std rg, std yb) plus 0.3 times that
    of (mean rg, mean yb).

    Args:
        rgb: (H, W, 3) sRGB; the figure belongs to the scale 0..255.
    """
    red, green, blue = np.moveaxis(rgb.astype(np.int16), -1, 0)
    rg, yb = red - green, (red + green) * np.float32(0.5) - blue
    spread = math.hypot(rg.std(dtype=np.float64), yb.std(dtype=np.float64))
    offset = math.hypot(rg.mean(dtype=np.float64), yb.mean(dtype=np.float64))
    return spread + 0.3 * offset


def ab_error(truth: Float, picture: Float) -> float:
    """Mean squared error of ab / 128 over pixels and both channels.

    That of Deshpande et al. 2017 ("Learning Diverse Image Colorization"), here at full size.

    Args:
        truth: (H, W, 3) Lab.
        picture: the same shape.
    """
    difference = (truth[..., 1:] - picture[..., 1:]) / np.float32(_AB_UNIT)
    return float(np.square(difference).mean(dtype=np.float64))


def ab_mae(truth: Float, picture: Float) -> float:
    """Mean absolute error of a and b over pixels and both channels, in Lab units.

    Args:
        truth: (H, W, 3) Lab.
        picture: the same shape.
    """
    return float(np.abs(truth[..., 1:] - picture[..., 1:]).mean(dtype=np.float64))


def ab_variance(samples: Sequence[Float]) -> float:
    """Variance of ab / 128 over a photo's samples, mean over pixels and both channels.

    That of Deshpande et al. 2017: the mean squared distance from the samples' mean, so divided by
    their number. 0 for a single sample.

    Args:
        samples: (H, W, 3) Lab each.
    """
    stack = np.stack([sample[..., 1:] for sample in samples]) / np.float32(_AB_UNIT)
    return float(stack.var(axis=0, dtype=np.float64).mean())


def hits(truth: Float, picture: Float) -> Counts:
    """Accuracy of ab within thresholds of 0 to 150: the area under the curve, 0..1.

    Source: Zhang, Isola and Efros 2016 ("Colorful Image Colorization"), section 3.1. The share of
    pixels within a threshold t, averaged over all t from 0 to 150, is the mean of 1 - d / 150 over
    the pixels, with d, their distance in ab, at most 150: the integral needs no steps.

    Args:
        truth: (H, W, 3) Lab.
        picture: the same shape.

    Returns:
        (529,) the area's parts by the class of the truth's colour, which sum up to it.
    """
    difference = truth[..., 1:] - picture[..., 1:]
    distance = np.hypot(difference[..., 0], difference[..., 1])
    accuracy = 1 - np.minimum(distance, np.float32(_FURTHEST)) / np.float32(_FURTHEST)
    return np.bincount(_classes(truth), accuracy.ravel(), CLASSES) / accuracy.size


def ab_histogram(lab: Float) -> Counts:
    """Share of the pixels in each class of colour: (529,) bins of 10 x 10 in ab.

    Args:
        lab: (H, W, 3).
    """
    return np.bincount(_classes(lab), minlength=CLASSES) / lab[..., 0].size


def _classes(lab: Float) -> NDArray[np.intp]:
    half = _BINS // 2
    cells = np.clip(np.rint(lab[..., 1:] / np.float32(_BIN)), -half, half).astype(np.intp) + half
    return (cells[..., 0] * _BINS + cells[..., 1]).ravel()


def class_weights(histogram: Counts) -> Counts:
    """Weights that make rare colours count as much as common ones.

    Zhang et al. 2016, equation 4 with lambda = 0: the inverse of the classes' probability,
    smoothed by a Gaussian of deviation 5 in ab. There the probability is ImageNet's; here it has
    to be given.

    Args:
        histogram: (529,) of the truth, as `ab_histogram` gives it.

    Returns:
        (529,) with mean 1 over the pixels of that histogram; 0 for classes that do not occur.
    """
    grid = histogram.reshape(_BINS, _BINS)
    smooth = cv2.GaussianBlur(grid, (0, 0), 5 / _BIN, borderType=cv2.BORDER_CONSTANT).ravel()
    weights = np.divide(1.0, smooth, out=np.zeros(CLASSES), where=histogram > 0)
    return np.asarray(weights / (weights @ histogram), np.float64)


def intersection_over_union(one: Counts, other: Counts) -> float:
    """Overlap of two histograms, 0..1: the sum of the smaller over that of the larger counts."""
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def lightness_change(before: Float, after: Float) -> tuple[float, float]:
    """|dL*| between input and output: its mean and its 99.9th percentile over the pixels.

    Args:
        before: (H, W) L*.
        after: the same shape.
    """
    change = np.abs(after - before).ravel()
    return float(change.mean(dtype=np.float64)), float(np.quantile(change, 0.999))


def mean_ciede2000(truth: Float, picture: Float) -> float:
    """CIEDE2000 between two pictures, mean over the pixels.

    Args:
        truth: (H, W, 3) Lab.
        picture: the same shape.
    """
    return float(ciede2000(truth, picture).mean())


def ciede2000_of_pairs(samples: Sequence[Float]) -> list[float]:
    """Mean CIEDE2000 of each pair of samples, over every second pixel of every second row.

    Args:
        samples: (H, W, 3) Lab each.
    """
    thinned = [np.ascontiguousarray(sample[::2, ::2]) for sample in samples]
    return [mean_ciede2000(one, other) for one, other in combinations(thinned, 2)]
