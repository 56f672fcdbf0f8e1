"""The log of a run: figures every few seconds, for people and for the run's trackers."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from colorize_cli.system.wording import duration_text

from .optimizer import check_gradients, gradient_norm
from .plan import Plan
from .run_state import RunState
from .trackers import Trackers
from .trackers.tracker import Panel, TrackedRun, Tracker
from .watching.doubts import Doubts

_SOON = 0.1  # share of a run in which a network may not have learned anything yet
_LEAST_SAMPLES = 1000  # seen, before a network is said to be blind


class TrainingLog:
    """Gathers what the steps say and passes it on; to be used in a `with` statement."""

    def __init__(
        self,
        out: Path,
        state: RunState,
        report: Callable[[str], None],
        trackers: Iterable[Tracker] = (),
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Open the log to go on after the run's last save; what was logged beyond comes again.

        Args:
            out: the run's folder, in which files are made.
            state: of the run; read at each line.
            report: takes the line for people.
            trackers: that are told beside the files, and closed in the end.
            warn: takes what people have to know; `report` if not given.
        """
        run = TrackedRun(out, state.step, state.recipe.to_dict())
        self._trackers = Trackers(run, trackers, warn or report)
        self._state = state
        self._report = report
        self._doubts = Doubts(warn or report)
        self._window: list[Mapping[str, Tensor]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._trackers.close()

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take what a step said of each sample; it stays on the device until the next line."""
        self._window.append(values)

    def write(self, seconds: float, plan: Plan, waited: float = 0.0) -> None:
        """Write a line on the steps of the last `seconds`.

        Args:
            seconds: since the last line.
            plan: of the run.
            waited: seconds of them in which there was nothing to train on yet.

        Raises:
            UsageError: a gradient was not finite.
        """
        state = self._state
        check_gradients(state.objective.optimizers)
        values = {
            name: torch.cat([step[name] for step in self._window]).cpu() for name in self._window[0]
        }
        steps, self._window = len(self._window), []
        figures = state.objective.figures(values)
        rate = len(next(iter(values.values()))) / seconds
        norm = gradient_norm(state.objective.optimizers)
        entry = {
            "step": state.step,
            "samples": state.samples_seen,
            "seconds": round(state.seconds, 1),
            **figures,
            "lr": state.objective.optimizers[0].param_groups[0]["lr"],
            **({} if norm is None else {"gradient_norm": round(norm, 5)}),
            "samples_per_second": round(rate, 2),
            "waiting": round(min(1.0, waited / seconds), 4),
        }
        self._trackers.entry(entry)
        losses = "".join(f"{k} {v:.4f}  " for k, v in figures.items() if isinstance(v, float))
        left = plan.left(state.step, seconds / steps)
        self._report(
            f"step {entry['step']} ({plan.done(state.step):.0%})  samples {entry['samples']:,}  "
            f"{losses}lr {entry['lr']:.1e}  {entry['samples_per_second']:.1f} samples/s, "
            f"{entry['waiting']:.0%} waiting"
            + (f"  about {duration_text(left)} left" if left else "")
        )
        is_warm = state.step > state.optim.warmup and plan.done(state.step) >= _SOON
        if is_warm and state.samples_seen >= _LEAST_SAMPLES:
            self._doubts.of_loss(entry)

    def write_judgement(self, figures: Mapping[str, Any]) -> None:
        """Write a line on the validation photos, with the figures of `Judge.judge`."""
        self._trackers.entry(self._head() | {"validation": figures})
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

    def write_samples(self, figures: Mapping[str, Any], panel: Panel | None) -> None:
        """Write a line on samples of the averaged weights, and pass on what `Watch.look` gives."""
        self._trackers.entry(self._head() | {"samples_drawn": figures})
        if panel is not None:
            self._trackers.panel(panel)
        if not figures:
            self._report("samples are not finite")
            return
        told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._report(f"samples after step {self._state.step}: {told}")
        if self._state.step > self._state.optim.warmup:
            self._doubts.of_samples(figures)

    def _head(self) -> dict[str, Any]:
        return {"step": self._state.step, "samples": self._state.samples_seen}
