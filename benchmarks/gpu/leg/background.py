"""A process that takes first steps on the machine, and outlives the call that begins it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_LOG, _PID, _TREE = "warm.log", "warm.pid", "tree"
_SHOWN = 1500  # characters


def begin(place: Path, environment: dict[str, str]) -> None:
    """Start `warm` in a process that outlives the call, in a copy of the tree, which calls replace.

    Args:
        place: where shards lie.
        environment: of the process.
    """
    end(place)
    for name in ("benchmarks", "colorize_cli", "training"):
        shutil.copytree(name, place / _TREE / name, dirs_exist_ok=True)
    with (place / _LOG).open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu.leg", "warm"],
            cwd=place / _TREE,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (place / _PID).write_text(str(started.pid))


def told(place: Path) -> str:
    """Give the end of what the process has printed so far; empty if none was started."""
    path = place / _LOG
    return path.read_text(errors="replace")[-_SHOWN:] if path.exists() else ""


def end(place: Path) -> None:
    """Stop the process, if it still runs."""
    if (place / _PID).exists():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int((place / _PID).read_text()), signal.SIGKILL)
        (place / _PID).unlink()
