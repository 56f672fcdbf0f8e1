"""Numbers for each photo of a step, of which a process may have some only.

What a photo gets must not depend on how many processes share the step, so all draw for all photos
and each keeps its own.
"""

from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor


class RowDraws:
    """Draws for all of some photos, and gives what those here have got.

    Attributes:
        rng: draws.
        count: how many photos there are.
    """

    def __init__(self, rng: Generator, count: int, here: NDArray[np.intp] | range) -> None:
        """Take the generator, the number of photos, and the places of those here, ascending."""
        self.rng = rng
        self.count = count
        self._here = np.asarray(here, np.intp)

    @classmethod
    def alone(cls, rng: Generator, count: int) -> Self:
        """Draw for photos that are all here."""
        return cls(rng, count, range(count))

    def random(self) -> NDArray[np.float64]:
        """Draw numbers in 0..1."""
        return self.own(self.rng.random(self.count))

    def uniform(self, low: float, high: float) -> NDArray[np.float64]:
        """Draw numbers in low..high."""
        return self.own(self.rng.uniform(low, high, self.count))

    def integers(self, low: int, high: int) -> NDArray[np.int64]:
        """Draw whole numbers of low to high - 1."""
        return self.own(self.rng.integers(low, high, self.count))

    def own(self, values: NDArray[Any]) -> NDArray[Any]:
        """Keep of values of all photos those of the photos here."""
        return values[self._here]

    def own_rows(self, rows: Tensor) -> Tensor:
        """Keep of the rows of a tensor (count, ...) those of the photos here."""
        return rows if len(self._here) == self.count else rows[self._here]

    def where(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Self]:
        """Choose photos, (count,): their places among those here, and what draws for them."""
        here = self.own(chosen)
        numbers = np.cumsum(chosen) - 1
        own = numbers[self._here[here]]
        return np.flatnonzero(here), type(self)(self.rng, int(chosen.sum()), own)
