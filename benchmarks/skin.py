"""Measure the errors of the colour of skin by how light it is, on photographs of faces.

    python -m benchmarks.skin SHARDS... [--model NAME|PATH] [--json benchmarks/results/skin.json]

SHARDS are sets of aligned faces in the middle of the picture (CelebA, LFW), colour photographs
that no model was trained on; those of the half "report" are taken. The skin is what of the middle
of the true picture has the colours of skin of all kinds; its lightness is the median L* there. The
first sample is compared with the truth on those pixels: CIEDE2000, and the mean error of a and b,
signed, which says towards which colour the model errs. Groups are by lightness alone: the sets say
nothing of the people.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.ciede2000 import ciede2000
from colorize_cli.imaging.lab import Float, lab_from_rgb
from colorize_cli.imaging.render import render
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer, choose_device
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.system.machine import describe_machine
from training.data.shards import half_of, iter_photos, set_of
from training.evaluation.inputs import grey_of
from training.evaluation.patches import has_skin_colour

SEED = 0
# Bands of the median L* of the skin: about dark, brown, tan, light, very light. ITA, which others
# go by, needs daylight of known colour; snapshots have none.
BANDS = (0, 40, 50, 60, 70, 101)
LEAST_SKIN = 0.1  # of the middle's pixels
RESAMPLES = 2000
# Means over the skin, and how their sign is written: errors are signed.
FIGURES = {"ciede2000": "", "grey_ciede2000": "", "a_error": "+", "b_error": "+"}


@dataclass(frozen=True)
class Face:
    """The true lightness of a face's skin, and the errors of its colour in Lab units."""

    set: str
    L: float
    ciede2000: float
    grey_ciede2000: float
    a_error: float
    b_error: float


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--model", default="default")
    parser.add_argument("--limit", type=int, help="faces of a set, at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bundle = load_bundle(options.model)
    device = choose_device("auto", bundle, print)
    colorizer = Colorizer(bundle, device, batch=device.batch_for(1))
    faces = list(measure(options.shards, colorizer, options.limit))
    rows = by_band(faces)
    print(table(rows))
    if options.json:
        result = {
            "model": {"name": bundle.name, "digest": bundle.digest},
            "faces": len(faces),
            "bands": rows,
            "machine": describe_machine(),
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(shards: Sequence[Path], colorizer: Colorizer, limit: int | None) -> Iterator[Face]:
    """Colorize the faces, as many at a time as the machine takes, and compare their skin."""
    group: list[tuple[str, NDArray[Any], NDArray[np.bool_], Photo]] = []
    taken: dict[str, int] = {}
    for name, data in iter_photos(shards):
        photo = read_photo(data)
        if half_of(data) != "report" or not photo.is_colour:
            continue
        skin = skin_of(lab_from_rgb(photo.pixels))
        taken[set_of(name)] = taken.get(set_of(name), 0) + bool(skin.any())
        if not skin.any() or (limit and taken[set_of(name)] > limit):
            continue
        grey = replace(photo, pixels=grey_of(photo.pixels), alpha=None, is_colour=False)
        group.append((set_of(name), photo.pixels, skin, grey))
        if len(group) == colorizer.batch:
            yield from _faces(group, colorizer)
            group = []
    if group:
        yield from _faces(group, colorizer)


def skin_of(lab: Float) -> NDArray[np.bool_]:
    """Find the skin (H, W) of a face in the middle of a picture (H, W, 3) in Lab.

    Hair, clothes and walls of such colours are mostly outside the ellipse, or a minority that the
    median bears.
    """
    height, width = lab.shape[:2]
    y, x = np.ogrid[:height, :width]
    inside = ((x / width - 0.5) / 0.22) ** 2 + ((y / height - 0.5) / 0.26) ** 2 < 1
    skin = inside & has_skin_colour(lab)
    return skin if skin.sum() >= LEAST_SKIN * inside.sum() else np.zeros_like(skin)


def by_band(faces: Sequence[Face]) -> list[dict[str, Any]]:
    """Sum up the faces of each band of lightness: means, and 95% bootstrap intervals of them."""
    rows = []
    rng = np.random.default_rng(SEED)
    for low, high in pairwise(BANDS):
        of_band = [asdict(face) for face in faces if low <= face.L < high]
        if not of_band:
            continue
        figures = np.array([[face[key] for key in FIGURES] for face in of_band])
        means = rng.choice(figures, (RESAMPLES, len(figures))).mean(axis=1)
        ends = np.percentile(means, (2.5, 97.5), axis=0)
        row: dict[str, Any] = {"L": [low, high], "faces": len(of_band)}
        for key, mean, interval in zip(FIGURES, figures.mean(axis=0), ends.T, strict=True):
            row[key] = {"mean": round(float(mean), 2), "interval": interval.round(2).tolist()}
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay the rows out as Markdown."""
    lines = [
        "| L* of the skin | faces | CIEDE2000 | grey's | error of a | error of b |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_cell(row[key], sign) for key, sign in FIGURES.items()]
        lines.append(
            f"| {row['L'][0]} to {min(row['L'][1], 100)} | {row['faces']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _cell(figure: dict[str, Any], sign: str) -> str:
    low, high = figure["interval"]
    return f"{figure['mean']:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


def _faces(
    group: Sequence[tuple[str, NDArray[Any], NDArray[np.bool_], Photo]], colorizer: Colorizer
) -> Iterator[Face]:
    prepared = [colorizer.prepare(grey) for *_, grey in group]
    fields = colorizer.colorize(prepared, 1, SEED)
    for (name, truth, skin, grey), each, ab in zip(group, prepared, fields, strict=True):
        coloured = render(grey.pixels, ab[0], each.frame, colorizer.bundle.grid, working=each.L)
        true, found = lab_from_rgb(truth)[skin], lab_from_rgb(coloured)[skin]
        neutral = true * (1, 0, 0)
        yield Face(
            set=name,
            L=float(np.median(true[:, 0])),
            ciede2000=float(ciede2000(found, true).mean()),
            grey_ciede2000=float(ciede2000(neutral, true).mean()),
            a_error=float((found - true)[:, 1].mean()),
            b_error=float((found - true)[:, 2].mean()),
        )


if __name__ == "__main__":
    main()
