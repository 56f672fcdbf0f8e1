"""Compare the recipes `tutorial` and `tutorial-fixed`: tables and pictures of docs/schedule.md.

    python -m benchmarks.schedule RUN_TUTORIAL RUN_FIXED

Run it from the repository's root. Each RUN is a folder with `bundle/` of `colorize export` and
`figures.json` of `colorize evaluate --json`, made as the page says. The figures go to
`benchmarks/results/schedule.json` and, as tables, into the page; the pictures to
`docs/images/schedule.jpg`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.diffusion.sampler import SamplerSettings, ddpm_steps
from colorize_cli.diffusion.schedule import Schedule, even_log_snr, tutorial_20
from colorize_cli.imaging.bit_depth import eight_bits
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import read_photo

from .page import RESULTS, ROOT, fill, table

PAGE = ROOT / "docs" / "schedule.md"
PICTURES = ROOT / "docs" / "images" / "schedule.jpg"
EXAMPLES = ("astronaut.tif", "camera.jpg", "chelsea.png", "flower.webp")
NAMES = ("tutorial", "tutorial-fixed")
# Figures of `colorize evaluate`: key, heading, digits.
FIGURES = (
    ("colourfulness", "colourfulness", 1),
    ("diversity", "diversity, LPIPS", 3),
    ("diversity_ciede2000", "diversity, CIEDE2000", 1),
    ("alike", "all four alike", 2),
    ("ab_mae_first", "MAE of ab, first", 1),
    ("ciede2000_best", "CIEDE2000, best of four", 1),
    ("lpips_first", "LPIPS, first", 3),
    ("lpips_best", "LPIPS, best of four", 3),
)
_SIDE, _GAP, _SAMPLES = 150, 4, 4
# The deviation of a tint of a whole picture of 128 x 128 pixels, in Lab units.
_TINT, _PIXELS = 10.0, 128


def main() -> None:
    """Write the tables and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN")
    runs = parser.parse_args().runs
    results = {
        name: _figures(json.loads((run / "figures.json").read_text()))
        for name, run in zip(NAMES, runs, strict=True)
    }
    spreads = {
        "tutorial": spread_that_returns(tutorial_20(), _TINT / 127.5 * _PIXELS),
        "tutorial-fixed": spread_that_returns(even_log_snr(20), _TINT / 26 * _PIXELS),
    }
    record = {"spread_of_a_tint": spreads, "sets": results}
    (RESULTS / "schedule.json").write_text(json.dumps(record, indent=1) + "\n")
    caption = (
        "Photographs in grey and four samples: a row by tutorial, below it one by tutorial-fixed"
    )
    picture = f"![{caption}](images/{PICTURES.name})"
    fill(PAGE, "benchmarks/schedule.py", f"{picture}\n\n{text_of(results)}")
    PICTURES.write_bytes(_pictures([run / "bundle" for run in runs]))


def spread_that_returns(schedule: Schedule, deviation: float) -> float:
    """Tell what part of a mode's spread sampling gives back with an ideal denoiser.

    The mode is Gaussian, and so is all that becomes of it, so that the best denoiser is linear and
    only variances need to be followed through DDPM with the posterior variance.

    Args:
        schedule: that is sampled along, and was trained with.
        deviation: of the mode's coefficient, in units of x_0.
    """
    variance, x_0 = 1.0, 0.0
    steps = list(ddpm_steps(schedule, SamplerSettings(method="ddpm")))
    for step, gamma in zip(reversed(steps), reversed(schedule.gammas[1:].tolist()), strict=True):
        guess = sqrt(gamma) * deviation**2 / (gamma * deviation**2 + 1 - gamma)  # of x_t
        x_0 = guess**2 * variance
        variance = (step.on_x_0 * guess + step.on_x_t) ** 2 * variance + step.sigma**2
    return sqrt(x_0) / deviation


def text_of(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the tables: one for each set, a row for each recipe and one for the truth."""
    parts = []
    for of_set in results[NAMES[0]]:
        rows = [
            [name, *(_cell(results[name][of_set].get(key), n) for key, _, n in FIGURES)]
            for name in NAMES
        ]
        first = results[NAMES[0]][of_set]
        truth = _cell(first["truth"], 1)
        rows.append(["the photographs", truth, *["" for _ in FIGURES[1:]]])
        title = f"### {of_set}, {first['photos']} photographs"
        parts.append(f"{title}\n\n{table(['', *(head for _, head, _ in FIGURES)], rows)}")
    return "\n\n".join(parts)


def _figures(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Take what is compared out of what `colorize evaluate` wrote, for each set."""
    return {
        name: {
            **{key: scope["rows"]["model"].get(key) for key, _, _ in FIGURES},
            "truth": scope["rows"]["truth"]["colourfulness"],
            "photos": scope["photos"],
        }
        for name, scope in result["sets"].items()
    }


def _cell(figure: Mapping[str, float] | None, digits: int) -> str:
    if figure is None:
        return "-"
    value, low, high = (f"{figure[k]:.{digits}f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _pictures(bundles: Sequence[Path]) -> bytes:
    """Colour the examples with both models: a row each of grey and four samples."""
    painters = [Colorizer.open(str(bundle), device="cpu") for bundle in bundles]
    columns = []
    for name in EXAMPLES:
        photo = read_photo((ROOT / "examples" / name).read_bytes())
        for painter in painters:
            painted = painter.paint(photo, samples=_SAMPLES, seed=0)
            columns.append([_tile(photo.pixels), *map(_tile, painted)])
    rows = [np.concatenate([_framed(tile) for tile in row], axis=1) for row in columns]
    picture = np.concatenate(rows, axis=0)
    options = [cv2.IMWRITE_JPEG_QUALITY, 88]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _tile(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Cut the middle square out of a picture, at the size shown: (side, side, 3)."""
    rgb = eight_bits(pixels)
    rgb = cv2.cvtColor(rgb, cv2.COLOR_GRAY2RGB) if rgb.ndim == 2 else rgb
    side = min(rgb.shape[:2])
    top, left = ((n - side) // 2 for n in rgb.shape[:2])
    square = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return np.asarray(cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _framed(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(tile, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
