"""Made figures of photos, for the tests of what becomes of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.evaluation.bleeding import Widths
from training.evaluation.figures import (
    ROWS,
    MeasuredPhoto,
    PhotoFigures,
    PhotoParts,
    PictureFigures,
)
from training.evaluation.metrics import CLASSES
from training.evaluation.patches import Patches

PICTURE = PictureFigures(
    lpips=0.4,
    psnr=20.0,
    ssim=0.9,
    ciede2000=10.0,
    ab_error=0.02,
    auc=0.8,
    ab_iou=0.3,
    colourfulness=20.0,
    lightness_mean=0.1,
    lightness_p999=0.3,
    ab_mae=8.0,
)

PATCHES = Patches(output=6.0, truth=4.0, output_skin=2.0, truth_skin=1.0)


def figures(
    name: str = "set/photo.png",
    lpips: Sequence[float] = (0.3,),
    psnr: Sequence[float] = (22.0,),
    colourfulness: float = 20.0,
) -> PhotoFigures:
    samples = tuple(
        replace(PICTURE, lpips=lp, psnr=p, colourfulness=colourfulness)
        for lp, p in zip(lpips, psnr, strict=True)
    )
    return PhotoFigures(
        name=name,
        sha256=name,
        height=1,
        width=1,
        truth_colourfulness=40.0,
        grey=replace(PICTURE, colourfulness=0.0),
        mean_colour=replace(PICTURE, lpips=0.35),
        samples=samples,
        ab_variance=0.001,
        diversity=0.1,
        diversity_ciede2000=5.0,
        furthest_pair=1.9,
        edges=2,
    )


def photo(
    photo_figures: PhotoFigures,
    *,
    accuracy: tuple[float, float] = (1.0, 0.0),
    shares: tuple[float, float] = (0.5, 0.5),
    widths: tuple[float, float] = (6.0, 5.0),
    seed: int = 0,
) -> MeasuredPhoto:
    classes, hits = np.zeros(CLASSES), np.zeros(CLASSES)
    classes[[10, 300]] = shares
    hits[[10, 300]] = np.array(shares) * accuracy
    output, reference = (np.full(2, width, np.float32) for width in widths)
    features = np.random.default_rng(seed).normal(0, 1, (4, 6)).astype(np.float32)
    parts = PhotoParts(
        classes, dict.fromkeys(ROWS, hits), Widths.counted(output, reference, 4), PATCHES, features
    )
    return MeasuredPhoto(photo_figures, parts)
