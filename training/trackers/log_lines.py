"""`log.jsonl`: a line of JSON for each entry, which is what resumes and `colorize runs` read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorize_cli.system.files import write_atomic

from .tracker import Panel, TrackedRun

NAME = "log.jsonl"


class LogLines:
    """Writes entries as they are."""

    def __init__(self, path: Path, step: int) -> None:
        """Go on behind the lines of the first `step` steps; later ones are dropped."""
        kept = [line for line, entry in _known(path) if entry["step"] <= step]
        write_atomic(path, "".join(f"{line}\n" for line in kept).encode())
        self._file = path.open("a", encoding="utf-8")

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Write a line."""
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def panel(self, panel: Panel) -> None:
        """Do nothing: pictures have files of their own."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def begin(run: TrackedRun) -> LogLines:
    """Begin the file of a run, or go on with it."""
    return LogLines(run.out / NAME, run.step)


def read_log(out: Path) -> list[dict[str, Any]]:
    """Read the entries of a run's folder, without lines that are cut off or none of ours."""
    return [entry for _, entry in _known(out / NAME)]


def _known(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the lines that are entries, each with what it says."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = ((line, _parsed(line)) for line in text.splitlines())
    return [(line, entry) for line, entry in found if entry is not None]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
