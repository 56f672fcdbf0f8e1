"""Wall and core time of pieces of work, and what is said of many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Lap:
    """Time that one piece of work took.

    Attributes:
        wall: Seconds that passed.
        core: Seconds that cores worked, summed over the threads of the process; waiting for a
            disk, or for a core that others hold, does not count.
    """

    wall: float = 0.0
    core: float = 0.0

    def __add__(self, other: Self) -> "Lap":
        return Lap(self.wall + other.wall, self.core + other.core)

    def __sub__(self, other: Self) -> "Lap":
        return Lap(self.wall - other.wall, self.core - other.core)

    def __truediv__(self, parts: int) -> "Lap":
        return Lap(self.wall / parts, self.core / parts)


class Stopwatch:
    """Time the body of a `with` statement; `lap` has the result afterwards.

    Its core time is that of the whole process, so it means something where nothing else runs, or
    where a known number of such pieces of work run side by side.
    """

    lap = Lap()

    def __init__(self, side_by_side: int = 1) -> None:
        """Make a stopwatch for one of several pieces of work that share the process's time."""
        self._side_by_side = side_by_side

    def __enter__(self) -> Self:
        self._wall, self._core = perf_counter(), process_time()
        return self

    def __exit__(self, *exception: object) -> None:
        self.look()

    def look(self) -> None:
        """Take the time until now as the lap."""
        core = (process_time() - self._core) / self._side_by_side
        self.lap = Lap(perf_counter() - self._wall, core)


@dataclass(frozen=True)
class Timing:
    """What many runs of the same work took, in milliseconds.

    Attributes:
        runs: How often it was done.
        median_ms: Wall time.
        p95_ms: Wall time that 95% of the runs did not exceed.
        min_ms: Wall time.
        core_ms: Core time, the mean.
    """

    runs: int
    median_ms: float
    p95_ms: float
    min_ms: float
    core_ms: float

    @classmethod
    def of(cls, laps: Sequence[Lap]) -> Self:
        """Sum up one lap or more."""
        walls = np.array([lap.wall for lap in laps]) * 1000
        return cls(
            runs=len(laps),
            median_ms=float(np.median(walls)),
            p95_ms=float(np.percentile(walls, 95)),
            min_ms=float(walls.min()),
            core_ms=float(np.mean([lap.core for lap in laps])) * 1000,
        )
