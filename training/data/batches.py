"""Batches of (L, ab) from colour photographs, a pure function of seed, step and row.

Nothing but the step's number and a photo's row in it decides what is drawn, so a run that resumes
goes on exactly where it stopped, however many threads prepare the batches and however many
processes share a step. Threads cut the crops out of the photos' memory; all else is done on the
device, for the whole batch at once.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ..machine.processes import ALL, Share, share
from ..recipe_tables import DataTable, Recipe
from ..torch_device import to_device
from .degrade import grey
from .lab import lab_from_linear, linear_from_levels
from .photos import RGB, Photos
from .row_draws import RowDraws

# What follows seed and step in the seeds of the photos' streams; the noise of the step has 1.
_PHOTO_STREAM = 2


@dataclass(frozen=True, eq=False)
class Batch:
    """Photos of a training step, on the device.

    Attributes:
        L: (B, 1, size, size) float32, 0..100: what the network sees, perhaps degraded.
        ab: (B, 2, size/grid, size/grid) float32, Lab units: the truth.
    """

    L: Tensor
    ab: Tensor


class Drawn(Protocol):
    """Photos that are drawn from."""

    @property
    def size(self) -> int:
        """The side of the crops that are to be cut, in pixels."""

    def draw(self, rng: Generator) -> RGB:
        """Draw a photo, (H, W, 3) uint8, at least `size` on its short side."""


def cut_crops(photos: Drawn, rows: Iterable[int], seed: int, step: int) -> RGB:
    """Draw a photo for each row of a step, and of it a square, scaled down and perhaps flipped.

    Returns:
        (rows, size, size, 3) uint8, with the `size` of the photos.
    """
    return np.stack(
        [_crop(photos, np.random.default_rng([seed, step, _PHOTO_STREAM, row])) for row in rows]
    )


def _crop(photos: Drawn, rng: Generator) -> RGB:
    size = photos.size
    rgb = photos.draw(rng)
    height, width = rgb.shape[:2]
    side = int(rng.integers(size, min(height, width) + 1))
    y = int(rng.integers(0, height - side + 1))
    x = int(rng.integers(0, width - side + 1))
    crop = rgb[y : y + side, x : x + side]
    if side != size:
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def develop(crops: RGB, recipe: DataTable, draws: RowDraws, device: torch.device) -> Batch:
    """Make the batch of crops on a device: convert, degrade, average.

    Args:
        crops: (B, size, size, 3) uint8 sRGB.
        recipe: the grid, and the shares of the greys.
        draws: choose the greys.
        device: that of the batch.
    """
    rgb = to_device(crops, device).permute(0, 3, 1, 2).contiguous()
    linear = linear_from_levels(rgb)
    lab = lab_from_linear(linear)
    L = grey(rgb, linear, lab[:, 0], recipe.luma, recipe.old, draws)
    return Batch(L=L[:, None], ab=functional.avg_pool2d(lab[:, 1:], recipe.grid))


@dataclass(frozen=True)
class Draw:
    """What decides the batches of a process, beside the photos and the step.

    Attributes:
        recipe: what a batch is made of.
        count: photos of a step in each process.
        seed: of the run.
        share: which of all photos of a step are this process's.
    """

    recipe: DataTable
    count: int
    seed: int
    share: Share = ALL

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """Give what decides the batches of this process in a run."""
        return cls(recipe.data, recipe.optim.photos, recipe.seed, share())

    def crops(self, photos: Photos, step: int) -> RGB:
        """Cut the crops of a step that are this process's, as `cut_crops` gives them."""
        return cut_crops(photos, self.share.rows(self.count), self.seed, step)

    def batch(self, crops: RGB, step: int, device: torch.device) -> Batch:
        """Develop the crops of a step."""
        rng = np.random.default_rng([self.seed, step])
        rows = self.share.rows(self.count)
        draws = RowDraws(rng, self.count * self.share.of, rows)
        return develop(crops, self.recipe, draws, device)


def make_batch(
    photos: Photos, recipe: DataTable, count: int, seed: int, step: int, device: torch.device
) -> Batch:
    """Make the batch of a step: `count` photos in each process, the same for seed and step."""
    draw = Draw(recipe, count, seed, share())
    return draw.batch(draw.crops(photos, step), step, device)


class Batches:
    """Makes batches for ever from a step on, with crops cut a few steps ahead of time.

    It is to be used in a `with` statement.

    Attributes:
        waited: seconds for which the device had nothing to do, since no crops were there.
    """

    def __init__(
        self, photos: Photos, draw: Draw, first_step: int, workers: int, device: torch.device
    ) -> None:
        """Begin to cut, in as many threads as there are workers."""
        self.waited = 0.0
        self._photos, self._draw, self._device = photos, draw, device
        self._step = first_step
        self._pool = ThreadPoolExecutor(workers)
        self._ahead = [self._cut(first_step + i) for i in range(workers + 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next(self) -> Batch:
        """Give the batch of the next step."""
        self._ahead.append(self._cut(self._step + len(self._ahead)))
        crops = self._waited_for(self._ahead.pop(0))
        batch = self._draw.batch(crops, self._step, self._device)
        self._step += 1
        return batch

    def _cut(self, step: int) -> Future[RGB]:
        return self._pool.submit(self._draw.crops, self._photos, step)

    def _waited_for(self, crops: Future[RGB]) -> RGB:
        if not crops.done():
            if self._device.type == "cuda":  # which only idles once it has done what it was given
                torch.cuda.synchronize(self._device)
            started = time.monotonic()
            crops.result()
            self.waited += time.monotonic() - started
        return crops.result()
