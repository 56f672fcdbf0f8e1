"""Wall and core time of pieces of work, and a summary of many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

# (2,) seconds that passed, and seconds that cores worked, summed over the threads of the process;
# waiting for a disk, or for a core that others hold, is no work. Laps add up as arrays do.
Lap: TypeAlias = NDArray[np.float64]


class Stopwatch:
    """Time the body of a `with` statement, or from the making to the last `look`: see `lap`.

    Its core time is that of the whole process, so it means something where nothing else runs, or
    where a known number of such pieces of work run side by side.
    """

    def __init__(self, side_by_side: int = 1) -> None:
        """Start; so many pieces of work share the process's core time."""
        self._shares = np.array([1, side_by_side])
        self.lap: Lap = np.zeros(2)
        self._start = np.array([perf_counter(), process_time()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.look()

    def look(self) -> None:
        """Take the time until now as the lap."""
        now = np.array([perf_counter(), process_time()])
        self.lap = (now - self._start) / self._shares


@dataclass(frozen=True)
class Timing:
    """What `runs` runs of the same work took, in milliseconds: wall time, and mean core time."""

    runs: int
    median_ms: float
    p95_ms: float
    min_ms: float
    core_ms: float

    @classmethod
    def of(cls, laps: Sequence[Lap]) -> Self:
        """Sum up laps; without any, as where a family has no encoder, all of it is 0."""
        walls, cores = 1000 * np.transpose(laps or [np.zeros(2)])
        figures = (np.median(walls), np.percentile(walls, 95), walls.min(), cores.mean())
        return cls(len(laps), *map(float, figures))
