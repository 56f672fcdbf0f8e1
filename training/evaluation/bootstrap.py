"""Bootstrap intervals: how far figures would move if other photographs of the sets were taken.

Photos are drawn with replacement within each set, the same for all figures and all rows of a
table, so that ratios and differences of figures have intervals of their own. A figure becomes an
array of draws, (1 + D,): first the figure itself, then its values on D resamples. What is computed
of figures is computed of such arrays, draw by draw.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colorize_cli.system.figure_changes import Interval

Draws = NDArray[np.float64]

DRAWS = 1000
LEVEL = 95.0
# Resamples of fewer photos say too little of how far a figure would move.
_FEWEST = 5


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each photo was drawn.

    Attributes:
        sets: the set of each of n photos.
        counts: (1 + D, n); the first row, all ones, is the photos as they are.
    """

    sets: tuple[str, ...]
    counts: Draws

    @cached_property
    def members(self) -> Mapping[str, NDArray[np.intp]]:
        """Positions of the photos of each set, sorted by the set's name."""
        sets = np.asarray(self.sets)
        return {name: np.flatnonzero(sets == name) for name in sorted(set(self.sets))}

    def of_set(self, name: str) -> Draws:
        """Give the columns of `counts` that belong to a set."""
        return self.counts[:, self.members[name]]


def resample(sets: Sequence[str], seed: int = 0, draws: int = DRAWS) -> Resamples:
    """Draw photos with replacement within each set.

    Args:
        sets: the set of each photo.
        seed: of the draws.
        draws: number of resamples.
    """
    rng = np.random.default_rng(seed)
    result = Resamples(tuple(sets), np.ones((1 + draws, len(sets))))
    for positions in result.members.values():
        n = len(positions)
        result.counts[1:, positions] = rng.multinomial(n, np.full(n, 1 / n), draws)
    return result


def mean_draws(values: Sequence[float] | Draws, counts: Draws) -> Draws:
    """Average the values of n photos in each resample; NaN where one of them is.

    Args:
        values: (n,), one a photo.
        counts: (1 + D, n).
    """
    return np.asarray(counts @ np.asarray(values, np.float64) / counts.sum(axis=1), np.float64)


def quotient(one: Draws, other: Draws) -> Draws:
    """Divide draw by draw, (1 + D,); NaN where the second is 0."""
    return np.divide(one, other, out=np.full(len(one), np.nan), where=other != 0)


def resamplable(sets: Sequence[str]) -> int:
    """Count the photos that intervals rest on, given the set of each.

    None where a set has but one: drawn again and again, it would pass for certain.
    """
    return 0 if 1 in Counter(sets).values() else len(sets)


def interval_of(draws: Draws, photos: int) -> Interval:
    """Give a figure with the percentiles 2.5 and 97.5 of its resamples.

    Args:
        draws: (1 + D,); NaN among the resamples is passed over.
        photos: how many were resampled, as `resamplable` counts; fewer than five have no interval.
    """
    value, resampled = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(value):
        return Interval(np.nan, np.nan, np.nan)
    if photos < _FEWEST or len(resampled) == 0:
        return Interval(value, np.nan, np.nan)
    rest = (100 - LEVEL) / 2
    low, high = np.percentile(resampled, [rest, 100 - rest])
    return Interval(value, float(low), float(high))
