"""Judge the samples of a photo: choose good and different ones, and see what went wrong.

Everything is measured on the network's grid, in CIEDE2000, before anything is rendered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .area_resample import to_grid
from .ciede2000 import are_alike, ciede2000
from .frame import Frame
from .gamut import fit_gamut
from .lab import Float

GREY = 4.0  # mean chroma below which a picture is called grey: few colour photographs have less
# What a candidate must hold to be taken before others, against the median of all: at most so
# far from the others, at least so much chroma.
_MAX_STRAY = 2.0
_MIN_CHROMA = 0.5


@dataclass(frozen=True)
class Choice:
    """The samples to keep, and what is to be said of them."""

    order: tuple[int, ...]  # positions among the candidates of those that are kept
    grey: tuple[int, ...]  # numbers, from 0, of the kept samples that came out grey
    is_alike: bool  # all kept samples, two or more, look the same
    factors: tuple[float, ...]  # on ab: each makes kept sample k as strong as sample k is

    def take(self, ab: Float, numbers: Sequence[int]) -> Float:
        """Take kept samples, by their numbers from 0, of the (K, 2, h, w) candidates."""
        return _taken(ab, [self.order[k] for k in numbers], [self.factors[k] for k in numbers])


def judge(
    L: Float, frame: Frame, ab: Float, count: int, *, choosing: bool, gains: Sequence[float] = (1,)
) -> Choice:
    """Choose samples of a photo, or take the first, and look at them.

    Args:
        L: (padded_height, padded_width) float32, 0..100, the working image of the photo.
        frame: Where the photo lies in it.
        ab: (K, 2, h, w) in Lab units on its grid: the candidates, padding included.
        count: How many to keep, 1 to K; others raise ValueError.
        choosing: Whether to choose; else the first are taken as they are. Candidates are compared
            at one strength, and those that are kept get the factors of samples 0, 1, ...
        gains: The bundle's factors on ab, of sample 0, 1, ..., over and over. A sample is not grey
            for being muted on purpose: below the mean of the factors it is judged as with the mean.
    """
    if not 1 <= count <= len(ab):
        raise ValueError(f"{count} samples of {len(ab)} candidates")
    own = np.resize(gains, len(ab)).astype(np.float32) / np.float32(np.mean(gains))
    order = tuple(range(count))
    if choosing:
        lab = _shown(L, frame, ab / own[:, None, None, None])
        chroma = _chroma(lab)
        order = _choose(_distances(lab), chroma, chroma < GREY, count)
    factors = tuple((own[:count] / own[list(order)]).tolist())
    lab = _shown(L, frame, _taken(ab, order, factors))
    is_grey = _chroma(lab) / np.minimum(own[:count], 1) < GREY
    is_alike = count > 1 and are_alike(_distances(lab).max())
    return Choice(order, tuple(np.flatnonzero(is_grey).tolist()), is_alike, factors)


def _choose(
    distances: NDArray[np.float64], chroma: Float, is_grey: NDArray[np.bool_], count: int
) -> tuple[int, ...]:
    """Take the most typical candidate, then the farthest from all taken; strays, grey ones last."""
    stray = distances.mean(axis=1)
    passes = (stray <= _MAX_STRAY * np.median(stray)) & (chroma >= _MIN_CHROMA * np.median(chroma))
    tier = 2 * is_grey + ~passes
    is_left = np.ones(len(tier), bool)
    order: list[int] = []
    while len(order) < count:
        worth = distances[:, order].min(axis=1) if order else -stray
        is_next = is_left & (tier == tier[is_left].min())
        order.append(int(np.where(is_next, worth, -np.inf).argmax()))
        is_left[order[-1]] = False
    return tuple(order)


def _taken(ab: Float, order: Sequence[int], factors: Sequence[float]) -> Float:
    taken: Float = ab[list(order)] * np.array(factors, np.float32)[:, None, None, None]
    return taken


def _shown(L: Float, frame: Frame, ab: Float) -> Float:
    """(K, h, w, 3), by what sRGB can show: in black and in white all colours are one."""
    lab = visible_lab(L, frame, ab)
    lab[..., 1], lab[..., 2] = fit_gamut(lab[..., 0], lab[..., 1], lab[..., 2])
    return lab


def visible_lab(L: Float, frame: Frame, ab: Float) -> Float:
    """(K, h, w, 3) of the cells that the photo covers at least in part."""
    grid = L.shape[0] // ab.shape[2]
    rows, columns = -(-frame.work_height // grid), -(-frame.work_width // grid)
    cells = np.broadcast_to(to_grid(L, grid), (len(ab), 1, *ab.shape[2:]))
    lab = np.concatenate([cells, ab], axis=1)[..., :rows, :columns]
    return np.moveaxis(lab, 1, -1)


def _chroma(lab: Float) -> Float:
    """(K,) mean chroma of candidates."""
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]).mean(axis=(1, 2)), np.float32)


def _distances(lab: Float) -> NDArray[np.float64]:
    """(K, K) mean CIEDE2000 between candidates."""
    distances = np.zeros((len(lab), len(lab)))
    for i, j in combinations(range(len(lab)), 2):
        distances[i, j] = distances[j, i] = ciede2000(lab[i], lab[j]).mean()
    return distances
