"""The figures of an evaluation as JSON: written for programs, read back to be compared."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.system.figures_json import rounded
from colorize_cli.system.files import write_atomic
from colorize_cli.system.machine import describe_machine

from . import inception
from .bootstrap import DRAWS, LEVEL
from .comparison import Run
from .distances import FRECHET_DRAWS
from .evaluate import Evaluation, EvaluationSettings
from .figures import PhotoFigures, PictureFigures

_FORMAT = 2
# Down to this depth each entry has a line of its own; a thousand photos take a thousand lines.
_DEPTH = 5
_METRICS = {
    "ssim": "Gaussian windows of 11 pixels, mean over R, G and B",
    "colourfulness": "Hasler and Suesstrunk 2003, signed differences; of the first sample; "
    "'difference' is that of the means, 'distance' the mean of the differences' sizes",
    "ab_error, ab_variance": "of ab / 128, mean over pixels and both channels, at full size",
    "auc": "ab within thresholds 0 to 150; class-balanced: classes of 10 x 10 ab, weighted by the "
    "inverse of their share in the truths of these photos, smoothed by a Gaussian of 5",
    "ab_iou": "of a photo's histograms in bins of 10 x 10 ab",
    "alike": "share of the photos whose samples all lie within 2 mean CIEDE2000 of each other",
    "bleeding": "ratio of median 10-90% widths of ab's edges, in working pixels: output to the "
    "truth's ab taken down to the grid and up again",
    "best": "the best sample of each photo, for each figure by itself",
    "intervals": f"{LEVEL:.0f}% percentile bootstrap over photos within sets, {DRAWS} resamples; "
    f"Frechet distance {FRECHET_DRAWS}, moved to the figure",
}


def write_json(
    path: Path,
    evaluation: Evaluation,
    photos: Sequence[Path],
    colorizer: Colorizer,
    settings: EvaluationSettings,
    lpips: str | None,
    with_inception: bool,
) -> None:
    """Write all figures, those of every photo among them, and what they were made with.

    Args:
        path: of the file.
        evaluation: the figures.
        photos: as on the command line; only their last names are written.
        colorizer: the runtime that was measured.
        settings: what was measured.
        lpips: which weights LPIPS had, or None without it.
        with_inception: whether Frechet and kernel distance were measured.
    """
    bundle, summary = colorizer.bundle, evaluation.summary
    document = {
        "format": _FORMAT,
        "settings": {
            "photos": [photo.name for photo in photos],
            **asdict(settings),
            "size": colorizer.size,
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
        "left_out": dict(evaluation.left_out),
        "kernel_parts": summary.kernel_parts,
        "photos": [asdict(photo.figures) for photo in evaluation.photos],
    }
    write_atomic(path, (_dump(rounded(document), _DEPTH) + "\n").encode())


def read_json(path: Path) -> Run:
    """Read the photos of an earlier run.

    Raises:
        UsageError: the file cannot be read, or is none of `colorize evaluate --json`.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--compare {path}: cannot read it ({error.strerror}).") from error
    except ValueError as error:
        raise UsageError(f"--compare {path}: not a JSON file ({error}).") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise UsageError(
            f"--compare {path}: not a file of `colorize evaluate --json` of this version; "
            "run the evaluation of the earlier model again."
        )
    try:
        return Run(
            model=document["model"]["name"],
            samples=document["settings"]["samples"],
            degraded=document["settings"]["degraded"],
            photos=[_photo(fields) for fields in document["photos"]],
            kernel_parts=document["kernel_parts"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--compare {path}: not a file of `colorize evaluate --json` (no {error})."
        ) from error


def run_of(evaluation: Evaluation, settings: EvaluationSettings, model: str) -> Run:
    """Give what of an evaluation can be compared with an earlier one, in the digits of its file."""
    return Run(
        model=model,
        samples=settings.samples,
        degraded=settings.degraded,
        photos=[_photo(rounded(asdict(photo.figures))) for photo in evaluation.photos],
        kernel_parts=rounded(evaluation.summary.kernel_parts),
    )


def _photo(fields: Mapping[str, Any]) -> PhotoFigures:
    known = dict(_numbers(fields))
    known |= {row: _picture(fields[row]) for row in ("grey", "mean_colour")}
    return PhotoFigures(**{**known, "samples": tuple(map(_picture, fields["samples"]))})


def _picture(fields: Mapping[str, Any]) -> PictureFigures:
    return PictureFigures(**_numbers(fields))


def _numbers(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: math.nan if value is None else value for key, value in fields.items()}


def _dump(value: Any, depth: int) -> str:
    """Write JSON with a line for each entry down to a depth, and no breaks below."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {_dump(item, depth - 1)}" for key, item in value.items()]
    elif isinstance(value[0], dict):
        lines = [json.dumps(item) for item in value]
    else:
        return json.dumps(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(lines) + "\n" + closing
