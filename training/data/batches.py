"""Batches of (L, ab) from colour photographs, a pure function of seed and step.

Nothing but the step's number decides what a batch holds, so a run that resumes goes on exactly
where it stopped, however many threads prepare the batches. Threads cut the crops out of the
photos' memory; all else is done on the device, for the whole batch at once.
"""

from collections.abc import Generator as Stream
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ..recipe_tables import DataTable
from ..torch_device import to_device
from .degrade import grey
from .lab import lab_from_linear, linear_from_levels
from .photos import RGB, Photos


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


def cut_crops(photos: Drawn, count: int, rng: Generator) -> RGB:
    """Draw `count` photos and of each a random square, scaled down and flipped half of the time.

    Returns:
        (count, size, size, 3) uint8, with the `size` of the photos.
    """
    size = photos.size
    crops = np.empty((count, size, size, 3), np.uint8)
    for out in crops:
        rgb = photos.draw(rng)
        height, width = rgb.shape[:2]
        side = int(rng.integers(size, min(height, width) + 1))
        y = int(rng.integers(0, height - side + 1))
        x = int(rng.integers(0, width - side + 1))
        crop = rgb[y : y + side, x : x + side]
        if side != size:
            crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
        out[:] = crop[:, ::-1] if rng.random() < 0.5 else crop
    return crops


def develop(crops: RGB, recipe: DataTable, rng: Generator, device: torch.device) -> Batch:
    """Make the batch of crops on a device: convert, degrade, average.

    Args:
        crops: (B, size, size, 3) uint8 sRGB.
        recipe: the grid, and the shares of the greys.
        rng: chooses the greys.
        device: that of the batch.
    """
    rgb = to_device(crops, device).permute(0, 3, 1, 2).contiguous()
    linear = linear_from_levels(rgb)
    lab = lab_from_linear(linear)
    L = grey(rgb, linear, lab[:, 0], recipe.luma, recipe.old, rng)
    return Batch(L=L[:, None], ab=functional.avg_pool2d(lab[:, 1:], recipe.grid))


def make_batch(
    photos: Photos, recipe: DataTable, count: int, seed: int, step: int, device: torch.device
) -> Batch:
    """Make the batch of a step: `count` photos, the same for the same seed and step."""
    rng = np.random.default_rng([seed, step])
    return develop(cut_crops(photos, count, rng), recipe, rng, device)


def batches(
    photos: Photos,
    recipe: DataTable,
    count: int,
    seed: int,
    first_step: int,
    workers: int,
    device: torch.device,
) -> Stream[Batch, None, None]:
    """Make batches for ever from `first_step` on, with crops cut a few steps ahead of time."""
    with ThreadPoolExecutor(workers) as pool:

        def submit(step: int) -> Future[tuple[RGB, Generator]]:
            rng = np.random.default_rng([seed, step])
            return pool.submit(lambda: (cut_crops(photos, count, rng), rng))

        ahead = [submit(first_step + i) for i in range(workers + 1)]
        step = first_step + len(ahead)
        try:
            while True:
                ahead.append(submit(step))
                step += 1
                crops, rng = ahead.pop(0).result()
                yield develop(crops, recipe, rng, device)
        finally:
            for future in ahead:
                future.cancel()
