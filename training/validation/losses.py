"""A loss on photos that are not trained on, with the same noise each time.

Photos differ in their loss far more than networks do, so two networks are compared photo by photo:
the interval of the change is a small part of that of the loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from colorize_cli.errors import UsageError
from colorize_cli.system.figure_changes import Interval

from ..data.batches import develop
from ..data.photos import RGB, centre_crop, decode
from ..data.shards import half_of, iter_photos, set_of
from ..evaluation.bootstrap import Draws, interval_of, mean_draws, resamplable, resample
from ..families.family import Objective
from ..recipe_tables import DataTable, ValidationTable

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


def read_validation(table: ValidationTable, size: int) -> ValidationPhotos:
    """Read the photos that a recipe names: those with the smallest SHA-256, in its order.

    Args:
        table: the recipe's.
        size: side of the crops in pixels; smaller photos and grey ones are passed over.

    Raises:
        UsageError: there are none, or fewer than five.
    """
    files = [
        (sha256(data).hexdigest(), set_of(name), data)
        for name, data in iter_photos([Path(table.data)])
        if table.half == "all" or half_of(data) == table.half
    ]
    photos = []
    for digest, name, data in sorted(files):
        rgb = decode(data, size)
        if not isinstance(rgb, str):
            photos.append((centre_crop(rgb, size), name, digest))
        if len(photos) == table.photos:
            break
    if len(photos) < 5:
        raise UsageError(
            f"{table.data} has {len(photos)} photos in colour of {size} pixels or more to validate "
            "on; five are the least. Name another folder with --set validation.data=..."
        )
    crops, sets, digests = zip(*photos, strict=True)
    return ValidationPhotos(np.stack(crops), sets, digests)


def validation_losses(
    objective: Objective, photos: ValidationPhotos, data: DataTable, device: torch.device
) -> Draws:
    """Measure the network of an objective as its weights are: a loss for each photo, (N,)."""
    model = objective.parts["model"]
    model.eval()
    clean = replace(data, luma=0.0, old=0.0)
    losses = []
    try:
        for start in range(0, len(photos.crops), _AT_ONCE):
            rng = np.random.default_rng(start)
            batch = develop(photos.crops[start : start + _AT_ONCE], clean, rng, device)
            losses.append(objective.validate(batch, rng))
    finally:
        model.train()
    return torch.cat(losses).double().cpu().numpy()


def mean_loss(losses: Draws, sets: Sequence[str]) -> Interval:
    """Average the losses of all photos, with the 95% interval for other photos of the sets."""
    counts = resample(sets).counts
    return interval_of(mean_draws(losses, counts), resamplable(sets))


def loss_change(before: Draws, after: Draws, sets: Sequence[str]) -> Interval:
    """Tell by what part the loss is higher, photo by photo: -0.01 is 1% lower."""
    counts = resample(sets).counts
    change = mean_draws(after, counts) / mean_draws(before, counts) - 1
    return interval_of(change, resamplable(sets))
