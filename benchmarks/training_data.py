"""Measure the training's data path: what a photo costs, and what it costs a run.

    python -m benchmarks.training_data --data DIR [--against CHECKOUT] [--record]

DIR has colour photographs. What a photo costs is core milliseconds of cutting crops, which threads
do ahead of time, and of developing them, which the device does; the operations and bytes of that
are counted, for what a GPU would need. With --against the default's recipe is trained here and in
another checkout by turns, a minute each, on all CPUs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from colorize_cli.system.machine import describe_machine
from training.data.batches import cut_crops, develop
from training.data.photos import RGB, Photos
from training.data.row_draws import RowDraws
from training.recipe import load_recipe

from .page import RESULTS, ROOT, fill, machine_text, table
from .rounds import Spread, quotients

_PHOTOS = 24  # a step of the default's recipe
_ROUNDS = 20
_TARGET = 5000  # samples a second
_GPU_BYTES = 3.0e12  # a second, read and written, of an H100


@dataclass
class _Moved(TorchDispatchMode):
    """Counts the calls of PyTorch's operators and the bytes that they read and write."""

    calls: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            leaves = tree_leaves((args, kwargs, out))
            self.calls += 1
            self.bytes += sum(x.nbytes for x in leaves if isinstance(x, Tensor))
        return out


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {"cost": cost(options.data), "machine": describe_machine()}
    if options.against:
        result["rates"] = rates(options.data, options.against, options.turns)
    text = section(result)
    print(text)
    if options.record:
        (RESULTS / "training-data.json").write_text(json.dumps(result, indent=1) + "\n")
        fill(ROOT / "benchmarks" / "training.md", "benchmarks/training_data.py", text)


def cost(data: Path) -> dict[str, float]:
    """Measure what a photo costs in one thread, and count what its development moves."""
    recipe = load_recipe("default").data
    photos = Photos([data], {}, recipe.size, workers=os.cpu_count() or 1)
    device = torch.device("cpu")
    crops = [cut_crops(photos, range(_PHOTOS), 0, i) for i in range(_ROUNDS)]

    def develop_one(i: int, rgb: RGB) -> None:
        draws = RowDraws.alone(np.random.default_rng([1, i]), len(rgb))
        develop(rgb, recipe, draws, device)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cut_ms = _core_ms(lambda i: cut_crops(photos, range(_PHOTOS), 0, i))
        develop_ms = _core_ms(lambda i: develop_one(i, crops[i]))
    finally:
        torch.set_num_threads(threads)
    with _Moved() as moved, FlopCounterMode(display=False) as flop:
        for i, rgb in enumerate(crops):
            develop_one(i, rgb)
    count = _PHOTOS * _ROUNDS
    return {
        "cut_ms": cut_ms,
        "develop_ms": develop_ms,
        "mflop": flop.get_total_flops() / count / 1e6,
        "megabytes": moved.bytes / count / 1e6,
        "calls_a_batch": moved.calls / _ROUNDS,
    }


def _core_ms(run: Callable[[int], object]) -> float:
    """Give the core milliseconds a photo, the median of the rounds."""
    run(0)
    spent = []
    for i in range(_ROUNDS):
        started = time.process_time()
        run(i)
        spent.append(time.process_time() - started)
    return float(np.median(spent)) / _PHOTOS * 1e3


def rates(data: Path, other: Path, turns: int) -> dict[str, list[float]]:
    """Train here and in another checkout by turns: samples a second of each."""
    found: dict[str, list[float]] = {"here": [], "there": []}
    for _ in range(turns):
        for name, root in (("here", ROOT), ("there", other)):
            found[name].append(_rate(data, root))
            print(name, f"{found[name][-1]:.2f} samples/s", flush=True)
    return found


def _rate(data: Path, root: Path) -> float:
    """Train the default's recipe for a minute or so, and take the rate from the second line on."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "colorize_cli", "train", "--recipe", "default"]
        command += ["--data", str(data), "--out", folder, "--set", "optim.compile=false"]
        command += ["--set", "data.sets={}", "--set", "optim.steps=1000"]
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
        )
        log = Path(folder) / "log.jsonl"
        lines: list[str] = []
        while process.poll() is None and len(lines) < 4:
            time.sleep(0.5)
            text = log.read_text() if log.exists() else ""
            lines = text[: text.rfind("\n") + 1].splitlines()  # a last line may be half written
        process.terminate()
        process.wait()
        if len(lines) < 4:
            raise SystemExit(f"training in {root} ended by itself; what it said stands above.")
        first, last = json.loads(lines[0]), json.loads(lines[3])
    return float((last["samples"] - first["samples"]) / (last["seconds"] - first["seconds"]))


def section(result: dict[str, Any]) -> str:
    """Write what was measured, in Markdown."""
    cost = result["cost"]
    views = load_recipe("default").optim.views
    photos = _TARGET / views
    rows = [
        ["cutting crops, ahead of time", f"{cost['cut_ms']:.2f} core ms", "threads"],
        ["development", f"{cost['develop_ms']:.2f} core ms", "the device"],
        ["convolutions and products", f"{cost['mflop']:.1f} MFLOP", ""],
        ["read and written", f"{cost['megabytes']:.1f} MB", ""],
    ]
    text = table(["a photo", "costs", "where"], rows) + "\n\n"
    text += (
        f"For {_TARGET:,} samples a second ({photos:,.0f} photos, {views} noise levels each) that "
        f"is {cost['cut_ms'] * photos / 1e3:.1f} cores for the crops, and on a GPU that moves "
        f"{_GPU_BYTES / 1e12:.0f} TB/s {cost['megabytes'] * 1e6 * photos / _GPU_BYTES:.1%} of its "
        f"time, in {cost['calls_a_batch']:.0f} calls a batch.\n\n"
    )
    if "rates" in result:
        here, there = result["rates"]["here"], result["rates"]["there"]
        text += (
            f"The default's recipe, {len(here)} turns: {Spread.of(here).text()} samples a second "
            f"here, {Spread.of(there).text()} in the other checkout; the ratio is "
            f"{quotients(here, there).text(3)}.\n\n"
        )
    return text + machine_text(result["machine"])


if __name__ == "__main__":
    main()
