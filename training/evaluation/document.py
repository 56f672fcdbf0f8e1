"""The figures of an evaluation as JSON: written for programs, read back to be compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from colorize_cli.model.colorizer import Colorizer
from colorize_cli.system.figures_file import read_document, rounded
from colorize_cli.system.machine import describe_machine

from .bootstrap import DRAWS, LEVEL
from .comparison import ComparedRun
from .distances import FRECHET_DRAWS
from .evaluate import Evaluation, EvaluationSettings
from .figures import PhotoFigures, PictureFigures
from .pretrained import inception

_FORMAT = 2
_METRICS = {
    "ssim": "Gaussian windows of 11 pixels, mean over R, G and B",
    "colourfulness": "Hasler and Suesstrunk 2003, signed differences; of the first sample; "
    "'difference' is that of the means, 'distance' the mean of the differences' sizes",
    "ab_error, ab_variance": "of ab / 128, mean over pixels and both channels, at full size",
    "ab_mae": "mean absolute error of a and b in Lab units, over pixels and both channels",
    "auc": "ab within thresholds 0 to 150; class-balanced: classes of 10 x 10 ab, weighted by the "
    "inverse of their share in the truths of these photos, smoothed by a Gaussian of 5",
    "ab_iou": "of a photo's histograms in bins of 10 x 10 ab",
    "alike": "share of the photos whose samples all lie within 2 mean CIEDE2000 of each other",
    "bleeding": "ratio of median 10-90% widths of ab's edges, in working pixels: output to the "
    "truth's ab taken down to the grid and up again",
    "patches": "changes of ab where the truth's ab changes by less than 1.5 a cell, 48 of them "
    "along the root of the area, over the truth's own there; 'skin': where the truth has the "
    "colours of skin",
    "best": "the best sample of each photo, for each figure by itself",
    "intervals": f"{LEVEL:.0f}% percentile bootstrap over photos within sets, {DRAWS} resamples; "
    f"Frechet distance {FRECHET_DRAWS}, moved to the figure",
}


def document(
    evaluation: Evaluation,
    settings: EvaluationSettings,
    colorizer: Colorizer,
    photos: Sequence[Path],
    lpips: str | None,
    with_inception: bool,
) -> dict[str, Any]:
    """Bring all figures, those of every photo among them, into the form of JSON.

    Args:
        evaluation: the figures.
        settings: what was measured.
        colorizer: the runtime that was measured.
        photos: as on the command line; only their last names are told.
        lpips: which weights LPIPS had, or None without it.
        with_inception: whether Frechet and kernel distance were measured.
    """
    bundle, summary, selection = colorizer.bundle, evaluation.summary, evaluation.selection
    return {
        "format": _FORMAT,
        "settings": {
            "photos": [photo.name for photo in photos],
            **asdict(settings),
            "size": colorizer.views.description,
            "steps": colorizer.family.steps,
            "batch": colorizer.batch,
        },
        "model": {
            "name": bundle.name,
            "digest": bundle.digest,
            "precision": dict(bundle.precision),
        },
        "metrics": {
            "lpips": lpips and f"0.1, AlexNet; weights: {lpips}",
            "frechet, kernel": inception.NAME if with_inception else None,
            **_METRICS,
        },
        "device": colorizer.device.description,
        "computed_in": colorizer.device.computes(bundle.compute),
        "machine": describe_machine(),
        "torch": metadata.version("torch"),
        "overall": asdict(summary.overall),
        "sets": {name: asdict(scope) for name, scope in summary.sets.items()},
        "selection": {
            "split": selection.split,
            "found": selection.found,
            "measured": len(evaluation.photos),
            "other_half": selection.other_half,
            "beyond_limit": selection.beyond_limit,
        },
        "left_out": dict(evaluation.left_out),
        "kernel_parts": summary.kernel_parts,
        "photos": [asdict(photo.figures) for photo in evaluation.photos],
    }


def read_json(path: Path) -> ComparedRun:
    """Read the photos of an earlier run.

    Raises:
        UsageError: the file cannot be read, or is none of `colorize evaluate --json`.
    """
    return read_document(path, "evaluate", _FORMAT, _earlier)


def _earlier(tree: Mapping[str, Any]) -> ComparedRun:
    return ComparedRun(
        model=tree["model"]["name"],
        samples=tree["settings"]["samples"],
        degraded=tree["settings"]["degraded"],
        photos=[_photo(fields) for fields in tree["photos"]],
        kernel_parts=tree["kernel_parts"],
        machine=tree["machine"],
        judge_at=tree["settings"].get("judge_at"),  # which earlier versions did not have
    )


def run_of(evaluation: Evaluation, settings: EvaluationSettings, model: str) -> ComparedRun:
    """Give what of an evaluation can be compared with an earlier one, in the digits of its file."""
    return ComparedRun(
        model=model,
        samples=settings.samples,
        degraded=settings.degraded,
        photos=[_photo(rounded(asdict(photo.figures))) for photo in evaluation.photos],
        kernel_parts=rounded(evaluation.summary.kernel_parts),
        machine=describe_machine(),
        judge_at=settings.judge_at,
    )


def _photo(fields: Mapping[str, Any]) -> PhotoFigures:
    known = dict(_numbers(fields))
    known |= {row: _picture(fields[row]) for row in ("grey", "mean_colour")}
    return PhotoFigures(**{**known, "samples": tuple(map(_picture, fields["samples"]))})


def _picture(fields: Mapping[str, Any]) -> PictureFigures:
    return PictureFigures(**_numbers(fields))


def _numbers(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: math.nan if value is None else value for key, value in fields.items()}
