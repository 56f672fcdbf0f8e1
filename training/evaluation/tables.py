"""How the figures of an evaluation are shown: tables for people, JSON for programs."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from colorize_cli import __version__
from colorize_cli.colorizer import Colorizer
from colorize_cli.files import write_atomic

from .evaluation import Evaluation, EvaluationSettings
from .metrics import Means, PhotoFigures, Row, ratios

_FORMAT = 1
_COLOURFULNESS = "Hasler and Suesstrunk 2003, signed differences"
_PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "torch")
# Wide enough for the tables where there is no terminal to ask.
_FILE_WIDTH = 100


def print_tables(evaluation: Evaluation, settings: EvaluationSettings, model: str) -> None:
    """Print the means, the ratios and the means by set on standard output."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=_FILE_WIDTH)
    console.print(_overall_table(evaluation, settings, model))
    for line in _ratio_lines(evaluation.overall, settings.samples):
        console.print(line, highlight=False, markup=False)
    console.print(_sets_table(evaluation))


def write_json(
    path: Path,
    evaluation: Evaluation,
    photos: Sequence[Path],
    colorizer: Colorizer,
    settings: EvaluationSettings,
    lpips: str | None,
) -> None:
    """Write all figures, those of every photo among them, and what they were made with.

    Args:
        path: of the file.
        evaluation: the figures.
        photos: as on the command line; only their last names are written.
        colorizer: the runtime that was measured.
        settings: what was measured.
        lpips: which weights LPIPS had, or None without it.
    """
    bundle = colorizer.bundle
    document = {
        "format": _FORMAT,
        "settings": {
            "photos": [photo.name for photo in photos],
            **asdict(settings),
            "size": colorizer.size,
            "steps": colorizer.schedule.steps,
            "batch": colorizer.batch,
        },
        "model": {
            "name": bundle.name,
            "digest": bundle.digest,
            "precision": dict(bundle.precision),
        },
        "metrics": {
            "lpips": lpips and f"0.1, AlexNet; weights: {lpips}",
            "colourfulness": f"{_COLOURFULNESS}; of the first sample",
            "diversity": "mean LPIPS over the pairs of samples",
            "best": "the best sample of each photo, for each figure by itself",
        },
        "machine": _machine(colorizer),
        "versions": _versions(),
        "overall": _means_fields(evaluation.overall),
        "sets": {name: _means_fields(means) for name, means in evaluation.sets.items()},
        "left_out": dict(evaluation.left_out),
    }
    # A line a photo: indented, a thousand photos would take fifty thousand lines.
    lines = ",\n".join(f"  {json.dumps(_photo_fields(photo))}" for photo in evaluation.photos)
    head = json.dumps(document, indent=1).removesuffix("\n}")
    write_atomic(path, f'{head},\n "photos": [\n{lines}\n ]\n}}\n'.encode())


def _photo_fields(photo: PhotoFigures) -> Any:
    return json.loads(json.dumps(asdict(photo)), parse_float=lambda text: round(float(text), 5))


def _means_fields(means: Means) -> dict[str, Any]:
    return {**asdict(means), "ratios": asdict(ratios(means))}


def _machine(colorizer: Colorizer) -> dict[str, Any]:
    return {
        "device": colorizer.device.description,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }


def _versions() -> dict[str, str]:
    versions = {"colorize-cli": __version__}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _overall_table(evaluation: Evaluation, settings: EvaluationSettings, model: str) -> Table:
    means = evaluation.overall
    half = "both halves" if settings.split == "all" else f"half {settings.split}"
    best = f"best of {settings.samples}"
    table = Table(
        title=f"{means.photos} photographs in {len(evaluation.sets)} sets, {half}; "
        "means over photos, then sets",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("")
    for column in ("LPIPS, first", best, "PSNR, first", best, "colourfulness", "diversity"):
        table.add_column(column, justify="right")
    rows = {model: means.model, "grey input": means.grey, "mean colour": means.mean_colour}
    for name, row in rows.items():
        table.add_row(name, *_cells(row))
    table.add_row("truth", *[""] * 4, f"{means.truth_colourfulness:.1f}", "")
    return table


def _cells(row: Row) -> Sequence[str]:
    return (
        _number(row.lpips_first, 4),
        _number(row.lpips_best, 4),
        _number(row.psnr_first, 2),
        _number(row.psnr_best, 2),
        _number(row.colourfulness, 1),
        _number(row.diversity, 3),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _ratio_lines(means: Means, samples: int) -> Sequence[str]:
    shown = ratios(means)
    lines = [
        f"PSNR above grey's: first {shown.psnr_first_above_grey:+.2f} dB, "
        f"best of {samples} {shown.psnr_best_above_grey:+.2f} dB",
        f"colourfulness ({_COLOURFULNESS}; first sample): "
        f"{shown.colourfulness_of_truth:.1f}% of the truth's",
    ]
    if shown.lpips_first_below_grey is not None:
        lines.insert(
            0,
            f"LPIPS below grey's: first {shown.lpips_first_below_grey:.1f}%, "
            f"best of {samples} {_number(shown.lpips_best_below_grey, 1)}%",
        )
    return lines


def _sets_table(evaluation: Evaluation) -> Table:
    table = Table(
        title='by set; "grey" is the grey input', box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("set")
    for column in (
        *("photos", "LPIPS", "best", "grey", "PSNR", "best", "grey"),
        *("colourfulness", "truth", "diversity"),
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for name, means in evaluation.sets.items():
        model, grey = means.model, means.grey
        table.add_row(
            name,
            str(means.photos),
            _number(model.lpips_first, 4),
            _number(model.lpips_best, 4),
            _number(grey.lpips_first, 4),
            _number(model.psnr_first, 2),
            _number(model.psnr_best, 2),
            _number(grey.psnr_first, 2),
            _number(model.colourfulness, 1),
            _number(means.truth_colourfulness, 1),
            _number(model.diversity, 3),
        )
    return table
