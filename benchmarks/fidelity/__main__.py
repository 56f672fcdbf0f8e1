"""Measure what the way from ab field to file does to a photo: its L, its colour edges, its cost.

    python -m benchmarks.fidelity PHOTOS... [--json FILE] [--photos 8]

PHOTOS are folders, pictures or tar shards of colour photographs, none of which is part of this
project. Figures come from the half "report", the choices of the upsampling's constants from the
half "tune". Times are CPU time of one thread, the least of several runs.

It writes benchmarks/results/fidelity.json and the tables of benchmarks/fidelity.md. With another
file for --json the page stays as it is.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_cli.imaging.lab import Pixels
from colorize_cli.system.machine import describe_machine
from training.data.shards import Half, half_of, iter_photos, set_of

from ..page import RESULTS, ROOT, fill
from .cost import cost, cost_table_of
from .lightness import lightness_changes, lightness_table_of
from .upsampling import choices, quality_table_of, upsampling

PAGE = ROOT / "benchmarks" / "fidelity.md"
RECORDED = RESULTS / "fidelity.json"


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=8, help="of each set and half")
    parser.add_argument("--json", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photos = read(arguments.paths, arguments.photos)
    results = {
        "machine": describe_machine(),
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
    if arguments.json == RECORDED:
        fill(PAGE, "benchmarks/fidelity", tables)


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
    parts += ["## Cost, core milliseconds a megapixel and sample", cost_table_of(results["cost"])]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
