"""Measure several things in turns, so that a change of the machine's load meets all alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Spread:
    """The figures of several rounds, summed up.

    Attributes:
        median: The median of the rounds.
        least: The least figure of a round.
        greatest: The greatest figure of a round.
        rounds: The number of rounds.
    """

    median: float
    least: float
    greatest: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Sum up the figures of the rounds."""
        return cls(float(np.median(values)), min(values), max(values), len(values))

    def text(self, digits: int = 1) -> str:
        """Write the median with the range."""
        low, middle, high = (f"{x:,.{digits}f}" for x in (self.least, self.median, self.greatest))
        return f"{middle} ({low} to {high})"


def in_turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int, *, settle: bool = False
) -> dict[str, list[float]]:
    """Time all contenders, one after the other, in several rounds.

    Args:
        contenders: What to time, by name. All are warmed up before.
        rounds: How often each is timed.
        settle: Whether each is called once untimed before it is timed in a round. What ran before
            it may have left other data in the caches, and threads that still spin.

    Returns:
        The seconds of each round by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            if settle:
                run()
            started = perf_counter()
            run()
            seconds[name].append(perf_counter() - started)
    return seconds


def quotients(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Divide the figures round by round, and sum the quotients up."""
    return Spread.of([n / d for n, d in zip(numerators, denominators, strict=True)])
