"""All figures of one photo, once its ab fields are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from colorize_cli.imaging.lab import Float, lab_from_rgb, lightness
from colorize_cli.imaging.render import render_samples
from colorize_cli.imaging.shrink import shrunk

from . import metrics
from .bleeding import down_and_up, edge_widths
from .figures import ROWS, MeasuredPhoto, PhotoFigures, PhotoParts, PictureFigures
from .inputs import ColourPhoto
from .metrics import RGB
from .patches import patches
from .pretrained.inception import features
from .pretrained.lpips import Lpips

# Pictures are the grey, the mean colour, and from the third on the samples; here the positions of
# the first sample, and of the picture that stands for each of ROWS.
_FIRST = 2
_OF_ROWS = (2, 0, 1)


@dataclass(frozen=True, eq=False)
class Yardsticks:
    """What a photo is measured with.

    Attributes:
        mean_ab: (a, b) of the row "mean colour", in Lab units.
        grid: working pixels per cell of the ab field.
        lpips: network, or None to leave it out.
        inception: network, or None to leave Frechet and kernel distance out.
        side: pixels of the short side that larger pictures are taken down to; None for none.
    """

    mean_ab: tuple[float, float]
    grid: int
    lpips: Lpips | None
    inception: nn.Module | None
    side: int | None = None


def measure(photo: ColourPhoto, ab: Float, yardsticks: Yardsticks) -> MeasuredPhoto:
    """Render the samples and the mean colour as the command line would, and compare.

    Args:
        photo: the photo.
        ab: (S, 2, h, w) float32, the samples' fields.
        yardsticks: what to measure with.
    """
    rendered = pictures_of(photo, ab, yardsticks)
    pictures, size = [shrunk(rgb, yardsticks.side) for rgb in rendered], photo.truth.shape
    photo = photo.at(yardsticks.side)
    truth, *labs = (lab_from_rgb(picture) for picture in (photo.truth, *pictures))
    parts = _parts(photo, pictures, truth, labs, yardsticks)
    to_truth, diversity = _lpips(yardsticks.lpips, photo.truth, pictures)
    of_grey, of_mean, *of_samples = (
        _figures(photo, truth, picture, lab, distance)
        for picture, lab, distance in zip(pictures, labs, to_truth, strict=True)
    )
    samples = labs[_FIRST:]
    pairs = metrics.ciede2000_of_pairs(samples)
    figures = PhotoFigures(
        name=photo.name,
        sha256=photo.grey.digest.hex(),
        height=size[0],
        width=size[1],
        truth_colourfulness=metrics.colourfulness(photo.truth),
        grey=of_grey,
        mean_colour=of_mean,
        samples=tuple(of_samples),
        ab_variance=metrics.ab_variance(samples) if pairs else np.nan,
        diversity=diversity,
        diversity_ciede2000=float(np.mean(pairs)) if pairs else np.nan,
        furthest_pair=max(pairs, default=np.nan),
        edges=parts.widths.edges,
    )
    return MeasuredPhoto(figures, parts)


def _parts(
    photo: ColourPhoto,
    pictures: Sequence[RGB],
    truth: Float,
    labs: Sequence[Float],
    yardsticks: Yardsticks,
) -> PhotoParts:
    """Measure what is pooled with other photos, on the first picture of each row."""
    frame, working, grid = photo.prepared.frame, photo.prepared.L, yardsticks.grid
    reference = lab_from_rgb(down_and_up(truth, _levels(photo), frame, working, grid))
    network, of_row = yardsticks.inception, dict(zip(ROWS, _OF_ROWS, strict=True))
    return PhotoParts(
        classes=metrics.ab_histogram(truth),
        hits={row: metrics.hits(truth, labs[i]) for row, i in of_row.items()},
        widths=edge_widths(truth, labs[_FIRST], reference, scale=frame.scale, grid=grid),
        patches=patches(truth, labs[_FIRST]),
        features=features(network, [photo.truth, *(pictures[i] for i in of_row.values())])
        if network
        else None,
    )


def _levels(photo: ColourPhoto) -> NDArray[np.uint8]:
    return photo.grey.pixels.astype(np.uint8, copy=False)


def pictures_of(photo: ColourPhoto, ab: Float, yardsticks: Yardsticks) -> list[RGB]:
    """Give the grey, the mean colour and the samples, (S, 2, h, w), as pictures."""
    mean_ab = np.asarray(yardsticks.mean_ab, np.float32)[:, None, None]
    fields = np.concatenate([np.broadcast_to(mean_ab, ab.shape[1:])[None], ab])
    frame, working = photo.prepared.frame, photo.prepared.L
    rendered = render_samples(_levels(photo), fields, frame, yardsticks.grid, working=working)
    grey = np.repeat(_levels(photo)[..., None], 3, axis=2)
    return [grey, *(rgb.astype(np.uint8, copy=False) for rgb in rendered)]


def _figures(
    photo: ColourPhoto, truth: Float, picture: RGB, lab: Float, lpips: float
) -> PictureFigures:
    change, large_change = metrics.lightness_change(lightness(_levels(photo)), lab[..., 0])
    return PictureFigures(
        lpips=lpips,
        psnr=metrics.psnr(photo.truth, picture),
        ssim=metrics.ssim(photo.truth, picture),
        ciede2000=metrics.mean_ciede2000(truth, lab),
        ab_error=metrics.ab_error(truth, lab),
        auc=float(metrics.hits(truth, lab).sum()),
        ab_iou=metrics.intersection_over_union(
            metrics.ab_histogram(truth), metrics.ab_histogram(lab)
        ),
        colourfulness=metrics.colourfulness(picture),
        lightness_mean=change,
        lightness_p999=large_change,
        ab_mae=metrics.ab_mae(truth, lab),
    )


def _lpips(
    lpips: Lpips | None, truth: RGB, pictures: Sequence[RGB]
) -> tuple[Sequence[float], float]:
    """LPIPS of each picture to the truth, and the mean over pairs of samples."""
    if lpips is None:
        return [np.nan] * len(pictures), np.nan
    to_truth = [(0, i + 1) for i in range(len(pictures))]
    among = list(combinations(range(1 + _FIRST, len(pictures) + 1), 2))
    images = torch.from_numpy(np.stack([truth, *pictures])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        distances = lpips(images.float() / 127.5 - 1, to_truth + among).tolist()
    between = distances[len(to_truth) :]
    return distances[: len(to_truth)], sum(between) / len(between) if between else np.nan
