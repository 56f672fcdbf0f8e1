"""Keeps the steps of the sampling while a group of photos is drawn."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TypeAlias

import numpy as np

from ...imaging.trace_frames import Moment
from ...model.families.family import Step

# How the samples of a photo came about: for each one drawn, its steps from noise to colours.
Sampled: TypeAlias = Sequence[Sequence[Moment]]


class Recorder:
    """An `OnStep` that keeps what each sample of each photo was at each step, in any thread."""

    def __init__(self) -> None:
        self._moments: dict[bytes, dict[int, dict[int, Moment]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._lock = Lock()

    def __call__(self, step: Step) -> None:
        """Keep a step; of what is drawn again, for want of memory, the last time counts."""
        unit = np.float32(step.unit)
        with self._lock:
            for key, x_t, x_0 in zip(step.keys, step.x_t, step.x_0, strict=True):
                moment = Moment(step.gamma, unit * x_t, unit * x_0)  # new arrays
                self._moments[key][step.sample][step.t] = moment

    def of(self, key: bytes) -> Sampled:
        """Give how the samples of a photo came about, by what it is known by; empty if unknown."""
        samples: Mapping[int, Mapping[int, Moment]] = self._moments.get(key, {})
        return [
            [moment for _, moment in sorted(samples[k].items(), reverse=True)]
            for k in sorted(samples)
        ]
