"""What is known of the runs below a folder, from the files that they leave there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..trackers.log_lines import NAME as LOG
from ..trackers.log_lines import read_log
from ..trackers.tracker import flat
from .record import FILE, read_record, state_of

# Training's own names of these are with what needs PyTorch.
RUN_FILE, METADATA_KEY = "run.safetensors", "colorize"
_MOST_HEADER = 1 << 27  # bytes
# What is drawn, by the names of the log's numbers.
_CURVES = {
    "loss": "loss",
    "loss, least noise": "loss_by_third/1",
    "loss, middle noise": "loss_by_third/2",
    "loss, most noise": "loss_by_third/3",
    "validation loss": "validation/loss",
    "ab MAE": "samples_drawn/ab_mae_first",
}
Point = tuple[int, float]


@dataclass(frozen=True)
class RunSummary:
    """A run.

    Attributes:
        folder: of the run.
        recipe: its name; "?" if unknown.
        step: steps that it has behind it.
        steps: that it was planned to take; None if unknown, or planned by the clock.
        best: step and validation loss of the best judgement.
        mae: step and mean absolute error of ab of the samples where that was least.
        state: "running", "finished", "stopped", "failed", "killed", or "" where it is not noted.
        reason: why it failed.
        changed: when it last wrote something.
        curves: figures over steps, by their names.
    """

    folder: Path
    recipe: str
    step: int
    steps: int | None
    best: Point | None
    mae: Point | None
    state: str
    reason: str
    changed: datetime
    curves: Mapping[str, Sequence[Point]]


def runs_below(folder: Path) -> list[RunSummary]:
    """Read the runs in a folder and in all folders below it, the latest last."""
    names = (LOG, FILE, RUN_FILE)
    folders = {path.parent for name in names for path in folder.rglob(name)}
    return sorted(map(_summary, folders), key=lambda run: (run.changed, run.folder))


def _summary(folder: Path) -> RunSummary:
    record, log = read_record(folder), read_log(folder)
    stored = {} if record.get("recipe") else _stored(folder / RUN_FILE)
    recipe, progress = stored.get("recipe", {}), stored.get("progress", {})
    steps = record.get("steps", recipe.get("optim", {}).get("steps"))
    entries = [{**flat(entry), "step": entry["step"]} for entry in log]
    curves = {
        title: [(entry["step"], entry[name]) for entry in entries if name in entry]
        for title, name in _CURVES.items()
    }
    times = [path.stat().st_mtime for name in (LOG, FILE, RUN_FILE) for path in folder.glob(name)]
    return RunSummary(
        folder=folder,
        recipe=str(record.get("recipe") or recipe.get("name", "?")),
        step=log[-1]["step"] if log else progress.get("step", 0),
        steps=steps if isinstance(steps, int) else None,
        best=_least(curves["validation loss"]),
        mae=_least(curves["ab MAE"]),
        state=state_of(record),
        reason=str(record.get("reason", "")),
        changed=datetime.fromtimestamp(max(times, default=0.0)).astimezone(),
        curves=curves,
    )


def _least(points: Sequence[Point]) -> Point | None:
    return min(points, key=lambda point: point[1], default=None)


def _stored(path: Path) -> dict[str, dict[str, Any]]:
    """Read recipe and progress out of the head of a safetensors file; empty where it has none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(length)) if length < _MOST_HEADER else {}
        known = json.loads(head["__metadata__"][METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    tables = known.items() if isinstance(known, dict) else ()
    return {name: table for name, table in tables if isinstance(table, dict)}
