"""What is measured of a photo, and how the figures of a row come of it.

A missing figure is NaN: LPIPS that was left out, diversity of a single sample.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from colorize_cli.imaging.ciede2000 import are_alike
from colorize_cli.imaging.lab import Float
from colorize_cli.system.figure_changes import Interval

from .bleeding import Widths
from .metrics import Counts
from .patches import Patches

Row: TypeAlias = Literal["model", "grey", "mean_colour"]
ROWS: tuple[Row, ...] = ("model", "grey", "mean_colour")


@dataclass(frozen=True)
class PictureFigures:
    """One picture against the truth, and its L against the input's; see `metrics` for each."""

    lpips: float
    psnr: float
    ssim: float
    ciede2000: float
    ab_error: float
    auc: float
    ab_iou: float
    colourfulness: float
    lightness_mean: float
    lightness_p999: float
    ab_mae: float = np.nan  # which files of earlier versions do not have


@dataclass(frozen=True)
class PhotoFigures:
    """All figures of one photo that are numbers of their own.

    Attributes:
        name: SET/STEM.suffix.
        sha256: of the file's bytes, in hex.
        height: in pixels.
        width: in pixels.
        truth_colourfulness: of the colour photo itself.
        grey: the grey that went in, taken for the result.
        mean_colour: the training set's mean ab everywhere.
        samples: the model's, in order.
        ab_variance: over the samples.
        diversity: mean LPIPS over the pairs of samples.
        diversity_ciede2000: mean CIEDE2000 over the pairs of samples.
        furthest_pair: the largest mean CIEDE2000 of a pair of samples.
        edges: at which bleeding was measured, in the first sample.
    """

    name: str
    sha256: str
    height: int
    width: int
    truth_colourfulness: float
    grey: PictureFigures
    mean_colour: PictureFigures
    samples: tuple[PictureFigures, ...]
    ab_variance: float
    diversity: float
    diversity_ciede2000: float
    furthest_pair: float
    edges: int

    def pictures(self, row: Row) -> Sequence[PictureFigures]:
        """Give what a row of the table is about: the samples, or the one other picture."""
        return {"model": self.samples, "grey": (self.grey,), "mean_colour": (self.mean_colour,)}[
            row
        ]


@dataclass(frozen=True, eq=False)
class PhotoParts:
    """What of a photo has to be pooled with other photos before it makes a figure.

    Attributes:
        classes: (529,) histogram of the truth's ab.
        hits: (529,) for each row, accuracy of the first sample by the truth's class.
        widths: of the first sample's edges.
        patches: how its ab changes where the truth's hardly does.
        features: (4, 2048) of the truth, then of the first picture of each row; None without.
    """

    classes: Counts
    hits: Mapping[Row, Counts]
    widths: Widths
    patches: Patches
    features: Float | None


@dataclass(frozen=True, eq=False)
class MeasuredPhoto:
    """A photo's figures, and what is pooled."""

    figures: PhotoFigures
    parts: PhotoParts


PhotoValue: TypeAlias = Callable[[PhotoFigures, Sequence[PictureFigures]], float]

# Figures that are means over photos, as functions of a photo and of the pictures of a row. The best
# of the samples is the best for that figure by itself.
OF_PICTURES: Mapping[str, PhotoValue] = {
    "lpips_first": lambda _, p: p[0].lpips,
    "lpips_best": lambda _, p: min(picture.lpips for picture in p),
    "psnr_first": lambda _, p: p[0].psnr,
    "psnr_best": lambda _, p: max(picture.psnr for picture in p),
    "ssim_first": lambda _, p: p[0].ssim,
    "ssim_best": lambda _, p: max(picture.ssim for picture in p),
    "ciede2000_first": lambda _, p: p[0].ciede2000,
    "ciede2000_best": lambda _, p: min(picture.ciede2000 for picture in p),
    "ab_error_first": lambda _, p: p[0].ab_error,
    "ab_error_best": lambda _, p: min(picture.ab_error for picture in p),
    "ab_mae_first": lambda _, p: p[0].ab_mae,
    "auc": lambda _, p: p[0].auc,
    "ab_iou": lambda _, p: p[0].ab_iou,
    "colourfulness": lambda _, p: p[0].colourfulness,
    "colourfulness_difference": lambda photo, p: p[0].colourfulness - photo.truth_colourfulness,
    "colourfulness_distance": lambda photo, p: abs(p[0].colourfulness - photo.truth_colourfulness),
    "lightness_mean": lambda _, p: p[0].lightness_mean,
    "lightness_p999": lambda _, p: p[0].lightness_p999,
}
# And those that only several samples of a photo have.
OF_SAMPLES: Mapping[str, PhotoValue] = {
    "diversity": lambda photo, _: photo.diversity,
    "diversity_ciede2000": lambda photo, _: photo.diversity_ciede2000,
    "alike": lambda photo, _: (
        float(are_alike(photo.furthest_pair)) if photo.samples[1:] else np.nan
    ),
    "ab_variance": lambda photo, _: photo.ab_variance,
}


@dataclass(frozen=True)
class Column:
    """A figure as tables show it.

    Attributes:
        key: its name in the code and in JSON.
        heading: its name for people.
        digits: after the point.
        better: the direction in which a model improves, where there is one.
        scale: what it is multiplied by to be shown.
    """

    key: str
    heading: str
    digits: int
    better: Literal["higher", "lower"] | None = None
    scale: float = 1

    def text(self, value: float) -> str:
        """Format a figure."""
        return f"{self.scale * value:.{self.digits}f}" if np.isfinite(value) else "-"

    def text_with(self, interval: Interval) -> str:
        """Format a figure with its interval, where it has one."""
        low, high = self.text(interval.low), self.text(interval.high)
        text = self.text(interval.value)
        return text if "-" in (low, high) else f"{text} [{low}, {high}]"


MAIN = (
    Column("lpips_first", "LPIPS, first", 4, "lower"),
    Column("lpips_best", "LPIPS, best", 4, "lower"),
    Column("psnr_first", "PSNR, first, dB", 2, "higher"),
    Column("psnr_best", "PSNR, best, dB", 2, "higher"),
    Column("colourfulness", "colourfulness", 1),
    Column("kernel", "kernel distance x 1000", 2, "lower", 1000),
    Column("diversity", "diversity, LPIPS", 3, "higher"),
    Column("alike", "samples all alike, %", 1, "lower", 100),
    Column("bleeding", "bleeding", 3, "lower"),
    Column("patches", "patches", 3, "lower"),
)
REST = (
    Column("ssim_first", "SSIM, first", 4, "higher"),
    Column("ssim_best", "SSIM, best", 4, "higher"),
    Column("ciede2000_first", "CIEDE2000, first", 2, "lower"),
    Column("ciede2000_best", "CIEDE2000, best", 2, "lower"),
    Column("ab_error_first", "ab error x 1000, first", 2, "lower", 1000),
    Column("ab_error_best", "ab error x 1000, best", 2, "lower", 1000),
    Column("ab_variance", "ab variance x 1000", 2, scale=1000),
    Column("auc", "ab AuC, %", 2, "higher", 100),
    Column("auc_balanced", "ab AuC, balanced, %", 2, "higher", 100),
    Column("ab_iou", "ab histograms, IoU", 3, "higher"),
    Column("colourfulness_difference", "colourfulness, diff.", 1),
    Column("colourfulness_distance", "colourfulness, |diff.|", 1, "lower"),
    Column("diversity_ciede2000", "diversity, CIEDE2000", 2, "higher"),
    Column("frechet", "Frechet distance", 1, "lower"),
    Column("patches_skin", "patches, colours of skin", 3, "lower"),
    Column("width", "width of edges", 2),
    Column("width_reference", "width the grid allows", 2),
    Column("lightness_mean", "|dL*|, mean", 3, "lower"),
    Column("lightness_p999", "|dL*|, 99.9th perc.", 2, "lower"),
    Column("ab_mae_first", "ab MAE, first", 2, "lower"),
)
RATIOS = (
    Column("lpips_first_below_grey", "LPIPS below grey's, first, %", 1),
    Column("lpips_best_below_grey", "LPIPS below grey's, best, %", 1),
    Column("psnr_first_above_grey", "PSNR above grey's, first, dB", 2),
    Column("psnr_best_above_grey", "PSNR above grey's, best, dB", 2),
    Column("ciede2000_first_below_grey", "CIEDE2000 below grey's, first, %", 1),
    Column("ciede2000_best_below_grey", "CIEDE2000 below grey's, best, %", 1),
    Column("kernel_below_grey", "kernel distance below grey's, %", 1),
    Column("frechet_below_grey", "Frechet distance below grey's, %", 1),
    Column("colourfulness_of_truth", "colourfulness of the truth's, %", 1),
)
