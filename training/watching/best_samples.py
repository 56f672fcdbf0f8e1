"""Keeps the averaged weights whose samples were nearest to the truth, where the recipe says so."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..checkpoint import BEST_FILE, load_checkpoint
from ..run_state import RunState
from ..validation.losses import ValidationPhotos

_MAE = "ab_mae_first"  # of what `Watch.look` measures


class BestSamples:
    """The lowest mean absolute error of ab so far, whose weights are in `best.safetensors`."""

    def __init__(
        self,
        state: RunState,
        photos: ValidationPhotos,
        out: Path,
        report: Callable[[str], None],
    ) -> None:
        """Take the best of a run that goes on from its file, unless it was measured otherwise.

        That is reported, and the best then found anew.

        Args:
            state: of the run.
            photos: what samples are drawn of.
            out: the run's folder.
            report: takes a line.
        """
        self._state, self._path = state, out / BEST_FILE
        recipe = state.recipe
        self._identity = photos.identity((_MAE, recipe.samples.measured, recipe.sampling))
        self._best = self._known(report) if state.step else None

    def keep(self, figures: Mapping[str, Any]) -> None:
        """Write the averaged weights if none were better; not where samples were not finite.

        Args:
            figures: what `Watch.look` measured.
        """
        if not figures or (self._best is not None and figures[_MAE] >= self._best):
            return
        self._best = figures[_MAE]
        record = {"identity": self._identity, _MAE: self._best}
        self._state.save_weights(self._path, samples=record)

    def _known(self, report: Callable[[str], None]) -> float | None:
        if not self._path.exists():
            return None
        record = load_checkpoint(self._path).progress.get("samples", {})
        if record.get("identity") == self._identity:
            return float(record[_MAE])
        report(f"{self._path} was chosen by other photos or samples; the best is found anew")
        return None
