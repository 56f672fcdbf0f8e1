"""Figures of colourised photographs against the truth, and their means over photos and sets.

PSNR and colourfulness are a line or two of NumPy each, which earns no dependency: torchmetrics,
which has the first, would bring no second figure that is needed here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
# Equal pictures would be infinitely far above the noise, which no mean survives and no JSON holds.
MAX_PSNR = 100.0


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


@dataclass(frozen=True)
class PictureFigures:
    """One picture against the truth; `lpips` is None where it was left out."""

    lpips: float | None
    psnr: float
    colourfulness: float


@dataclass(frozen=True)
class PhotoFigures:
    """All figures of one photo.

    Attributes:
        name: SET/STEM.suffix.
        sha256: of the file's bytes, in hex.
        height: in pixels.
        width: in pixels.
        truth_colourfulness: of the colour photo itself.
        grey: the grey that went in, taken for the result.
        mean_colour: the training set's mean ab everywhere.
        samples: the model's, in order.
        diversity: mean LPIPS over the pairs of samples; None without pairs or LPIPS.
    """

    name: str
    sha256: str
    height: int
    width: int
    truth_colourfulness: float
    grey: PictureFigures
    mean_colour: PictureFigures
    samples: tuple[PictureFigures, ...]
    diversity: float | None


@dataclass(frozen=True)
class Row:
    """A row of the table: the means of one way to colour, over photos or over sets."""

    lpips_first: float | None
    lpips_best: float | None
    psnr_first: float
    psnr_best: float
    colourfulness: float
    diversity: float | None


@dataclass(frozen=True)
class Means:
    """The rows over one set of photos, or over several sets."""

    photos: int
    truth_colourfulness: float
    model: Row
    grey: Row
    mean_colour: Row


@dataclass(frozen=True)
class Ratios:
    """The model beside grey and truth: ratios and differences of means, not means of ratios.

    Attributes:
        lpips_first_below_grey: in %.
        lpips_best_below_grey: in %.
        psnr_first_above_grey: in dB.
        psnr_best_above_grey: in dB.
        colourfulness_of_truth: in %.
        diversity: mean pairwise LPIPS.
    """

    lpips_first_below_grey: float | None
    lpips_best_below_grey: float | None
    psnr_first_above_grey: float
    psnr_best_above_grey: float
    colourfulness_of_truth: float
    diversity: float | None


def means_of_photos(photos: Sequence[PhotoFigures]) -> Means:
    """Average the photos of one set; the best of a photo's samples is chosen figure by figure."""
    return Means(
        photos=len(photos),
        truth_colourfulness=_mean([photo.truth_colourfulness for photo in photos]),
        model=_mean_row([_row(photo.samples, photo.diversity) for photo in photos]),
        grey=_mean_row([_row((photo.grey,), None) for photo in photos]),
        mean_colour=_mean_row([_row((photo.mean_colour,), None) for photo in photos]),
    )


def means_of_sets(sets: Mapping[str, Means]) -> Means:
    """Average the means of sets, each set counting the same."""
    means = list(sets.values())
    return Means(
        photos=sum(m.photos for m in means),
        truth_colourfulness=_mean([m.truth_colourfulness for m in means]),
        model=_mean_row([m.model for m in means]),
        grey=_mean_row([m.grey for m in means]),
        mean_colour=_mean_row([m.mean_colour for m in means]),
    )


def ratios(means: Means) -> Ratios:
    """Set the model's means beside those of grey and truth."""
    model, grey = means.model, means.grey
    return Ratios(
        lpips_first_below_grey=_percent_below(model.lpips_first, grey.lpips_first),
        lpips_best_below_grey=_percent_below(model.lpips_best, grey.lpips_best),
        psnr_first_above_grey=model.psnr_first - grey.psnr_first,
        psnr_best_above_grey=model.psnr_best - grey.psnr_best,
        colourfulness_of_truth=100 * model.colourfulness / means.truth_colourfulness,
        diversity=model.diversity,
    )


def _percent_below(value: float | None, reference: float | None) -> float | None:
    return None if value is None or reference is None else 100 * (1 - value / reference)


def _row(samples: Sequence[PictureFigures], diversity: float | None) -> Row:
    lpips = [sample.lpips for sample in samples if sample.lpips is not None]
    return Row(
        lpips_first=lpips[0] if lpips else None,
        lpips_best=min(lpips) if lpips else None,
        psnr_first=samples[0].psnr,
        psnr_best=max(sample.psnr for sample in samples),
        colourfulness=samples[0].colourfulness,
        diversity=diversity,
    )


def _mean_row(rows: Sequence[Row]) -> Row:
    return Row(
        lpips_first=_mean_if_all([row.lpips_first for row in rows]),
        lpips_best=_mean_if_all([row.lpips_best for row in rows]),
        psnr_first=_mean([row.psnr_first for row in rows]),
        psnr_best=_mean([row.psnr_best for row in rows]),
        colourfulness=_mean([row.colourfulness for row in rows]),
        diversity=_mean_if_all([row.diversity for row in rows]),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _mean_if_all(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if len(known) == len(values) else None
