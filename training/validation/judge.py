"""Judges a run while it goes on, and keeps the best weights beside the last."""

import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import BEST_FILE, load_checkpoint
from ..evaluation.bootstrap import Draws
from ..kept_checkpoints import forget_best, keep_best
from ..optimizer import check_gradients
from ..run_state import RunState
from .losses import ValidationPhotos, loss_change, mean_loss, validation_losses, yardstick

_LEAST_APART = 9.0  # times what a validation takes: at most a tenth of the time goes into them


class Judge:
    """The validation loss of a run's averaged weights, every so many minutes."""

    def __init__(
        self,
        state: RunState,
        photos: ValidationPhotos,
        out: Path,
        report: Callable[[str], None],
    ) -> None:
        """Begin with the first judgement due after the recipe's minutes.

        A run that goes on is measured against its best weights, whose losses lie with them; not
        where they are of other photos or of another loss, which is reported.

        Args:
            state: of the run.
            photos: what it is judged on.
            out: the run's folder.
            report: takes a line.
        """
        self._state, self._photos, self._out = state, photos, out
        self._identity = photos.identity(yardstick(state.recipe))
        self._keeps = not state.recipe.samples.choose_best  # else samples decide what is kept
        self._best = self._known_best(report) if state.step and self._keeps else None
        self._pause = state.recipe.validation.every_minutes * 60
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Tell whether it is time again."""
        return time.monotonic() - self._last > self._pause

    def judge(self) -> dict[str, Any]:
        """Measure the averaged weights, and write them to `best.safetensors` if none were better.

        Returns:
            `loss` and its interval `low`, `high`, and where there was an earlier best `change`,
            the part by which the loss is above that, with `change_low` and `change_high`; None
            where a loss is not finite.

        Raises:
            UsageError: a gradient was not finite.
        """
        started = time.monotonic()
        state, sets = self._state, self._photos.sets
        check_gradients(state.objective.optimizers)
        with state.ema.in_place():
            losses = validation_losses(
                state.objective, self._photos, state.recipe.data, state.device
            )
        loss = mean_loss(losses, sets)
        figures = {"loss": loss.value, "low": loss.low, "high": loss.high}
        if self._best is not None:
            change = loss_change(self._best, losses, sets)
            names = ("change", "change_low", "change_high")
            figures |= dict(zip(names, (change.value, change.low, change.high), strict=True))
        if isfinite(losses.mean()) and not (
            self._best is not None and losses.mean() >= self._best.mean()
        ):
            self._keep(losses)
        if isfinite(losses.mean()) and self._keeps:
            count = state.recipe.checkpoints.best
            keep_best(self._out, state.step, losses.mean(), count, state.save_weights)
        self._last = time.monotonic()
        self._pause = max(self._pause, _LEAST_APART * (self._last - started))
        return {k: round(v, 6) if isfinite(v) else None for k, v in figures.items()}

    def _keep(self, losses: Draws) -> None:
        """Write the averaged weights with their losses, in one file, so that both are of one."""
        self._best = losses
        if not self._keeps:
            return
        record = {"identity": self._identity, "losses": losses.tolist()}
        self._state.save_weights(self._out / BEST_FILE, validation=record)

    def _known_best(self, report: Callable[[str], None]) -> Draws | None:
        path = self._out / BEST_FILE
        if not path.exists():
            return None
        record = load_checkpoint(path).progress.get("validation", {})
        if record.get("identity") == self._identity:
            return np.asarray(record["losses"])
        forget_best(self._out)
        report(f"{path} was judged on other photos or by another loss; the best is found anew")
        return None
