"""Colorize 20,000 photographs of mixed sizes and formats, 2% damaged, and watch the process.

    python -m benchmarks.soak FOLDER [--photos 20000] [--record]

FOLDER takes the photographs and the colourings. The network sees little and takes one step, since
it is the rest that is tried. A soak that was stopped goes on by the same command; its figures are
of all its runs. It ends with 1 when memory or open files grew, a damaged photograph was not named,
a good one not done, or a colouring does not verify. --record writes benchmarks/soak.md.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.cpu.bars import Check
from benchmarks.mixed_photos import make_mixed
from benchmarks.page import ROOT, fill, machine_text, table
from colorize_cli.system.machine import describe_machine
from colorize_cli.system.wording import count_text

GROWTH = 5.0  # per cent, of the last quarter's memory over the second's
FILES = 3  # open files more in the last quarter than in the second
_POLL_SECONDS = 1.0
_COLORIZE = (sys.executable, "-m", "colorize_cli")
Seen = dict[str, float]
_SMALL = ("--samples", "1", "--steps", "1", "--size", "32", "--device", "cpu", "-q")


def main() -> int:
    """Run the soak, print its checks, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    folder: Path = options.folder
    damaged = make_mixed(folder, options.photos)
    print(f"{options.photos} photographs in {folder / 'in'}, {len(damaged)} of them damaged")
    watched = watch(folder)
    checks = judge(folder, options.photos, damaged, watched)
    text = page(options.photos, len(damaged), watched, checks)
    print(text)
    if options.record:
        fill(ROOT / "benchmarks" / "soak.md", "benchmarks/soak.py", text)
    return int(not all(check.passes for check in checks))


def watch(folder: Path) -> list[Seen]:
    """Run the command to its end, and return what was seen of it each second, over all runs.

    Each has `run` (its number), `seconds` (since it began), `rss_mb`, `files` and `threads`. The
    first ten seconds of a run are left out, in which it starts.
    """
    log = folder / "watched.jsonl"
    before = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    run = 1 + max((int(each["run"]) for each in before), default=0)
    command = [*_COLORIZE, str(folder / "in"), "--out", str(folder / "out"), *_SMALL]
    command += ["--report", str(folder / f"report-{run}.csv")]
    started = time.perf_counter()
    with (
        (folder / f"messages-{run}.txt").open("w") as messages,
        log.open("a") as lines,
        subprocess.Popen(command, cwd=ROOT, stdout=messages, stderr=messages) as child,
    ):
        process = psutil.Process(child.pid)
        while child.poll() is None:
            time.sleep(_POLL_SECONDS)
            seconds = time.perf_counter() - started
            if seconds > 10 and (seen := _look(process)):
                print(json.dumps({"run": run, "seconds": round(seconds, 1), **seen}), file=lines)
    if child.returncode not in (0, 1):
        sys.exit(f"colorize ended with {child.returncode}; see {folder}/messages-{run}.txt")
    return [json.loads(line) for line in log.read_text().splitlines()]


def _look(process: psutil.Process) -> Seen | None:
    try:
        with process.oneshot():
            rss = process.memory_info().rss / 1e6
            files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
            return {"rss_mb": round(rss, 1), "files": files, "threads": process.num_threads()}
    except psutil.Error:
        return None  # it has just ended


def judge(folder: Path, count: int, damaged: Sequence[str], watched: Sequence[Seen]) -> list[Check]:
    """Hold the reports of all runs, the ledger and the figures to what is promised."""
    failed, done = _outcomes(folder)
    verified = subprocess.run(
        [*_COLORIZE, "verify", str(folder / "out")], cwd=ROOT, capture_output=True, text=True
    )
    leftovers = [path for path in (folder / "out").rglob("*") if path.name.endswith(".part")]
    _, second, _, last = _quarters(watched)
    growth = 100 * (_mean(last, "rss_mb") / _mean(second, "rss_mb") - 1)
    more_files = _mean(last, "files") - _mean(second, "files")
    good_done = done - set(damaged)
    return [
        Check("damaged and not named", len(set(damaged) - failed), bar=0, is_least=False),
        Check("good and not done", count - len(damaged) - len(good_done), bar=0, is_least=False),
        Check("`colorize verify` ends with", verified.returncode, bar=0, is_least=False),
        Check("half written files", len(leftovers), bar=0, is_least=False),
        Check("memory, last quarter over second", growth, "%", GROWTH, is_least=False),
        Check("open files, last quarter over second", more_files, "", FILES, is_least=False),
    ]


def _outcomes(folder: Path) -> tuple[set[str], set[str]]:
    """Read the reports of all runs: who failed with a reason, and who was done, in the end."""
    failed: set[str] = set()
    done: set[str] = set()
    for report in sorted(folder.glob("report-*.csv"), key=lambda path: path.stat().st_mtime):
        with report.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                name = Path(row["photograph"]).relative_to((folder / "in").resolve()).as_posix()
                if row["became"] == "failed":
                    done.discard(name)
                    failed |= {name} if row["reason"] else set()
                else:
                    failed.discard(name)
                    done.add(name)
    return failed, done


def _quarters(watched: Sequence[Seen]) -> list[list[Seen]]:
    """Part what was seen of the longest run."""
    runs = [each["run"] for each in watched]
    longest = max(set(runs), key=runs.count)
    seen = [each for each in watched if each["run"] == longest]
    return [[seen[i] for i in part] for part in np.array_split(np.arange(len(seen)), 4)]


def _mean(seen: Sequence[Seen], key: str) -> float:
    return float(np.mean([each[key] for each in seen]))


def page(count: int, damaged: int, watched: Sequence[Seen], checks: Sequence[Check]) -> str:
    """Write the figures as Markdown."""
    keys = ("rss_mb", "files", "threads")
    rows = [
        [f"{number}", *(f"{_mean(part, key):.1f}" for key in keys)]
        for number, part in enumerate(_quarters(watched), 1)
    ]
    runs = {each["run"] for each in watched}
    seconds = sum(max(each["seconds"] for each in watched if each["run"] == run) for run in runs)
    peak = max(each["rss_mb"] for each in watched)
    said = (
        f"{count:,} photographs, {damaged} of them damaged, {seconds:,.0f} s in "
        f"{count_text(len(runs), 'run')}, {peak:,.0f} MB at the most."
    )
    quarters = table(["quarter of the longest run", "memory, MB", "open files", "threads"], rows)
    verdicts = [
        [c.what, f"{c.figure:.3g}{c.unit}", f"{c.bar:g}{c.unit}", "yes" if c.passes else "**no**"]
        for c in checks
    ]
    verdict = table(["what", "came", "at most", "holds"], verdicts)
    return "\n\n".join([said, quarters, verdict, machine_text(describe_machine())])


if __name__ == "__main__":
    sys.exit(main())
