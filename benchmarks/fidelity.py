"""Measure what the way from ab field to file does to a photo: its L, its colour edges, its cost.

    python -m benchmarks.fidelity PHOTOS... [--json FILE] [--photos 8]

PHOTOS are folders, pictures or tar shards of colour photographs, none of which is part of this
project. Figures come from the half "report", the choices of the upsampling's constants from the
half "tune". Times are CPU time of one thread, the least of several runs.

Writes benchmarks/results/fidelity.json and the tables of benchmarks/fidelity.md.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from colorize_cli.imaging import render as render_module
from colorize_cli.imaging.area_resample import resample, to_grid, to_working
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.gamut import chroma_table
from colorize_cli.imaging.lab import Float, Pixels, lab_from_rgb, lightness, lightness_table
from colorize_cli.imaging.render import render
from colorize_cli.photos.formats.jpeg import JPEG_QUALITY
from colorize_cli.system.machine import describe_machine
from training.shards import Half, half_of, iter_photos, set_of

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fidelity.json"
PAGE = HERE / "fidelity.md"
BEGIN, END = "<!-- written by benchmarks/fidelity.py -->\n", "<!-- end -->\n"
SIZE, GRID = 192, 4
BIN, BINS = 0.001, 100_001  # of the histogram of |dL|
JPEG_444 = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
JPEG = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *JPEG_444)
WEBP = (cv2.IMWRITE_WEBP_QUALITY, 95)
FIELDS = {f"{kind}, sigma {s}": (kind, s) for kind in ("smooth", "rough") for s in (15, 40, 120)}
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


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=8, help="of each set and half")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photos = read(arguments.paths, arguments.photos)
    machine = describe_machine()
    results = {
        "machine": machine,
        "photos": {half: len(some) for half, some in photos.items()},
        "cost": cost(photos["report"]),
        "lightness": lightness_changes(photos["report"]),
        "upsampling": {size: upsampling(photos["report"], size) for size in (192, 96, 48)},
        "choices": {size: choices(photos["tune"], size) for size in (192, 96, 48)},
    }
    results["machine_after"] = {"load_average": describe_machine()["load_average"]}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    tables = page(results)
    print(tables)
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + tables + "\n" + END + rest.split(END)[1])


def read(paths: Sequence[Path], most: int) -> dict[Half, list[Pixels]]:
    """Decode the first `most` photos of each set and half as RGB."""
    found: dict[tuple[Half, str], list[Pixels]] = defaultdict(list)
    for name, data in iter_photos(paths):
        some = found[half_of(data), set_of(name)]
        if len(some) < most:
            some.append(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1))[..., ::-1])
    halves: dict[Half, list[Pixels]] = {"tune": [], "report": []}
    for (half, _), some in found.items():
        halves[half] += [np.ascontiguousarray(rgb) for rgb in some]
    return halves


def grey_of(rgb: Pixels, dtype: type[np.unsignedinteger]) -> Pixels:
    """Make the neutral picture with the L of `rgb`, to the nearest level."""
    table = lightness_table(np.iinfo(dtype).max + 1)
    return np.interp(lightness(rgb), table, np.arange(len(table))).round().astype(dtype)


def field_of(rgb: Pixels, frame: Frame) -> Float:
    """Average the true ab over the cells of the grid: (2, h, w)."""
    planes = np.moveaxis(lab_from_rgb(rgb), -1, 0)[1:]
    return np.stack([to_grid(resample(reader(p), frame), GRID) for p in planes])


def reader(plane: Float) -> Callable[[int, int], Float]:
    """Read rows of a plane."""
    return lambda top, bottom: plane[top:bottom]


def random_field(kind: str, sigma: float, frame: Frame, seed: int) -> Float:
    """Draw a random ab field: noise in each cell, or blurred over 3 cells."""
    shape = (2, frame.padded_height // GRID, frame.padded_width // GRID)
    field = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    if kind == "smooth":
        field = np.stack([cv2.GaussianBlur(channel, (0, 0), 3) for channel in field])
    return field * np.float32(sigma / field.std())


class Changes:
    """A histogram of |dL| over the pixels of many pictures."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.total = 0.0
        self.largest = 0.0

    def add(self, before: Float, rgb: Pixels) -> None:
        """Compare a picture with the L that it should have."""
        change = np.abs(lightness(np.ascontiguousarray(rgb)) - before)
        index = np.minimum((change / BIN).astype(np.intp), BINS - 1)
        self.counts += np.bincount(index.ravel(), minlength=BINS)
        self.total += float(change.sum(dtype=np.float64))
        self.largest = max(self.largest, float(change.max()))

    def figures(self) -> dict[str, float]:
        """Return the mean, the 99.9th percentile and the largest change."""
        share = np.cumsum(self.counts) / self.counts.sum()
        return {
            "mean": self.total / float(self.counts.sum()),
            "p99.9": float(np.searchsorted(share, 0.999) + 1) * BIN,
            "max": self.largest,
        }


def lightness_changes(photos: Sequence[Pixels]) -> dict[str, dict[str, dict[str, float]]]:
    """Compare L of grey photo and picture: figures by kind of field and by what is written."""
    changes: dict[str, dict[str, Changes]] = defaultdict(lambda: defaultdict(Changes))
    for seed, rgb in enumerate(photos):
        frame = frame_for(*rgb.shape[:2], SIZE)
        fields = {name: random_field(*which, frame, seed) for name, which in FIELDS.items()}
        for name, field in {"the photo's own": field_of(rgb, frame), **fields}.items():
            of = changes[name]
            for dtype in (np.uint8, np.uint16):
                grey = grey_of(rgb, dtype)
                before, picture = lightness(grey), render(grey, field, frame)
                of[f"pixels, {8 * grey.itemsize} bit"].add(before, picture)
                if dtype is np.uint8:
                    of["JPEG"].add(before, through(".jpg", picture, JPEG))
                    of["lossy WebP"].add(before, through(".webp", picture, WEBP))
                    of["RGB clipped instead"].add(before, clipped(grey, field, frame))
    return {
        field: {what: change.figures() for what, change in of.items()}
        for field, of in changes.items()
    }


def through(suffix: str, rgb: Pixels, settings: Sequence[int]) -> Pixels:
    """Encode and decode."""
    _, data = cv2.imencode(suffix, rgb[..., ::-1], settings)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]


def clipped(grey: Pixels, field: Float, frame: Frame) -> Pixels:
    """Render without a gamut: what lies outside sRGB is clipped channel by channel."""
    with patch.object(render_module, "outside_gamut", lambda linear, _: np.zeros(1, bool)):
        return render(grey, field, frame)


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


def cost(photos: Sequence[Pixels]) -> dict[str, dict[str, float]]:
    """Time every step on one photo, enlarged: core milliseconds a megapixel, by size."""
    chroma_table()
    photo = max(photos, key=lambda rgb: rgb.size)
    return {f"{megapixels} megapixels": cost_at(megapixels, photo) for megapixels in (0.5, 2, 24)}


def cost_at(megapixels: float, photo: Pixels) -> dict[str, float]:
    """Time every step on a photo enlarged to that size, with grain."""
    scale = (megapixels * 1e6 / (photo.shape[0] * photo.shape[1])) ** 0.5
    rgb = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(-8, 9, rgb.shape[:2])
    grey = np.clip(grey_of(rgb, np.uint8) + grain, 0, 255).astype(np.uint8)
    frame = frame_for(*grey.shape, SIZE)
    own, strong = field_of(rgb, frame), random_field("smooth", 40, frame, 0)
    working, picture = to_working(grey, frame), render(grey, own, frame)
    deep = grey.astype(np.uint16) * 257
    bgr = np.ascontiguousarray(picture[..., ::-1])
    runs: dict[str, Callable[[], object]] = {
        "photo to working size": lambda: to_working(grey, frame),
        "render": lambda: render(grey, own, frame, working=working),
        "render, 16 bit": lambda: render(deep, own, frame, working=working),
        "render, colour input": lambda: render(picture, own, frame, working=working),
        "render, smooth field, sigma 40": lambda: render(grey, strong, frame, working=working),
        "JPEG": lambda: cv2.imencode(".jpg", bgr, JPEG),
    }
    return {name: least(run) / grey.size * 1e9 for name, run in runs.items()}


def least(run: Callable[[], object], runs: int = 5) -> float:
    """Return the least CPU time of a few runs in seconds."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


def page(results: dict[str, Any]) -> str:
    """Write the results as tables."""
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    head = (
        f"{results['photos']['report']} photographs for the figures, {results['photos']['tune']} "
        f"for the choices. {machine['cpu']}, {machine['cpus']} CPUs, "
        f"{', '.join(machine['flags'])}; load average {machine['load_average']} before, "
        f"{results['machine_after']['load_average']} after. Python {machine['python']}, {packages}."
    )
    parts = [head, "## Lightness", lightness_table_of(results["lightness"])]
    for title, key in (("Enlarging ab", "upsampling"), ("Choices", "choices")):
        parts += [f"## {title}", quality_table_of(results[key])]
    costs = results["cost"]
    rows = [
        [step, *(f"{of[step]:.1f}" for of in costs.values())] for step in next(iter(costs.values()))
    ]
    parts += ["## Cost, core milliseconds a megapixel and sample", table(["step", *costs], rows)]
    return "\n\n".join(parts) + "\n"


def lightness_table_of(lightness: dict[str, dict[str, dict[str, float]]]) -> str:
    """One row a field: mean / 99.9th percentile / largest change."""
    columns = next(iter(lightness.values()))
    rows = [
        [field, *(" / ".join(f"{value:.3f}" for value in of[what].values()) for what in columns)]
        for field, of in lightness.items()
    ]
    return table(["ab field", *columns], rows)


def quality_table_of(results: dict[int, dict[str, dict[str, float]]]) -> str:
    """One row a method: PSNR, mean and 99th percentile of the distance in ab, by working size."""
    methods = next(iter(results.values()))
    rows = [
        [
            name,
            *("{psnr:.2f} / {ab:.2f} / {ab_p99:.1f}".format(**of[name]) for of in results.values()),
        ]
        for name in methods
    ]
    return table(["", *(f"working size {size}" for size in results)], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
