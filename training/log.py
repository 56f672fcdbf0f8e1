"""The log of a run: a line of figures every few seconds, in `log.jsonl` and for people."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from colorize_cli.system.files import write_atomic

from .run_state import RunState


class TrainingLog:
    """Gathers what the steps say and writes it down; to be used in a `with` statement."""

    def __init__(self, path: Path, state: RunState, report: Callable[[str], None]) -> None:
        """Open the log to go on after the run's last save; what was logged beyond comes again.

        Args:
            path: of the file, made if need be.
            state: of the run; read at each line.
            report: takes the line for people.
        """
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [x for x in lines if x.endswith("}") and json.loads(x)["step"] <= state.step]
        write_atomic(path, "".join(f"{line}\n" for line in kept).encode())
        self._file = path.open("a", encoding="utf-8")
        self._state = state
        self._report = report
        self._window: list[Mapping[str, Tensor]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take what a step said of each sample; it stays on the device until the next line."""
        self._window.append(values)

    def write(self, seconds: float) -> None:
        """Write a line on the steps of the last `seconds`."""
        state = self._state
        values = {
            name: torch.cat([step[name] for step in self._window]).cpu() for name in self._window[0]
        }
        self._window = []
        figures = state.objective.figures(values)
        rate = len(next(iter(values.values()))) / seconds
        entry = {
            "step": state.step,
            "samples": state.samples_seen,
            "seconds": round(state.seconds, 1),
            **figures,
            "lr": state.objective.optimizers[0].param_groups[0]["lr"],
            "samples_per_second": round(rate, 2),
        }
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        self._report(_line(entry, figures, state.recipe.optim.steps))


def _line(entry: Mapping[str, Any], figures: Mapping[str, Any], steps: int) -> str:
    losses = "".join(f"{k} {v:.4f}  " for k, v in figures.items() if isinstance(v, float))
    return (
        f"step {entry['step']}/{steps}  samples {entry['samples']:,}  {losses}"
        f"lr {entry['lr']:.1e}  {entry['samples_per_second']:.1f} samples/s"
    )
