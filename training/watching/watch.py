"""Looks at a run while it goes on: samples of its averaged weights, shown and measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.errors import ImageError
from colorize_cli.imaging.lab import Float
from colorize_cli.model.families import parse_family
from colorize_cli.model.families.family import Family
from colorize_cli.model.finite_graph import watched
from colorize_cli.system.wording import count_text

from ..evaluation.figures import OF_PICTURES, PhotoFigures
from ..evaluation.inputs import ColourPhoto, photo_of_crop
from ..evaluation.measure import Yardsticks, measure, pictures_of
from ..families import family_of
from ..families.torch_graphs import torch_graphs
from ..recipe_tables import Recipe
from ..run_state import RunState
from ..torch_device import as_used
from ..trackers.tracker import Panel
from ..validation.losses import ValidationPhotos

SAMPLES = 4  # of each photo that is shown
# Figures of `colorize evaluate`, under its names.
FIGURES = ("ab_mae_first", "ab_error_first", "auc", "ab_iou", "psnr_first", "colourfulness")
_AT_ONCE = 16  # rows that go through the denoiser together
_GAP = 2  # pixels between pictures


def family_in_training(recipe: Recipe) -> Family:
    """Give the family of a recipe as its bundle will be sampled."""
    sampling = family_of(recipe.family).sampling(recipe)
    return parse_family(recipe.family, recipe.data.grid, sampling)


class Watch:
    """Draws samples of a run at chosen steps, of the same photos with the same noise each time."""

    def __init__(self, state: RunState, photos: ValidationPhotos) -> None:
        """Take the first photos; they are seen at the size that the network is trained at."""
        table, recipe = state.recipe.samples, state.recipe
        self._state, self._table = state, table
        self._family = family_in_training(recipe)
        multiple = family_of(recipe.family).multiple(recipe.network)
        count = min(len(photos.crops), max(table.shown, table.measured))
        self._photos = [
            photo_of_crop(i, photos.sets[i], photos.crops[i], photos.digests[i], multiple)
            for i in range(count)
        ]
        self._yardsticks = Yardsticks((0.0, 0.0), recipe.data.grid, lpips=None, inception=None)

    def is_due(self, *, is_over: bool) -> bool:
        """Tell whether this step is one of those chosen, the run's last among them."""
        step, every = self._state.step, self._table.every_steps
        return step in self._table.at_steps or bool(every and (is_over or step % every == 0))

    def look(self) -> tuple[dict[str, float], Panel | None]:
        """Draw samples with the averaged weights, and leave the run as it was.

        Returns:
            The means over the photos of figures of `colorize evaluate`, of the first sample of
            each, with `colourfulness_of_truth` and the number of `photos`; and a picture of some
            photos: grey, four samples, truth. Both are empty where the network's answers are not
            finite.
        """
        try:
            with as_used(self._state.model), self._state.ema.in_place():
                fields = [*self._drawn(0, self._table.shown, SAMPLES)]
                fields += self._drawn(self._table.shown, self._table.measured, 1)
        except ImageError:
            return {}, None
        return self._figures(fields), self._panel(fields)

    def _drawn(self, begin: int, end: int, samples: int) -> list[Float]:
        """Draw samples of some of the photos: (samples, 2, h, w) of each, in Lab units."""
        recipe, device = self._state.recipe, self._state.device
        graphs = watched(torch_graphs(recipe.family, self._state.model, device))
        fields: list[Float] = []
        step = max(1, _AT_ONCE // samples)
        for start in range(begin, min(end, len(self._photos)), step):
            group = [p.prepared for p in self._photos[start : min(end, start + step)]]
            L = np.stack([p.L for p in group])[:, None]
            cells = tuple(side // recipe.data.grid for side in L.shape[2:])
            noise = SampleNoise(0, [p.key for p in group], samples, (2, *cells))
            condition = self._family.condition(graphs, L)
            ab = self._family.sample(graphs, condition, noise, lambda step: None)
            fields += [*ab.reshape(len(group), samples, *ab.shape[1:])]
        return fields

    def _figures(self, fields: Sequence[Float]) -> dict[str, float]:
        measured = [
            measure(photo, ab[:1], self._yardsticks).figures
            for photo, ab in zip(self._photos[: self._table.measured], fields, strict=False)
        ]
        figures = {name: _mean(name, measured) for name in FIGURES}
        truth = float(np.mean([photo.truth_colourfulness for photo in measured]))
        return figures | {"colourfulness_of_truth": round(truth, 5), "photos": len(measured)}

    def _panel(self, fields: Sequence[Float]) -> Panel:
        rows = [
            _row(photo, ab, self._yardsticks)
            for photo, ab in zip(self._photos[: self._table.shown], fields, strict=False)
        ]
        gap = np.full((_GAP, *rows[0].shape[1:]), 255, np.uint8)
        pixels = np.concatenate([part for row in rows for part in (row, gap)][:-1])
        caption = f"grey, {count_text(SAMPLES, 'sample')}, truth; step {self._state.step}"
        return Panel(self._state.step, pixels, caption)


def _mean(name: str, photos: Sequence[PhotoFigures]) -> float:
    return round(float(np.mean([OF_PICTURES[name](p, p.samples) for p in photos])), 5)


def _row(photo: ColourPhoto, ab: Float, yardsticks: Yardsticks) -> NDArray[np.uint8]:
    """Lay grey, samples and truth side by side: (H, W, 3)."""
    grey, _, *samples = pictures_of(photo, ab, yardsticks)
    gap = np.full((len(grey), _GAP, 3), 255, np.uint8)
    pictures = [part for picture in (grey, *samples, photo.truth) for part in (picture, gap)]
    return np.concatenate(pictures[:-1], axis=1)
