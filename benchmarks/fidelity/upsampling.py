"""Take the true ab down to the grid and up again in several ways, and compare with the truth."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from colorize_cli.imaging import render as render_module
from colorize_cli.imaging.area_resample import to_grid, to_working
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.lab import Float, Pixels, lab_from_rgb
from colorize_cli.imaging.render import render

from ..page import table
from .ab_fields import GRID, field_of, grey_of

# What each choice of the upsampling is worth: constants of the module, changed one at a time.
CHOICES: dict[str, dict[str, float]] = {
    "as shipped": {"_EPS": render_module._EPS},
    "eps 12.5": {"_EPS": 12.5},
    "eps 25": {"_EPS": 25.0},
    "eps 100": {"_EPS": 100.0},
    "eps 200": {"_EPS": 200.0},
    "no correction": {"_CORRECTIONS": 0},
    "1 correction": {"_CORRECTIONS": 1},
    "4 corrections": {"_CORRECTIONS": 4},
    "corrections without bounds": {"_BEYOND_ABSOLUTE": 1000.0},
    "corrections within neighbours": {"_BEYOND_ABSOLUTE": 0.0, "_BEYOND_RELATIVE": 0.0},
}


def upsampling(photos: Sequence[Pixels], size: int) -> dict[str, dict[str, float]]:
    """Take the true ab down to the grid and up again in several ways, and compare."""
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for rgb in photos:
        frame = frame_for(*rgb.shape[:2], size)
        grey, field = grey_of(rgb, np.uint8), field_of(rgb, frame)
        for name, picture in pictures(grey, field, frame):
            found[name].append(compare(rgb, picture))
    return {name: averages(figures) for name, figures in found.items()}


def pictures(grey: Pixels, field: Float, frame: Frame) -> Iterator[tuple[str, Pixels]]:
    """Render with the field enlarged in four ways."""
    flat = np.zeros_like(field)
    bounds = np.stack([flat[0], flat[0] + 100])
    plain = np.concatenate([flat, field, bounds])
    first, second, weight = range(3)
    positions = render_module._positions

    def nearest(side: int, cells_per_pixel: float, cells: int) -> tuple[Any, ...]:
        found = positions(side, cells_per_pixel, cells)
        return found[first], found[second], np.rint(found[weight])

    with patch.object(render_module, "_positions", nearest):
        yield "nearest", render_module._render(grey, plain, frame, GRID)
    yield "bilinear", render_module._render(grey, plain, frame, GRID)
    cells = to_grid(to_working(grey, frame), GRID)
    guided = np.concatenate([*published(cells, field), bounds])
    yield "guided filter as published", render_module._render(grey, guided, frame, GRID)
    yield "this project's", render(grey, field, frame)


def published(cells: Float, field: Float) -> tuple[Float, Float]:
    """Fit the fast guided filter of He and Sun (2015), radius 1: A and B of both channels."""

    def mean(plane: Float) -> Float:
        blurred = cv2.blur(plane.astype(np.float64), (3, 3), borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, np.float64)

    variance = mean(cells * cells) - mean(cells) ** 2
    slopes, offsets = [], []
    for p in field:
        slope = (mean(cells * p) - mean(cells) * mean(p)) / (variance + render_module._EPS)
        slopes.append(mean(slope))
        offsets.append(mean(mean(p) - slope * mean(cells)))
    return np.stack(slopes).astype(np.float32), np.stack(offsets).astype(np.float32)


def compare(truth: Pixels, picture: Pixels) -> tuple[float, float, float]:
    """Return PSNR over RGB, and the mean and 99th percentile of the distance in ab."""
    error = np.mean((truth.astype(np.float64) - picture) ** 2)
    distance = np.linalg.norm(
        lab_from_rgb(truth)[..., 1:] - lab_from_rgb(picture)[..., 1:], axis=-1
    )
    psnr = 10 * np.log10(255**2 / max(error, 1e-9))
    return float(psnr), float(distance.mean()), float(np.percentile(distance, 99))


def averages(figures: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    """Average what `compare` found over the photos."""
    return dict(zip(("psnr", "ab", "ab_p99"), np.mean(figures, axis=0).tolist(), strict=True))


def choices(photos: Sequence[Pixels], size: int) -> dict[str, dict[str, float]]:
    """Change one constant of the upsampling at a time."""
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for rgb in photos:
        frame = frame_for(*rgb.shape[:2], size)
        grey, field = grey_of(rgb, np.uint8), field_of(rgb, frame)
        for name, constants in CHOICES.items():
            with patch.multiple(render_module, **constants):
                found[name].append(compare(rgb, render(grey, field, frame)))
    return {name: averages(figures) for name, figures in found.items()}


def quality_table_of(results: dict[int, dict[str, dict[str, float]]]) -> str:
    """Write a row for each method: PSNR, mean and 99th percentile of the ab distance, by size."""
    methods = next(iter(results.values()))
    rows = [
        [
            name,
            *("{psnr:.2f} / {ab:.2f} / {ab_p99:.1f}".format(**of[name]) for of in results.values()),
        ]
        for name in methods
    ]
    return table(["", *(f"working size {size}" for size in results)], rows)
