"""Watch resident memory over 2,000 small photographs; it should not grow with their number.

    python -m benchmarks.memory [--model NAME|PATH] [--device cpu] [--json FILE]

The photographs are made here: 150 to 450 pixels a side, JPEG, PNG and TIFF, 8 and 16 bits. They go
through what `colorize` runs, from the plan to the written files. The run fails (exit code 1) when
memory grows by more than 2% from the second quarter of the photographs to the last.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import tifffile

from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.pipeline import run as run_batch
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import Options
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer, choose_device
from colorize_cli.system.machine import describe_machine, peak_memory

_ALLOWED_GROWTH = 0.02
_ROWS = 20


def main() -> int:
    """Run the benchmark and return the exit code."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder / "in", options.photos)
        bundle = load_bundle(options.model)
        device = choose_device(options.device, bundle, print)
        batch = device.batch_for(options.samples)
        colorizer = Colorizer(bundle, device, steps=options.steps, batch=batch)
        result = measure(folder, colorizer, options.samples)
    result |= {
        "photos": options.photos,
        "device": f"{device.description}, {device.precision or 'fp32'}",
        "samples": options.samples,
        "steps": colorizer.family.steps,
        "size": colorizer.size,
        "model": {"name": colorizer.bundle.name, "digest": colorizer.bundle.digest},
        "machine": describe_machine(),
    }
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(result["growth"] > _ALLOWED_GROWTH)


def make_photos(folder: Path, count: int) -> None:
    """Write grey pictures of many shapes, smooth with some grain."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        height, width = rng.integers(150, 451, 2)
        coarse = rng.random((6, 6), np.float32)
        picture = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(picture + rng.normal(0, 0.02, picture.shape), 0, 1)
        path = folder / f"{number:04}{('.jpg', '.png', '.tif')[number % 3]}"
        if path.suffix == ".tif":
            tifffile.imwrite(path, np.rint(picture * 65_535).astype(np.uint16))
        else:
            _, data = cv2.imencode(path.suffix, np.rint(picture * 255).astype(np.uint8))
            path.write_bytes(data.tobytes())


def measure(folder: Path, colorizer: Colorizer, samples: int) -> dict[str, object]:
    """Colorize the folder, and return resident memory over the photographs and how it grew."""
    process = psutil.Process()
    megabytes: list[float] = []
    failures: list[str] = []

    def report(outcome: Outcome) -> None:
        megabytes.append(process.memory_info().rss / 1e6)
        if outcome.reason:
            failures.append(f"{outcome.source.name}: {outcome.reason}")

    started = time.perf_counter()
    jobs = make_plan(Options((folder / "in",), folder / "out", samples=samples)).jobs
    run_batch(jobs, colorizer, Treatment(samples=samples), report)
    seconds = time.perf_counter() - started
    if failures:
        sys.exit(f"{len(failures)} photographs failed, the first: {failures[0]}")
    peak = peak_memory()
    quarters = [float(np.mean(part)) for part in np.array_split(megabytes, 4)]
    windows = np.array_split(megabytes, _ROWS)
    ends = np.cumsum([len(window) for window in windows])
    return {
        "seconds": round(seconds, 1),
        "rss_mb": [
            {"after": int(end), "mean": round(float(np.mean(w)), 1), "max": round(float(max(w)), 1)}
            for end, w in zip(ends, windows, strict=True)
        ],
        "peak_mb": None if peak is None else round(peak / 1e6, 1),
        "growth": round(quarters[-1] / quarters[1] - 1, 4),
    }


def table(result: dict[str, object]) -> str:
    """Lay the figures out for reading."""
    rows = [f"{r['after']:>7} {r['mean']:>9} {r['max']:>9}" for r in result["rss_mb"]]
    return "\n".join(
        [
            "after n  mean RSS       max, MB",
            *rows,
            f"last quarter against the second: {result['growth']:+.2%} "
            f"({result['photos']} photos in {result['seconds']} s)",
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
