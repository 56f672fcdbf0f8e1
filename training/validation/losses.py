"""A loss on photos that are not trained on, with the same noise each time.

Photos differ in their loss far more than networks do, so two networks are compared photo by photo:
the interval of the change is a small part of that of the loss.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from colorize_cli.errors import UsageError
from colorize_cli.system.figure_changes import Interval

from ..data.batches import develop
from ..data.photos import RGB, centre_crop, decode
from ..data.prepared import of_part
from ..data.row_draws import RowDraws
from ..data.shards import half_of, iter_photos, set_of
from ..evaluation.bootstrap import Draws, interval_of, mean_draws, resamplable, resample
from ..families.family import Objective
from ..recipe_tables import DataTable, Recipe, ValidationTable
from ..torch_device import as_used

Yardstick: TypeAlias = tuple[object, ...]
_READ = 4  # files that are held for each photo that is wanted; small and grey ones are passed over
_AT_ONCE = 16  # photos; another number would draw other noise


@dataclass(frozen=True, eq=False)
class ValidationPhotos:
    """What networks are judged on.

    Attributes:
        crops: (N, size, size, 3) uint8, the middle of each photo.
        sets: the set of each photo.
        digests: SHA-256 (hex) of each file.
    """

    crops: RGB
    sets: tuple[str, ...]
    digests: tuple[str, ...]

    def identity(self, yardstick: Yardstick) -> str:
        """Name these crops and a loss: what is measured under another name does not compare."""
        parts = (*self.digests, self.crops.shape[1], *yardstick)
        return sha256(repr(parts).encode()).hexdigest()


def yardstick(recipe: Recipe) -> Yardstick:
    """What a loss is the loss of; where it differs, losses do not compare."""
    diffusion = recipe.to_dict().get("diffusion", {})
    return recipe.family, diffusion.get("ab_scale"), diffusion.get("weight_limit")


def read_validation(table: ValidationTable, size: int, smallest: float = 1.0) -> ValidationPhotos:
    """Read the photos that a recipe names: those with the smallest SHA-256, in its order.

    Args:
        table: the recipe's.
        size: side of the crops in pixels; grey photos are passed over.
        smallest: short side, in crops, of the smallest photo that is taken.

    Raises:
        UsageError: there are fewer than five.
    """
    files = (
        (sha256(data).hexdigest(), set_of(name), data)
        for name, data in iter_photos(of_part([Path(table.data)], "validation"))
        if table.half == "all" or half_of(data) == table.half
    )
    photos = []
    for digest, name, data in heapq.nsmallest(_READ * table.photos, files):
        rgb = decode(data, size, smallest)
        if not isinstance(rgb, str):
            photos.append((centre_crop(rgb, size), name, digest))
        if len(photos) == table.photos:
            break
    if len(photos) < 5:
        least = ceil(smallest * size)
        raise UsageError(
            f"{table.data} has {len(photos)} photos in colour of {least} pixels or more to "
            "validate on; five are the least. Name a folder that has more."
        )
    pictures, sets, digests = zip(*photos, strict=True)
    return ValidationPhotos(np.stack(pictures), sets, digests)


def validation_losses(
    objective: Objective, photos: ValidationPhotos, data: DataTable, device: torch.device
) -> Draws:
    """Measure the network of an objective as its weights are: a loss for each photo, (N,)."""
    clean = replace(data, luma=0.0, old=0.0)
    losses = []
    with as_used(objective.parts["model"]):
        for start in range(0, len(photos.crops), _AT_ONCE):
            rng = np.random.default_rng(start)
            crops = photos.crops[start : start + _AT_ONCE]
            batch = develop(crops, clean, RowDraws.alone(rng, len(crops)), device)
            losses.append(objective.validate(batch, rng))
    return torch.cat(losses).double().cpu().numpy()


def mean_loss(losses: Draws, sets: Sequence[str]) -> Interval:
    """Average the losses of all photos, with the 95% interval for other photos of the sets."""
    strata = _strata(sets)
    counts = resample(strata).counts
    return interval_of(mean_draws(losses, counts), resamplable(strata))


def loss_change(before: Draws, after: Draws, sets: Sequence[str]) -> Interval:
    """Tell by what part the loss is higher, photo by photo: -0.01 is 1% lower."""
    strata = _strata(sets)
    counts = resample(strata).counts
    change = mean_draws(after, counts) / mean_draws(before, counts) - 1
    return interval_of(change, resamplable(strata))


def _strata(sets: Sequence[str]) -> list[str]:
    """Put photos that are alone in their set together, and all where but one is."""
    count = Counter(sets)
    alone = sum(n == 1 for n in count.values())
    if alone == 1:
        return [""] * len(sets)
    return [name if count[name] > 1 else "" for name in sets]
