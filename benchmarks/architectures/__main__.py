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
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from colorize_cli.system.machine import describe_machine

from ..page import RESULTS, ROOT, machine_text, table
from .contenders import CANDIDATES, Call, encoder, prepare, tutorial

PAGE = ROOT / "benchmarks" / "architectures.md"
COLUMNS = ("ort_fp32", "ort_int8", "openvino_fp32", "openvino_bf16")


def main() -> None:
    """Time everything and write the results."""
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
    result = {
        "machine": machine(args.threads),
        "clock": "CPU time" if args.cpu_time else "wall clock",
        "rounds": args.rounds,
        **sum_up(times, tutorial_row, encoder_row, rows),
    }
    (RESULTS / "architectures.json").write_text(json.dumps(result, indent=1) + "\n")
    PAGE.write_text(page(result))
    print(page(result))


def measure(
    contenders: dict[str, Call], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Time all in turn, milliseconds a call, with an untimed call before each three timed ones."""
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
    """Return the median and the minimum in milliseconds a sample."""
    return {
        "median": round(statistics.median(times) / samples, 2),
        "min": round(min(times) / samples, 2),
    }


def sum_up(
    times: dict[str, list[float]],
    tutorial_row: dict[str, Any],
    encoder_row: dict[str, Any],
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    """Add the times of all contenders, and what they are of the tutorial's, to their rows."""
    base = summary(times["tutorial"])
    for i, row in enumerate(rows):
        row["ms"] = {c: summary(times[f"{i}/{c}"], row["samples"]) for c in COLUMNS}
        row["times_the_tutorial"] = {
            c: {k: round(base[k] / t[k], 1) for k in ("median", "min")}
            for c, t in row["ms"].items()
        }
    return {
        "note": "ms a step and sample; random weights; a ratio divides the tutorial's time by it",
        "tutorial": tutorial_row | {"ms": base},
        "encoder": encoder_row | {"ms": summary(times["encoder"])},
        "candidates": rows,
    }


def machine(threads: int) -> dict[str, Any]:
    """Describe what the figures depend on."""
    described = describe_machine()
    packages = {name: version(name) for name in ("torch", "onnx", "onnxscript")}
    return described | {"threads": threads, "packages": described["packages"] | packages}


def page(result: dict[str, Any]) -> str:
    """Render the results as Markdown."""
    m, tut, enc = (result[k] for k in ("machine", "tutorial", "encoder"))
    lines = [
        "# Candidate denoisers",
        "",
        "Written by `python -m benchmarks.architectures`.",
        f"{m['threads']} threads; load average at the end {m['load_average']}. {machine_text(m)}",
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
        candidates_table(result["candidates"]),
    ]
    return "\n".join(lines) + "\n"


def candidates_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write a row for each candidate."""
    cells = []
    for row in rows:
        ms, ratio = row["ms"], row["times_the_tutorial"]
        best = max(COLUMNS, key=lambda c: ratio[c]["median"])
        what = row["name"], str(row["grid"]), f"{row['parameters'] / 1e6:.2f}", str(row["gflop"])
        times = [f"{ms[c]['median']:.1f} ({ms[c]['min']:.1f})" for c in COLUMNS]
        compared = [f"{r['median']:.1f} ({r['min']:.1f})" for r in (ratio["ort_fp32"], ratio[best])]
        cells.append([*what, *times, *compared])
    head = ("network", "grid", "parameters, M", "GFLOP", *COLUMNS, "ort_fp32", "best")
    return table(head, cells)


if __name__ == "__main__":
    main()
