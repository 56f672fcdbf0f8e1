"""The log of a run: a line of figures every few seconds, in `log.jsonl` and for people."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from colorize_cli.system.files import write_atomic

from .optimizer import check_gradients
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

    def write(self, seconds: float, done: float, waited: float = 0.0) -> None:
        """Write a line on the steps of the last `seconds`.

        Args:
            seconds: since the last line.
            done: share of the run that is behind it, 0..1.
            waited: seconds of them in which there was nothing to train on yet.

        Raises:
            UsageError: a gradient was not finite.
        """
        state = self._state
        check_gradients(state.objective.optimizers)
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
            "waiting": round(min(1.0, waited / seconds), 4),
        }
        self._append(entry)
        losses = "".join(f"{k} {v:.4f}  " for k, v in figures.items() if isinstance(v, float))
        self._report(
            f"step {entry['step']} ({done:.0%})  samples {entry['samples']:,}  {losses}"
            f"lr {entry['lr']:.1e}  {entry['samples_per_second']:.1f} samples/s, "
            f"{entry['waiting']:.0%} waiting"
        )

    def write_judgement(self, figures: Mapping[str, Any]) -> None:
        """Write a line on the validation photos, with the figures of `Judge.judge`."""
        state = self._state
        self._append({"step": state.step, "samples": state.samples_seen, "validation": figures})
        if figures["loss"] is None:
            self._report("validation loss is not finite")
            return
        line = (
            f"validation loss {figures['loss']:.4f} ({figures['low']:.4f} to {figures['high']:.4f})"
        )
        if figures.get("change") is not None:
            low, high = 100 * figures["change_low"], 100 * figures["change_high"]
            line += (
                f", {100 * figures['change']:+.2f}% on the best before ({low:+.2f} to {high:+.2f})"
            )
        self._report(line)

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
