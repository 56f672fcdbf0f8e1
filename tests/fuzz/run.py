"""Run fuzz targets one after the other: `python tests/fuzz/run.py [--minutes 30] [TARGET ...]`.

An input that crashes, hangs for 10 s or takes more than 2 GB is left in `fuzz-findings/`, and the
exit code is 1. `--keep` adds what was found to reach new code to the corpus, minimised.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.py"))
_HANG_SECONDS, _MEMORY_MB, _LONGEST = 10, 2048, 8192
_PART_SECONDS = 240
_KEPT_BYTES = 4096  # a larger input is not worth its place in the repository
_DONE = re.compile(r"^(?:Done (\d+) runs|stat::number_of_executed_units: +(\d+))", re.MULTILINE)


def start(
    target: str, seconds: int, found: Path, findings: Path, seed: int = 0
) -> subprocess.Popen[str]:
    """Start a target for some seconds; new inputs go to `found`, those that fail to `findings`.

    With a `seed` above 0 the same inputs come again, as far as time goes.
    """
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-timeout={_HANG_SECONDS}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-max_len={_LONGEST}",
        f"-artifact_prefix={findings}/{target}-",
        "-print_final_stats=1",
        f"-seed={seed}",
    )
    script = HERE / "targets" / f"{target}.py"
    # Through a shell that forks: the peak of memory that libFuzzer looks at is handed on to what a
    # process starts, and tests before this one may have taken more than the limit.
    small = ("sh", "-c", '"$@"; exit $?', "sh")
    return subprocess.Popen(
        [*small, sys.executable, str(script), *options, str(found), str(CORPUS / target)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def executions(output: str) -> int:
    """Read from a target's output how many inputs it ran; 0 where it never began."""
    found = _DONE.findall(output)
    return max((int(a or b) for a, b in found), default=0)


def fuzz(target: str, seconds: float, found: Path, findings: Path) -> tuple[int, int]:
    """Run a target for some seconds, or until it fails: return its inputs and its exit code.

    A process of its own takes each part of the time, from what those before it found: what is
    compared is held on to by the instrumentation, arrays too, which is memory in the end.
    """
    inputs, end = 0, time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        run = start(target, max(1, round(min(left, _PART_SECONDS))), found, findings)
        output, _ = run.communicate()
        inputs += executions(output)
        if run.returncode or end - time.monotonic() < 1:
            print(output[-2000:])
            return inputs, run.returncode


def keep(target: str, found: Path) -> None:
    """Add to the corpus those inputs of `found` that reach code which it does not reach."""
    for path in found.iterdir():
        if path.stat().st_size > _KEPT_BYTES:
            path.unlink()
    # libFuzzer calls the target by its own name, again for each input that fails: it is a program.
    command = [HERE / "targets" / f"{target}.py", "-merge=1", CORPUS / target, found]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    changed = {"PATH": path, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env={**os.environ, **changed}, check=True)


def main() -> int:
    """Run the targets that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--findings", type=Path, default=ROOT / "fuzz-findings")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    failed = []
    for target in options.targets:
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / target
            inputs, code = fuzz(target, 60 * options.minutes, found, options.findings.absolute())
            print(f"{target}: {inputs} inputs, exit code {code}", flush=True)
            if code:
                failed.append(target)
            elif options.keep:
                keep(target, found)
    print(f"failed: {', '.join(failed)}" if failed else "no findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
