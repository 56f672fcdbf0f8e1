"""Measure how many photos a second the loader has, against what the network needs.

    python -m benchmarks.loader --data DIR... [--device cpu|cuda] [--workers N] [--rounds N]
        [--record]

DIR has colour photographs, or is what `colorize prepare` wrote. The default's recipe takes steps in
turns with a loader that takes the photos out of memory, and one that reads and decodes each at its
draw, as beyond `--memory`; each by itself, as fast as it can. While the network runs, the loader's
threads share the cores with it where it runs on the CPU, so a run's `waiting` has the last word.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from colorize_cli.system.cpus import usable_cpus
from colorize_cli.system.machine import describe_machine
from colorize_cli.system.wording import count_text
from training.data.batches import Batches, Draw, make_batch
from training.data.photos import Photos
from training.data.prepared import of_part
from training.recipe import load_recipe
from training.run_state import RunState

from .page import RESULTS, ROOT, fill, machine_text, table
from .rounds import Spread

_NAMES = {
    "network": "the network needs, all of the default's trained",
    "memory": "the loader has, out of memory",
    "files": "the loader has, read and decoded at each draw",
}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=usable_cpus())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=int, default=24, help="of a step")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    rates = measured(options.data, options.device, options.workers, options.rounds, options.photos)
    result = {
        "photos_per_second": rates,
        "workers": options.workers,
        "device": options.device,
        "machine": describe_machine(),
    }
    text = section(result)
    print(text)
    if options.record:
        (RESULTS / "loader.json").write_text(json.dumps(result, indent=1) + "\n")
        fill(ROOT / "benchmarks" / "training.md", "benchmarks/loader.py", text)


def measured(
    data: Sequence[Path],
    device: str,
    workers: int,
    rounds: int,
    count: int,
    changes: Sequence[str] = (),
) -> dict[str, list[float]]:
    """Measure photos a second of the network and of both loaders, in turns.

    Args:
        data: folders or shards of colour photographs.
        device: "cpu" or "cuda".
        workers: threads of the loader.
        rounds: how often each is measured.
        count: photos of a step.
        changes: of the default's recipe.
    """
    changed = ["data.sets={}", "optim.compile=false", f"optim.photos={count}", *changes]
    recipe = load_recipe("default", changed)
    paths = of_part(data, "train")
    sources = {
        name: Photos(paths, {}, recipe.data.size, memory=memory, workers=workers)
        for name, memory in (("memory", 6e9), ("files", 0.0))
    }
    state = RunState(recipe, device)
    state.step = recipe.optim.frozen_steps  # from here on all that is trained is
    batch = make_batch(sources["memory"], recipe.data, count, 0, 0, state.device)

    def steps() -> None:
        for _ in range(2):
            state.train_step(batch, 0.0)

    draw = Draw(recipe.data, count, recipe.seed)
    rates: dict[str, list[float]] = {name: [] for name in _NAMES}
    steps()  # which sets up
    for number in range(rounds):
        rates["network"].append(2 * count / _seconds(steps, device))
        for name, photos in sources.items():
            made = 4 * workers
            with Batches(photos, draw, number * made, workers, state.device) as batches:
                for _ in range(workers + 1):  # those that were begun before the clock
                    batches.next()
                rates[name].append(made * count / _seconds(partial(_take, batches, made), device))
    return rates


def _take(batches: Batches, count: int) -> None:
    for _ in range(count):
        batches.next()


def _seconds(run: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def section(result: dict[str, Any]) -> str:
    """Write what was measured, in Markdown."""
    spreads = {name: Spread.of(rates) for name, rates in result["photos_per_second"].items()}
    rows = [[_NAMES[name], spread.text()] for name, spread in spreads.items()]
    need = spreads["network"].median
    times = [f"{spreads[name].median / need:.1f}" for name in ("memory", "files")]
    threads = count_text(result["workers"], "thread")
    return (
        table(["", f"photos a second, median of {spreads['network'].rounds}"], rows)
        + f"\n\nWith {threads}, and the network on {result['device']}, the loader has {times[0]} "
        f"times what is needed out of memory, and {times[1]} times where each photo is read and "
        "decoded at its draw.\n\n" + machine_text(result["machine"])
    )


if __name__ == "__main__":
    main()
