"""Measure what this machine can do at most, and hold what `colorize` does against it.

    python -m benchmarks.limits [--record] [--model NAME|PATH] [--samples 4] [--seconds 3]

Large matrix products and copies of memory are the ceiling, the operations in the ONNX graphs and
the bytes of the photo the work; both together are the floor of each stage of the built-in photo of
2 megapixels, which stands beside what the stage takes. Times are core milliseconds: seconds that
cores worked, which the cores of the machine share out among them.

With --record it writes benchmarks/results/limits.json and the tables of docs/performance.md.
Measure on a machine that does nothing else.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import cv2
import numpy as np

from colorize_cli.bench.network_timing import NetworkLaps, time_network
from colorize_cli.bench.photos import find_photos
from colorize_cli.bench.pipeline_timing import photos_for, time_pipeline
from colorize_cli.bench.stage_timing import draw_photos, time_stages
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer, choose_device
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.formats.jpeg import JPEG_QUALITY
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Device
from colorize_cli.system.cpus import inference_threads
from colorize_cli.system.machine import describe_machine

from ..ceiling import SIDE, measure, measure_copy, products
from ..operations import Operations, network_operations
from ..operator_times import time_operators
from ..page import RESULTS, ROOT, fill
from .page import page

_PAGE = ROOT / "docs" / "performance.md"
_JPEG_444 = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *_JPEG_444)
_CODEC_RUNS = 7

Result = dict[str, Any]


def main() -> None:
    """Measure, print and record."""
    options = _options()
    bundle = load_bundle(options.model)
    chosen = choose_device("auto", bundle, print)
    if chosen.is_gpu:
        sys.exit("This is about the CPU: hide the GPU with CUDA_VISIBLE_DEVICES=-1.")
    result: Result = {
        "machine": describe_machine(),
        "model": {"name": bundle.name, "digest": bundle.digest, "size": bundle.working_size},
        "samples": options.samples,
        "steps": bundle.family.steps,
        "ceiling": ceiling(options.side, options.seconds),
    }
    devices = [resolve("cpu")]
    if chosen.precision is not None:  # OpenVINO
        devices.append(chosen)
    result["devices"] = [
        account(bundle, device, options.samples, options.seconds, result["ceiling"])
        for device in devices
    ]
    result["load_average_after"] = describe_machine()["load_average"]
    text = page(result)
    print(text)
    if options.record:
        (RESULTS / "limits.json").write_text(json.dumps(result, indent=1) + "\n")
        fill(_PAGE, "benchmarks/limits", text)


def ceiling(side: int, seconds: float) -> Result:
    """Measure products and copies, on one core and on all that the network uses."""
    found: Result = {"side": side, "cores": inference_threads()}
    for name, threads in (("one_core", 1), ("all_cores", inference_threads())):
        found[name] = {
            "copy_gb_per_s": asdict(measure_copy(threads, seconds)),
            "gflop_per_s": [
                {"library": product.library, "precision": product.precision}
                | asdict(measure(product.run, product.flop, seconds))
                for product in products(threads, side)
            ],
        }
    return found


def best_rate(ceilings: Mapping[str, Any], cores: str, precision: str) -> float:
    """Return the best of the fastest library, in 10^9 operations a second."""
    rates = ceilings[cores]["gflop_per_s"]
    return max(float(rate["best"]) for rate in rates if rate["precision"] == precision)


def account(
    bundle: Bundle, device: Device, samples: int, seconds: float, ceilings: Mapping[str, Any]
) -> Result:
    """Measure the stages of a photo with its samples, and work out their floors."""
    laps = NetworkLaps()
    graphs = laps.timed(open_graphs(bundle, device))
    colorizer = Colorizer(
        bundle, device, size="fast", batch=device.batch_for(samples), graphs=graphs
    )
    with TemporaryDirectory(prefix="colorize-limits-") as name:
        photos = find_photos((), Path(name), samples, lambda path, reason: None)
        drawn, _ = draw_photos(photos, colorizer)
        stages = time_stages(drawn, colorizer, seconds)
        alone = time_network(drawn, colorizer, laps, 2 * seconds)
        count = photos_for(5 * seconds, stages, alone, samples=samples, unit=colorizer.batch)
        whole = time_pipeline(drawn, colorizer, laps, count)
    (height, width), frame = drawn[0].prepared.L.shape, drawn[0].prepared.frame
    counts = network_operations(bundle, height, width)
    steps = samples * bundle.family.steps
    precision = device.precision or "fp32"
    measured = {name: stage.timing.core_ms for name, stage in stages.items()}
    measured |= {name: samples * measured[name] for name in ("render", "encode", "write")}
    # Of calls with a thread each, so that wall and core time are the same where nothing else runs.
    measured["encoder"] = device.threads * alone.encoder.median_ms
    measured["denoiser"] = device.threads * steps * alone.step.median_ms
    measured["sampler"] = samples * alone.arithmetic.median_ms
    busy = sum(measured[name] for name in ("encoder", "denoiser", "sampler"))
    measured["idle"] = max(0.0, ceilings["cores"] * alone.photo.median_ms - busy)
    rates = {"encoder": best_rate(ceilings, "all_cores", "fp32") / ceilings["cores"]}
    rates["denoiser"] = best_rate(ceilings, "all_cores", precision) / ceilings["cores"]
    gflop = {"denoiser": steps * counts["denoiser.onnx"].flop / 1e9}
    gflop["encoder"] = counts["encoder.onnx"].flop / 1e9 if "encoder.onnx" in counts else 0.0
    floors = pixel_floors(samples, ceilings)
    floors |= {name: 1000 * gflop[name] / rates[name] for name in gflop}
    operators = time_operators(bundle, device, height, width)
    return {
        "device": device.description,
        "precision": precision,
        "working": [height, width],
        "photo_share": frame.work_height * frame.work_width / (height * width),
        "operations": {name: asdict(count) for name, count in counts.items()},
        "floor_core_ms": floors,
        "measured_core_ms": measured,
        "step": {
            "ms": alone.step.median_ms,
            "side_by_side": alone.side_by_side,
            "gflop_per_s": alone.side_by_side * step_gflop(counts) / alone.step.median_ms * 1000,
        },
        "pipeline_core_ms": 1000 * ceilings["cores"] * whole.seconds / whole.photos,
        "samples_per_second": whole.samples_per_second,
        "kinds_ms": operators,
        "waiting": alone.waiting,
    }


def step_gflop(counts: Mapping[str, Operations]) -> float:
    """Return the operations of a denoiser step in 10^9."""
    return counts["denoiser.onnx"].flop / 1e9


def pixel_floors(samples: int, ceilings: Mapping[str, Any]) -> dict[str, float]:
    """Work out the floors of what is done to pixels, core milliseconds of a photo.

    For reading and writing JPEG it is the codec alone. Elsewhere each byte goes in or out once, at
    the speed at which all cores together copy.
    """
    data = synthetic_photo()
    rate = ceilings["all_cores"]["copy_gb_per_s"]["best"] / ceilings["cores"]  # 10^9 a second
    grey = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    colour[..., 0] = cv2.GaussianBlur(grey, (0, 0), 8)  # smooth colours, as the network paints them
    _, encoded = cv2.imencode(".jpg", colour, _JPEG)

    def decode() -> object:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)

    return {
        "decode": _core_ms(decode),
        "prepare": grey.nbytes / rate / 1e6,
        "render": samples * (grey.nbytes + colour.nbytes) / rate / 1e6,
        "encode": samples * _core_ms(lambda: cv2.imencode(".jpg", colour, _JPEG)),
        "write": samples * 2 * encoded.nbytes / rate / 1e6,
        "sampler": 0.0,
        "idle": 0.0,
    }


def _core_ms(run: Any) -> float:
    times = []
    for _ in range(_CODEC_RUNS):
        started = process_time()
        run()
        times.append(process_time() - started)
    return 1000 * float(np.median(times))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="default", help="bundle, by name or path")
    parser.add_argument("--samples", type=int, default=4, help="colourings of the photo")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--side", type=int, default=SIDE, help="of the matrices")
    parser.add_argument("--record", action="store_true", help="write the JSON and the page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
