"""Compare the families of models: the error of the best of n samples, and all figures.

    python -m benchmarks.families spread PHOTOS... --models default,gan-small,... [--samples 100]
    python -m benchmarks.families page RESULT.json...

Run it from the repository's root. `spread` takes squares of 64 pixels of the sets celeba, lfw and
scenes, keeps what it measured of each model in benchmarks/results/error-of-best.json, and goes on
from there when it is run again. `page` takes files of `colorize evaluate --json`; both fill
benchmarks/families.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from colorize_cli.model.bundle import load_bundle
from training.runs.curves import draw_curves

from ..page import RESULTS, ROOT, fill, table
from ..quality import tables_of
from .error_of_best import Drawn, DrawnBlindly, by_set, measure, read_squares

PAGE = ROOT / "benchmarks" / "families.md"
RECORD = RESULTS / "error-of-best.json"
FIGURE = ROOT / "docs" / "images" / "error-of-best.png"
SETS = ("celeba", "lfw", "scenes")
SHOWN = (1, 5, 10, 20, 50, 100)  # samples
BASELINE = "CVAE, 5 clusters"


def main() -> None:
    """Measure, or fill the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(required=True, dest="verb")
    spread = verbs.add_parser("spread", help="measure the error of the best of n samples")
    spread.add_argument("photos", type=Path, nargs="+")
    spread.add_argument("--models", required=True, help="names or paths, with commas between")
    spread.add_argument("--samples", type=int, default=100)
    spread.add_argument("--most", type=int, default=100, help="photos of a set")
    spread.add_argument("--device", default="cpu")
    page = verbs.add_parser("page", help="fill the page from files of `colorize evaluate --json`")
    page.add_argument("results", type=Path, nargs="+")
    options = parser.parse_args()
    if options.verb == "spread":
        _spread(options)
    else:
        results = [json.loads(path.read_text()) for path in options.results]
        fill(PAGE, "benchmarks/families page", "\n".join(tables_of(results)))


def _spread(options: argparse.Namespace) -> None:
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    squares = read_squares(options.photos, SETS, options.most)
    if {square.set for square in squares} != {*SETS}:
        sys.exit(f"there are no photos of one of the sets {', '.join(SETS)}")
    photos = sha256("".join(square.digest for square in squares).encode()).hexdigest()
    for model in options.models.split(","):
        bundle = load_bundle(model)
        ways = {bundle.name: Drawn}
        if bundle.family.name == "vae-mdn":
            ways[BASELINE] = DrawnBlindly
        for name, kind in ways.items():
            key = f"{bundle.digest[:12]}, {options.samples} samples, photos {photos[:12]}"
            if record.get(name, {}).get("of") == key:
                continue
            found = by_set([*measure(kind(model, options.device), squares, options.samples)])
            record[name] = {
                "of": key,
                "sets": {
                    of: {
                        "error_of_best": [round(float(e), 5) for e in spread.error_of_best],
                        "variance": spread.variance,
                    }
                    for of, spread in found.items()
                },
            }
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            print(name, {of: min(s["error_of_best"]) for of, s in record[name]["sets"].items()})
    fill(PAGE, "benchmarks/families spread", spread_text(record))
    FIGURE.write_bytes(draw_curves(_curves(record)))


def spread_text(record: dict[str, Any]) -> str:
    """Write the tables of what was measured, and the figure's place.

    Args:
        record: by model its `sets`, each with `error_of_best` (n,) and `variance`.
    """
    parts = ["![Error of the best of n samples, by set](../docs/images/error-of-best.png)"]
    for name in SETS:
        rows = [
            [
                model,
                *_errors(of["sets"][name]["error_of_best"]),
                f"{of['sets'][name]['variance']:.1e}",
            ]
            for model, of in record.items()
            if name in of["sets"]
        ]
        head = ["model", *(f"best of {n}" for n in SHOWN), "variance"]
        parts += [f"### {name}", table(head, rows)]
    return "\n\n".join(parts)


def _errors(curve: Sequence[float]) -> list[str]:
    return [f"{curve[n - 1]:.4f}" if n <= len(curve) else "" for n in SHOWN]


def _curves(record: dict[str, Any]) -> list[tuple[str, dict[str, list[tuple[int, float]]]]]:
    return [
        (
            model,
            {
                f"{name}: error of the best of n samples": [
                    *enumerate(of["sets"][name]["error_of_best"], 1)
                ]
                for name in SETS
                if name in of["sets"]
            },
        )
        for model, of in record.items()
    ]


if __name__ == "__main__":
    main()
