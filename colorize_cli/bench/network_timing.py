"""Time the network, alone and call by call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..model.colorizer import Colorizer
from ..runtimes.runtime import Feeds, Graph, Value
from ..system.machine import seconds_without_core
from .stage_timing import SEED, DrawnPhoto, in_turn
from .stopwatch import Lap, Stopwatch, Timing


@dataclass(frozen=True)
class NetworkTiming:
    """What the network takes while nothing else runs."""

    rows: int  # photos that one call of a graph takes, with one sample each
    side_by_side: int  # calls of the denoiser at the same time
    encoder: Timing  # a call
    step: Timing  # a call of the denoiser
    sampler: Timing  # all steps of `rows` photos, with their noise and arithmetic
    arithmetic: Timing  # what of the sampler is not the denoiser
    photo: Timing  # all of it for one photo with its samples
    # Part of the time in which other programs held the cores; None where the system does not tell.
    waiting: float | None

    @property
    def photos_per_second(self) -> float:
        """The rate that the network alone would have."""
        return 1000 / self.photo.median_ms


class NetworkLaps:
    """The calls of a network's graphs, as `timed` graphs note them down."""

    encoders = side_by_side = 1  # calls of encoder and denoiser that run at the same time

    def __init__(self) -> None:
        """Begin without a lap."""
        self.encoder: list[Lap] = []  # the calls that serve all samples of a photo
        # Of each sample the time until its last call of the denoiser, and those calls.
        self.samples: list[tuple[Stopwatch, list[Lap]]] = []

    @property
    def steps(self) -> list[Lap]:
        """All calls of the denoiser."""
        return [lap for _, steps in self.samples for lap in steps]

    def timed(self, graphs: Mapping[str, Graph]) -> dict[str, Graph]:
        """Give graphs whose calls are noted down here."""
        return {name: _TimedGraph(graph, self) for name, graph in graphs.items()}


class _TimedGraph:
    """A graph of which each call is timed."""

    def __init__(self, graph: Graph, laps: NetworkLaps) -> None:
        self._graph, self._laps = graph, laps
        self.expect = graph.expect

    def run(self, feeds: Feeds) -> dict[str, Value]:
        with Stopwatch(self._laps.encoders) as watch:
            outputs = self._graph.run(feeds)
        self._laps.encoder.append(watch.lap)
        return outputs

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Bind what serves one sample: its denoiser's calls come one after the other."""
        run, side_by_side = self._graph.bind(feeds), self._laps.side_by_side
        whole, steps = sample = (Stopwatch(side_by_side), list[Lap]())
        self._laps.samples.append(sample)

        def timed(feeds: Feeds) -> dict[str, Value]:
            with Stopwatch(side_by_side) as watch:
                outputs = run(feeds)
            steps.append(watch.lap)
            whole.look()
            return outputs

        return timed


def time_network(
    photos: Sequence[DrawnPhoto], colorizer: Colorizer, laps: NetworkLaps, seconds: float
) -> NetworkTiming:
    """Time a warm network for some seconds, full batches of one photo after the other.

    The graphs of the colorizer are those that `laps.timed` gave; earlier laps are dropped.
    """
    batch, samples, lanes = colorizer.batch, len(photos[0].fields), colorizer.device.lanes
    rows = 1 if colorizer.mixes_shapes else batch
    laps.encoders = min(lanes, batch // rows)
    laps.side_by_side = min(lanes, batch // rows * samples)
    laps.encoder, laps.samples = [], []
    of_photo: list[Lap] = []
    before = seconds_without_core()
    for photo in in_turn(photos, seconds):
        with Stopwatch() as watch:
            colorizer.colorize([photo.prepared] * batch, samples, SEED)
        of_photo.append(watch.lap / batch)
    after = seconds_without_core()
    waiting = None
    if before is not None and after is not None:
        waited = max(0.0, after - before)  # a thread that ended took its part along
        waiting = float(waited / (waited + batch * np.sum(of_photo, axis=0)[1]))
    return NetworkTiming(
        rows=rows,
        side_by_side=laps.side_by_side,
        encoder=Timing.of(laps.encoder),
        step=Timing.of(laps.steps),
        sampler=Timing.of([whole.lap for whole, _ in laps.samples]),
        arithmetic=Timing.of([whole.lap - np.sum(steps, 0) for whole, steps in laps.samples]),
        photo=Timing.of(of_photo),
        waiting=waiting,
    )
