"""Hold the CPU against its bars, one row after the other; both sides of a ratio take turns.

    python -m benchmarks.cpu [--only ROW...] [--record]
        [--model NAME|PATH] [--samples 4] [--rounds 5] [--photos 1000] [--parts 4]
        [--scan-megapixels 100] [--memory-photos 10000]

Rows: rate, step, lanes, folder, scan, start, memory. With --record the rows go into
benchmarks/results/cpu.json, where those of earlier runs stay if they are not measured again, and
from there into the table of benchmarks/cpu.md. Measure on a machine that does nothing else.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import choose_device
from colorize_cli.model.fastest_device import kept_trials
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.system.machine import describe_machine

from ..page import RESULTS, fill, machine_text, table
from . import commands, folder, network
from .bars import Check, Row, Setting

ROWS: dict[str, Callable[[Setting], Row]] = {
    "rate": network.rate,
    "step": network.step,
    "lanes": network.lanes,
    "folder": folder.folder,
    "scan": commands.scan,
    "start": commands.start,
    "memory": commands.memory,
}
HEAD = ("", "figure", "range", "bar", "figure / bar", "")
_PAGE = Path(__file__).parents[1] / "cpu.md"
_JSON = RESULTS / "cpu.json"


def main() -> int:
    """Measure the rows; return 1 where a bar is missed."""
    options = _options()
    bundle = load_bundle(options.model)
    setting = _setting(bundle, options)
    results = json.loads(_JSON.read_text()) if options.record and _JSON.exists() else {"rows": {}}
    missed = False
    for name in options.only or ROWS:
        machine, started = describe_machine(), perf_counter()
        row = ROWS[name](setting)
        missed |= any(check.passes is False for check in row.checks)
        results["rows"][name] = {
            "machine": machine,
            "load_average_after": describe_machine()["load_average"],
            "model": {"name": bundle.name, "digest": bundle.digest, "size": bundle.working_size},
            "auto": [asdict(trial) for trial in kept_trials(bundle) or ()],
            "seconds": round(perf_counter() - started, 1),
            "checks": [asdict(check) | {"passes": check.passes} for check in row.checks],
            "note": row.note,
            "details": row.details,
        }
        print(f"\n{table(HEAD, [check.cells() for check in row.checks])}\n\n{row.note}", flush=True)
        if options.record:
            _JSON.write_text(json.dumps(results, indent=1) + "\n")
            fill(_PAGE, "benchmarks/cpu", page(results["rows"]))
    return int(missed)


def page(rows: Mapping[str, Any]) -> str:
    """Write the table, the rows in their order, with what each was measured on."""
    measured = [(name, rows[name]) for name in ROWS if name in rows]
    cells = [
        Check(**{key: value for key, value in check.items() if key != "passes"}).cells()
        for _, row in measured
        for check in row["checks"]
    ]
    notes = [f"- `{name}`: {row['note']}" for name, row in measured if row["note"]]
    loads = ", ".join(
        f"{name} {row['machine']['load_average']} to {row['load_average_after']}"
        for name, row in measured
    )
    machines = {machine_text(row["machine"]) for _, row in measured}
    models = {f"{row['model']['name']} ({row['model']['digest'][:12]})" for _, row in measured}
    parts = [
        table(HEAD, cells),
        "\n".join(notes),
        f"Model {', '.join(sorted(models))}. {' '.join(sorted(machines))}",
        f"Load averages before and after each row: {loads}.",
    ]
    return "\n\n".join(parts)


def _setting(bundle: Bundle, options: argparse.Namespace) -> Setting:
    fastest = choose_device("auto", bundle, print)
    if fastest.is_gpu:
        sys.exit("This is about the CPU: hide the GPU with CUDA_VISIBLE_DEVICES=-1.")
    return Setting(
        bundle=bundle,
        model=options.model,
        fp32=resolve("cpu"),
        fastest=fastest,
        samples=options.samples,
        rounds=options.rounds,
        photos=options.photos,
        parts=options.parts,
        scan_megapixels=options.scan_megapixels,
        memory_photos=options.memory_photos,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cpu", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--record", action="store_true", help="write the JSON and the page")
    parser.add_argument("--model", default="default", help="bundle, by name or path")
    parser.add_argument("--samples", type=int, default=4, help="colourings a photo")
    parser.add_argument("--rounds", type=int, default=5, help="of rate, step and lanes")
    parser.add_argument("--photos", type=int, default=1000, help="of the folder")
    parser.add_argument("--parts", type=int, default=4, help="of the folder")
    parser.add_argument("--scan-megapixels", type=float, default=100.0)
    parser.add_argument("--memory-photos", type=int, default=10_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
