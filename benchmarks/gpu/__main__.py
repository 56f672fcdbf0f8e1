"""Measure the network on a GPU: precisions, layouts, batches, and where x_t lies between steps.

    python -m benchmarks.gpu --record                     # on the machine with the GPU
    python -m benchmarks.gpu --json gpu.json              # there,
    python -m benchmarks.gpu --measured gpu.json --record # and then here
    python -m benchmarks.gpu --provider cpu --batches 1 2 --steps 2   # to see that it runs

With --record it writes benchmarks/results/gpu.json and adds a section to benchmarks/gpu.md. The
JSON is written anew after each figure, so a run that is cut off leaves what it has.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from colorize_cli.errors import DeviceError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.runtimes.find_device import problem, resolve
from colorize_cli.system.machine import describe_machine

from ..operations import network_operations
from ..page import RESULTS, ROOT
from .measure import DEVICE, GRAPH, LAYOUTS, Series, measure
from .page import append, line, section

Result = dict[str, Any]
_BATCHES = tuple(1 << power for power in range(9))


def main() -> None:
    """Measure, print and record."""
    options = _options()
    if options.measured:
        result = json.loads(options.measured.read_text())
    else:
        result = run(options)
    print(section(result))
    if options.record:
        (RESULTS / "gpu.json").write_text(json.dumps(result, indent=1) + "\n")
        append(ROOT / "benchmarks" / "gpu.md", section(result))


def run(options: argparse.Namespace) -> Result:
    """Measure all series until the time is over."""
    started = time.monotonic()
    bundle = load_bundle(options.model)
    steps = options.steps or bundle.family.steps
    device = resolve(options.provider)
    result = _head(options, bundle, steps, device.description)
    with _bundles(options, bundle) as bundles:
        for series, provider in _plan(options):
            if series.precision not in bundles:
                continue
            device = resolve(provider)
            for found in measure(
                series,
                bundles[series.precision],
                steps,
                device,
                options.batches,
                options.seconds,
            ):
                result["figures"].append({"provider": provider, **found})
                print(line(result["figures"][-1]), flush=True)
                if options.json:
                    options.json.write_text(json.dumps(result, indent=1) + "\n")
                if time.monotonic() - started > 60 * options.minutes:
                    print("the time is over; what is left was not measured", flush=True)
                    return result
    return result


def _plan(options: argparse.Namespace) -> Iterator[tuple[Series, str]]:
    """List what is measured; the series that tells most comes first."""
    if options.provider == "cpu":
        for precision in options.precisions:
            yield Series(precision, "NCHW", (DEVICE,)), "cpu"
        return
    has_tensorrt = problem("tensorrt") is None
    for precision in options.precisions:
        for layout in list(LAYOUTS)[:2]:
            yield Series(precision, layout, (DEVICE, GRAPH)), "cuda"
    yield Series(options.precisions[0], list(LAYOUTS)[2], (GRAPH,)), "cuda"
    if has_tensorrt:
        for precision in options.precisions:
            yield Series(precision, "NCHW", (DEVICE,)), "tensorrt"


def _head(options: argparse.Namespace, bundle: Bundle, steps: int, device: str) -> Result:
    from .ceiling import matrix_ceiling

    side = options.side or (8192 if options.provider == "cuda" else 1024)
    size = -(-bundle.working_size // bundle.multiple) * bundle.multiple
    counts = network_operations(bundle, size, size)
    encoder = counts["encoder.onnx"].flop if "encoder.onnx" in counts else 0
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": options.commit or _commit(),
        "command": shlex.join(["python", "-m", "benchmarks.gpu", *_asked(sys.argv[1:])]),
        "machine": describe_machine() | {"torch": metadata.version("torch")},
        "device": device,
        "tensorrt": problem("tensorrt") if options.provider == "cuda" else "not asked for",
        "model": {"name": bundle.name, "digest": bundle.digest, "side": size, "steps": steps},
        "gflop": {"encoder": encoder / 1e9, "step": counts["denoiser.onnx"].flop / 1e9},
        "ceiling": {"side": side, "tflop_per_s": matrix_ceiling(options.provider, side)},
        "figures": [],
    }


@contextmanager
def _bundles(options: argparse.Namespace, bundle: Bundle) -> Iterator[dict[str, Bundle]]:
    """Give the bundle in each precision; in half it is exported unless it is given."""
    bundles = {"fp32": bundle} if "fp32" in options.precisions else {}
    with TemporaryDirectory(prefix="colorize-gpu-") as folder:
        if "fp16" in options.precisions:
            try:
                half = options.half or _exported(Path(folder) / "fp16", options.model)
                bundles["fp16"] = load_bundle(half)
            except Exception as error:  # minutes on a GPU are dear: what else there is goes on
                print(f"no fp16: {error}", flush=True)
        yield bundles


def _exported(out: Path, model: str) -> Path:
    from export.run import ExportSettings
    from export.run import run as export

    if model != "default":
        raise UsageError("--half PATH: name the same model in half precision")
    export(ExportSettings(None, out, "fp16", check=False), print)
    return out


def _asked(words: list[str]) -> Iterator[str]:
    """Keep the options that decide the figures, which are all but files and the commit."""
    rest = iter(words)
    for word in rest:
        option, is_joined, value = word.partition("=")
        if option in ("--json", "--commit", "--half", "--model"):
            value = value if is_joined else next(rest, "")
            if option == "--model":  # not where it lies
                yield from (option, Path(value).name)
        elif word != "--record":
            yield word


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return asked.stdout.strip() or "unknown"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--provider", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=_BATCHES, help="photos together")
    parser.add_argument("--precisions", nargs="+", choices=("fp16", "fp32"), help="fp16 first")
    parser.add_argument("--steps", type=int, help="the model's if not given")
    parser.add_argument("--seconds", type=float, default=0.7, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=8.0, help="when to stop")
    parser.add_argument("--side", type=int, help="of the matrices; 8192 on a GPU")
    parser.add_argument("--model", default="default", help="bundle in single precision")
    parser.add_argument("--half", type=Path, help="the same in half; the default is exported")
    parser.add_argument("--commit", help="of the code, where git cannot tell")
    parser.add_argument("--json", type=Path, help="write the figures as they come")
    parser.add_argument("--measured", type=Path, help="take these figures, and measure nothing")
    parser.add_argument("--record", action="store_true", help="write the results and the page")
    options = parser.parse_args()
    options.precisions = options.precisions or ["fp16", "fp32"]
    return options


if __name__ == "__main__":
    try:
        main()
    except DeviceError as error:
        sys.exit(f"benchmarks.gpu: {error}")
