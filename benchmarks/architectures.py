"""Time candidate denoisers with random weights, before one of them is trained.

Every candidate runs in ONNX Runtime (fp32, int8) and OpenVINO (fp32, bf16), in turn with the
tutorial's network in eager PyTorch, so that a change in the machine's load meets all alike.

    python -m benchmarks.architectures [--rounds 15] [--threads 2 | --cpu-time]

Wall-clock times need a machine that does nothing else. On a busy one `--cpu-time` counts the CPU
time of one thread instead, in which waiting for a CPU does not appear.

Writes benchmarks/results/architectures.json and benchmarks/architectures.md.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import openvino
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from training.networks.encoder import ConditionEncoder, EncoderConfig
from training.networks.unet import Denoiser, DenoiserConfig

from .peers.peer import count_gflop, count_parameters, randomise_zeros
from .peers.tutorial import tutorial_network

HERE = Path(__file__).parent
COLUMNS = ("ort_fp32", "ort_int8", "openvino_fp32", "openvino_bf16")
OPSET = 20

Feed = dict[str, NDArray[np.float32]]
Call = Callable[[], object]


@dataclass(frozen=True)
class Candidate:
    """A denoiser at a size: grid cells a side (a quarter of the working size) and samples."""

    name: str
    config: DenoiserConfig = field(default_factory=DenoiserConfig)
    grid: int = 48
    samples: int = 1


CANDIDATES = (
    *(Candidate(f"default, grid {g}", grid=g) for g in (40, 48, 56, 64)),
    Candidate("default, 4 samples", samples=4),
    Candidate("48,96,144,144", DenoiserConfig(channels=(48, 96, 144, 144), head_dim=24)),
    Candidate("80,160,240,240", DenoiserConfig(channels=(80, 160, 240, 240), head_dim=40)),
    Candidate("64,128,256,256", DenoiserConfig(channels=(64, 128, 256, 256))),
    Candidate("64,128,256,384", DenoiserConfig(channels=(64, 128, 256, 384))),
    Candidate("blocks 1,2,2,1", DenoiserConfig(blocks=(1, 2, 2, 1))),
    Candidate("blocks 1,1,2,2", DenoiserConfig(blocks=(1, 1, 2, 2))),
    Candidate("blocks 2,2,2,2", DenoiserConfig(blocks=(2, 2, 2, 2))),
    Candidate("attention 2,3", DenoiserConfig(attention=(2, 3))),
    Candidate(
        "64,128,256,256, attention 2,3",
        DenoiserConfig(channels=(64, 128, 256, 256), attention=(2, 3)),
    ),
    Candidate(
        "64,128,256,256, blocks 1,1,2,2, attention 2,3",
        DenoiserConfig(channels=(64, 128, 256, 256), blocks=(1, 1, 2, 2), attention=(2, 3)),
    ),
)


class Step(nn.Module):
    """A denoising step with one argument a tensor, as the exporter wants it."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, noisy_ab: Tensor, gamma: Tensor, *cond: Tensor) -> Tensor:
        """Predict; shapes as in `Denoiser.forward`."""
        prediction: Tensor = self.denoiser(noisy_ab, cond, gamma)
        return prediction


class RandomInputs:
    """A few random inputs: the ranges are of no account, only the speed is measured."""

    def __init__(self, feeds: list[Feed]) -> None:
        self.feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        """Give the next input, or None at the end."""
        return next(self.feeds, None)


def main() -> None:
    """Time everything, write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="timings of each contender")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="CPU time, on one thread")
    parser.add_argument("--only", help="only candidates with this in their name")
    args = parser.parse_args()
    if args.cpu_time:
        args.threads = 1
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.cpu_time else time.perf_counter
    torch.manual_seed(0)
    candidates = [c for c in CANDIDATES if not args.only or args.only in c.name]

    contenders: dict[str, Call] = {}
    rows: list[dict[str, Any]] = []
    contenders["tutorial"], tutorial_row = tutorial()
    with tempfile.TemporaryDirectory() as folder:
        contenders["encoder"], encoder_row = encoder(Path(folder), args.threads)
        for i, candidate in enumerate(candidates):
            print(f"building {candidate.name}", flush=True)
            runs, row = prepare(candidate, Path(folder) / f"{i}.onnx", args.threads)
            contenders |= {f"{i}/{column}": run for column, run in runs.items()}
            rows.append(row)
        times = measure(contenders, args.rounds, clock)

    base = summary(times["tutorial"])
    for i, row in enumerate(rows):
        row["ms"] = {c: summary(times[f"{i}/{c}"], row["samples"]) for c in COLUMNS}
        row["times_the_tutorial"] = {
            c: {k: round(base[k] / t[k], 1) for k in ("median", "min")}
            for c, t in row["ms"].items()
        }
    result = {
        "machine": machine(args.threads),
        "clock": "CPU time" if args.cpu_time else "wall clock",
        "rounds": args.rounds,
        "note": "ms a step and sample; random weights; a ratio divides the tutorial's time by it",
        "tutorial": tutorial_row | {"ms": base},
        "encoder": encoder_row | {"ms": summary(times["encoder"])},
        "candidates": rows,
    }
    (HERE / "results" / "architectures.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "architectures.md").write_text(table(result))
    print(table(result))


def tutorial() -> tuple[Call, dict[str, Any]]:
    """Make the call of the tutorial's network, eager at 128 x 128, and its description."""
    network = tutorial_network()
    inputs = (torch.randn(1, 2, 128, 128), 100 * torch.rand(1, 1, 128, 128), torch.rand(1))

    def run() -> object:
        with torch.inference_mode():
            return network(*inputs)

    return run, describe(network, inputs)


def encoder(folder: Path, threads: int) -> tuple[Call, dict[str, Any]]:
    """Make the encoder's call in ONNX Runtime at 192 x 192, and its description."""
    network = ConditionEncoder(EncoderConfig()).eval()
    inputs = (100 * torch.rand(1, 1, 192, 192),)
    path = folder / "encoder.onnx"
    export(network, inputs, ["L"], path)
    return ort_call(path, {"L": inputs[0].numpy()}, threads), describe(network, inputs)


def prepare(
    candidate: Candidate, path: Path, threads: int
) -> tuple[dict[str, Call], dict[str, Any]]:
    """Export a candidate and make a call for each runtime and precision."""
    denoiser = Denoiser(candidate.config).eval()
    randomise_zeros(denoiser)
    rows, grid = candidate.samples, candidate.grid
    cond = [
        torch.randn(1, c, grid >> i, grid >> i) for i, c in enumerate(candidate.config.channels)
    ]
    inputs = (torch.randn(rows, 2, grid, grid), torch.rand(rows), *cond)
    names = ["noisy_ab", "gamma", *(f"cond_{i}" for i in range(len(cond)))]
    step = Step(denoiser)
    export(step, inputs, names, path)
    feed = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
    runs = {
        "ort_fp32": ort_call(path, feed, threads),
        "ort_int8": ort_call(quantize(path, feed), feed, threads),
        "openvino_fp32": openvino_call(path, feed, threads, "f32"),
        "openvino_bf16": openvino_call(path, feed, threads, "bf16"),
    }
    with torch.inference_mode():
        expected = step(*inputs).numpy()
    error = float(np.abs(np.asarray(runs["ort_fp32"]())[0] - expected).max())
    if error > 1e-3 * float(expected.std()):
        raise SystemExit(f"{candidate.name}: ONNX Runtime differs from PyTorch by {error:.2g}")
    row = asdict(candidate) | describe(step, inputs)
    row["gflop"] = round(row["gflop"] / rows, 2)
    return runs, row


def describe(network: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Count parameters and floating point operations of a call."""
    return {
        "parameters": count_parameters(network),
        "gflop": round(count_gflop(lambda: network(*inputs)), 2),
    }


def export(network: nn.Module, inputs: tuple[Tensor, ...], names: list[str], path: Path) -> None:
    """Export with static shapes: the fastest form that a runtime can be given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            inputs,
            path,
            input_names=names,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )


def quantize(path: Path, feed: Feed) -> Path:
    """Write the static QDQ int8 form: convolutions and products, weights per channel."""
    prepared, out = path.with_suffix(".pre.onnx"), path.with_suffix(".int8.onnx")
    # Symbolic shape inference fails on what torch.export writes.
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        out,
        RandomInputs([feed] * 2),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        per_channel=True,
    )
    return out


def ort_call(path: Path, feed: Feed, threads: int) -> Call:
    """Open a session whose threads sleep between calls: they would slow the next contender."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feed)


def openvino_call(path: Path, feed: Feed, threads: int, precision: str) -> Call:
    """Compile for the CPU with an inference precision hint."""
    config = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(path), "CPU", config).create_infer_request()
    return lambda: request.infer(feed)


def measure(
    contenders: dict[str, Call], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Time all in turn, milliseconds a call; one untimed call before each three timed ones."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for name, call in contenders.items():
        print(f"warming up {name}", flush=True)
        call()
    print("timing", flush=True)
    for _ in range(rounds):
        for name, call in contenders.items():
            call()
            for _ in range(3):
                start = clock()
                call()
                times[name].append((clock() - start) * 1e3)
    return times


def summary(times: list[float], samples: int = 1) -> dict[str, float]:
    """Give median and minimum, milliseconds a sample."""
    return {
        "median": round(statistics.median(times) / samples, 2),
        "min": round(min(times) / samples, 2),
    }


def machine(threads: int) -> dict[str, Any]:
    """Describe what the figures depend on."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    values = dict(line.split(":", 1) for line in info if ":" in line)
    fields = {key.strip(): value.strip() for key, value in values.items()}
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    packages = ("torch", "onnx", "onnxscript", "onnxruntime-gpu", "openvino")
    return {
        "cpu": f"{fields['model name']}, family {fields['cpu family']}, model {fields['model']}",
        "cpus": os.cpu_count(),
        "flags": [flag for flag in wanted if flag in fields["flags"].split()],
        "threads": threads,
        "load_average_at_the_end": [round(x, 1) for x in os.getloadavg()],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def table(result: dict[str, Any]) -> str:
    """Render the results as Markdown."""
    m, tut, enc, rows = (result[k] for k in ("machine", "tutorial", "encoder", "candidates"))
    head = ["network", "grid", "parameters, M", "GFLOP", *COLUMNS, "ort_fp32", "best"]
    lines = [
        "# Candidate denoisers",
        "",
        f"Written by `python -m benchmarks.architectures`. {m['cpu']}, {m['cpus']} CPUs,",
        f"{m['threads']} threads, {', '.join(m['flags'])}; load average at the end",
        f"{m['load_average_at_the_end'][0]}.",
        *(f"{name} {number}," for name, number in m["packages"].items()),
        f"Python {m['python']}.",
        "",
        f"Random weights. Milliseconds ({result['clock']}) a step and sample, median (minimum);",
        "the last two columns say how many times as fast as the tutorial's network that is, by",
        "medians (by minima).",
        "",
        f"The tutorial's network, eager PyTorch fp32, 128 x 128: {tut['parameters']:,} parameters,",
        f"{tut['gflop']} GFLOP, {tut['ms']['median']:.0f} ({tut['ms']['min']:.0f}) ms.",
        f"The default's encoder at 192 x 192, ONNX Runtime fp32: {enc['parameters']:,} parameters,",
        f"{enc['gflop']} GFLOP, {enc['ms']['median']:.1f} ({enc['ms']['min']:.1f}) ms a photo.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for row in rows:
        ms, ratio = row["ms"], row["times_the_tutorial"]
        best = max(COLUMNS, key=lambda c: ratio[c]["median"])
        cells = [row["name"], str(row["grid"]), f"{row['parameters'] / 1e6:.2f}", row["gflop"]]
        cells += [f"{ms[c]['median']:.1f} ({ms[c]['min']:.1f})" for c in COLUMNS]
        for column in ("ort_fp32", best):
            cells.append(f"{ratio[column]['median']:.1f} ({ratio[column]['min']:.1f})")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
