"""Batches of (L, ab) from colour photographs, a pure function of seed and step.

Nothing but the step's number decides what a batch holds, so a run that resumes goes on exactly
where it stopped, however many threads prepare the batches.
"""

from collections.abc import Generator as Stream
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from colorize_cli.errors import UsageError
from colorize_cli.imaging.area_resample import cell_means
from colorize_cli.imaging.lab import lab_from_rgb

from .degrade import grey
from .recipe_tables import DataTable
from .shards import iter_photos, set_of

Float = NDArray[np.float32]

# Photos that teach no colour, by a thumbnail: mean chroma and deviation of ab, in Lab units. The
# photos that the default model was trained on have at least 3.59 and 2.46.
_MIN_CHROMA = 3.0
_MIN_SPREAD = 2.0
_THUMBNAIL = 64  # pixels, short side
_TRIES = 2000  # photos drawn before the data are given up


@dataclass(frozen=True, eq=False)
class Batch:
    """Photos of a training step.

    Attributes:
        L: (B, 1, size, size) float32, 0..100: what the network sees, perhaps degraded.
        ab: (B, 2, size/grid, size/grid) float32, Lab units: the truth.
    """

    L: Float
    ab: Float


class Photos:
    """Encoded colour photographs in memory, drawn with a weight for each set.

    Attributes:
        names: `SET/STEM.suffix` of each.
        data: bytes of each file, as uint8.
    """

    def __init__(self, paths: Sequence[Path], weights: Mapping[str, float]) -> None:
        """Read all photos.

        Args:
            paths: shards and folders, as `training.shards.iter_photos` takes them.
            weights: share of the draws that each set gets (they need not sum to 1). Empty, or
                of other sets than there are: every photo is as likely as any other.

        Raises:
            UsageError: no photos, or weights for some of the sets only.
        """
        self.names, self.data = [], []
        for name, data in iter_photos(paths):
            self.names.append(name)
            self.data.append(np.frombuffer(data, np.uint8))
        sets, index, counts = np.unique(
            [set_of(name) for name in self.names], return_inverse=True, return_counts=True
        )
        share = np.ones(len(sets)) * counts
        if set(sets) & set(weights):
            unknown = sorted(set(sets) - set(weights))
            if unknown:
                raise UsageError(
                    f"The recipe's [data.sets] gives no weight to {', '.join(unknown)}: "
                    "add them, or draw all photos evenly with --set 'data.sets={}'."
                )
            share = np.array([weights[name] for name in sets])
        p = (share / counts)[index]
        self._cumulative = np.cumsum(p / p.sum())
        self._is_seen = np.zeros(len(self.data), bool)
        self._has_colour = np.ones(len(self.data), bool)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def colourless(self) -> list[str]:
        """Names of the photos that were drawn and left out so far, being grey or of one tint."""
        return [self.names[i] for i in np.flatnonzero(~self._has_colour)]

    def draw(self, rng: Generator) -> NDArray[np.uint8] | None:
        """Decode a random photo: (H, W, 3) uint8 RGB, or None where it is grey or of one tint.

        That is looked at when a photo is first drawn, since decoding all at the start would take
        minutes; it consumes nothing of `rng`.
        """
        i = min(int(np.searchsorted(self._cumulative, rng.random())), len(self.data) - 1)
        if not self._has_colour[i]:
            return None
        # OpenCV raises on an empty buffer and gives None for any other that it cannot decode.
        rgb = cv2.imdecode(self.data[i], cv2.IMREAD_COLOR_RGB) if len(self.data[i]) else None
        if rgb is None:
            raise UsageError(f"The training photo {self.names[i]} cannot be decoded; remove it.")
        photo = np.asarray(rgb, np.uint8)
        if not self._is_seen[i]:
            self._has_colour[i] = has_colour(photo)
            self._is_seen[i] = True
        return photo if self._has_colour[i] else None


def has_colour(rgb: NDArray[np.uint8]) -> bool:
    """Tell whether a photo (H, W, 3) teaches colour: it is neither grey nor of one tint."""
    height, width = rgb.shape[:2]
    scale = _THUMBNAIL / min(height, width)
    if scale < 1:
        sides = round(width * scale), round(height * scale)
        rgb = np.asarray(cv2.resize(rgb, sides, interpolation=cv2.INTER_AREA), np.uint8)
    ab = lab_from_rgb(rgb)[..., 1:].reshape(-1, 2)
    chroma = np.hypot(ab[:, 0], ab[:, 1]).mean()
    return bool(chroma >= _MIN_CHROMA and np.sqrt(ab.var(axis=0).sum()) >= _MIN_SPREAD)


def random_crop(rgb: NDArray[np.uint8], size: int, rng: Generator) -> NDArray[np.uint8] | None:
    """Cut a random square, scale it down to `size` and flip it half of the time.

    Returns:
        (size, size, 3) uint8, or None where the photo is smaller than `size`: it is never
        enlarged, for the network would learn to expect soft pictures.
    """
    height, width = rgb.shape[:2]
    short = min(height, width)
    if short < size:
        return None
    side = int(rng.integers(size, short + 1))
    y = int(rng.integers(0, height - side + 1))
    x = int(rng.integers(0, width - side + 1))
    crop = rgb[y : y + side, x : x + side]
    if side != size:
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def make_example(photos: Photos, recipe: DataTable, rng: Generator) -> tuple[Float, Float]:
    """Draw one photo: L (size, size) and ab (2, size/grid, size/grid), as in `Batch`."""
    small = 0
    for _ in range(_TRIES):
        photo = photos.draw(rng)
        rgb = None if photo is None else random_crop(photo, recipe.size, rng)
        if rgb is not None:
            break
        small += photo is not None
    else:
        raise _nothing_to_learn_from(small, recipe.size)
    lab = lab_from_rgb(rgb)
    ab = cell_means(np.moveaxis(lab[..., 1:], -1, 0), recipe.grid)
    L = grey(rgb, np.ascontiguousarray(lab[..., 0]), recipe.luma, recipe.old, rng)
    return L, np.ascontiguousarray(ab)


def _nothing_to_learn_from(small: int, size: int) -> UsageError:
    """Say why none of `_TRIES` photos could be taken, of which `small` were too small."""
    if small > _TRIES // 2:
        return UsageError(f"Hardly a photo has {size} pixels on its short side; lower data.size.")
    return UsageError("Hardly a photo is in colour: the others are grey or of one tint.")


def make_batch(photos: Photos, recipe: DataTable, count: int, seed: int, step: int) -> Batch:
    """Make the batch of a step: `count` photos, the same for the same seed and step."""
    rng = np.random.default_rng([seed, step])
    examples = [make_example(photos, recipe, rng) for _ in range(count)]
    return Batch(
        L=np.stack([L for L, _ in examples])[:, None], ab=np.stack([ab for _, ab in examples])
    )


def batches(
    photos: Photos, recipe: DataTable, count: int, seed: int, first_step: int, workers: int
) -> Stream[Batch, None, None]:
    """Make batches for ever from `first_step` on, a few of them ahead of time."""
    with ThreadPoolExecutor(workers) as pool:

        def submit(step: int) -> Future[Batch]:
            return pool.submit(make_batch, photos, recipe, count, seed, step)

        ahead = [submit(first_step + i) for i in range(workers + 1)]
        step = first_step + len(ahead)
        try:
            while True:
                ahead.append(submit(step))
                step += 1
                yield ahead.pop(0).result()
        finally:
            for future in ahead:
                future.cancel()
