"""Judges a run while it goes on, and keeps the best weights beside the last."""

import time
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import BEST_FILE
from ..run_state import RunState
from .losses import ValidationPhotos, loss_change, mean_loss, validation_losses

_LEAST_APART = 9.0  # times what a validation takes: at most a tenth of the time goes into them


class Judge:
    """The validation loss of a run's averaged weights, every so many minutes."""

    def __init__(self, state: RunState, photos: ValidationPhotos, out: Path) -> None:
        """Begin with the first judgement due after the recipe's minutes.

        Args:
            state: of the run; `best_losses` of it is kept up to date.
            photos: what it is judged on.
            out: the run's folder.
        """
        self._state, self._photos, self._out = state, photos, out
        self._pause = state.recipe.validation.every_minutes * 60
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Tell whether it is time again."""
        return time.monotonic() - self._last > self._pause

    def judge(self) -> dict[str, Any]:
        """Measure the averaged weights, and write them to `best.safetensors` if none were better.

        Returns:
            `loss` and its interval `low`, `high`, and where there was an earlier best `change`,
            the part by which the loss is above that, with `change_low` and `change_high`.
        """
        started = time.monotonic()
        state, sets = self._state, self._photos.sets
        with state.ema.in_place():
            losses = validation_losses(
                state.objective, self._photos, state.recipe.data, state.device
            )
        loss = mean_loss(losses, sets)
        figures = {"loss": loss.value, "low": loss.low, "high": loss.high}
        best = None if state.best_losses is None else state.best_losses.numpy()
        if best is not None:
            change = loss_change(best, losses, sets)
            figures |= {
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
            }
        if best is None or losses.mean() < best.mean():
            state.best_losses = torch.from_numpy(losses)
            state.save_weights(self._out / BEST_FILE)
        self._last = time.monotonic()
        self._pause = max(self._pause, _LEAST_APART * (self._last - started))
        return {name: round(value, 6) for name, value in figures.items()}
