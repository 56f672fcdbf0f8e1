"""Time the network, alone and within all that `colorize` does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise
from math import ceil, lcm
from time import perf_counter

import numpy as np

from ..batch.outcome import Outcome
from ..batch.output_names import Job
from ..batch.photo_job import Treatment
from ..batch.pipeline import run as run_batch
from ..errors import ImageError
from ..imaging.lab import Float
from ..model.colorizer import Colorizer
from ..runtimes.ort import Condition, Denoise, Network
from ..system.cpus import usable_cpus
from ..system.machine import peak_memory, seconds_without_core
from ..system.paths import shown
from .stages import SEED, Stage, Subject, in_turn
from .stopwatch import Lap, Stopwatch, Timing

# Full batches of all photos that a run of the whole pipeline has at least, so that its ends do not
# count much.
LEAST_BATCHES = 4
_PARTS = 10


@dataclass(frozen=True)
class NetworkTiming:
    """What the network takes; nothing else runs.

    Attributes:
        rows: Photos that one call of a graph takes, with one sample each.
        side_by_side: Calls of the denoiser at the same time.
        encoder: A call of the encoder.
        step: A call of the denoiser.
        sampler: All steps of `rows` photos, with their noise and arithmetic.
        arithmetic: What of the sampler is not the denoiser.
        photo: All of it for one photo with its samples.
        waiting: Part of the time that the threads had work but no core, because other programs
            held it; None where the system does not tell.
    """

    rows: int
    side_by_side: int
    encoder: Timing
    step: Timing
    sampler: Timing
    arithmetic: Timing
    photo: Timing
    waiting: float | None

    @property
    def photos_per_second(self) -> float:
        """The rate that the network alone would have."""
        return 1000 / self.photo.median_ms


@dataclass(frozen=True)
class PipelineTiming:
    """What the whole pipeline does, from the files to the files, as `colorize` runs it.

    Attributes:
        photos: How many it colorized.
        seconds: From the first file read to the last one written.
        photos_per_second: Photos each second.
        samples_per_second: Colourings each second.
        part_seconds: Seconds a photo took in each of some equal parts of the run, one after the
            other: how steady the rate is.
        p50_ms: Median over the photos of the work on one: reading, its share of the network,
            writing its samples. Time in which it waits for its turn does not count.
        p95_ms: Work that 95% of the photos did not exceed.
        cores_busy: Cores that worked, on average.
        step_ms: Median of a call of the denoiser, while the other stages run beside it.
        peak_memory_mb: Largest resident memory of the process until now, opening the network
            included; None where the system does not tell.
    """

    photos: int
    seconds: float
    photos_per_second: float
    samples_per_second: float
    part_seconds: tuple[float, ...]
    p50_ms: float
    p95_ms: float
    cores_busy: float
    step_ms: float
    peak_memory_mb: float | None


@dataclass(frozen=True)
class Draw:
    """The calls of the denoiser for a sample, and the time from before the first to the last."""

    whole: Stopwatch
    steps: list[Lap]


class TimedNetwork:
    """A network, each call of it timed.

    Attributes:
        side_by_side: Calls of the denoiser that are known to run at the same time.
        encoders: Calls of the encoder likewise.
        encoder_laps: Of the calls of the encoder.
        draws: Of the samples.
        rows: Photos in the last call of the encoder.
    """

    def __init__(self, network: Network) -> None:
        """Time a network from here on."""
        self._network = network
        self.side_by_side = self.encoders = 1
        self.encoder_laps: list[Lap] = []
        self.draws: list[Draw] = []
        self.rows = 0

    @property
    def step_laps(self) -> list[Lap]:
        """Of all calls of the denoiser."""
        return [lap for draw in self.draws for lap in draw.steps]

    def encode(self, L: Float) -> Condition:
        """Time `Network.encode`."""
        with Stopwatch(self.encoders) as watch:
            condition = self._network.encode(L)
        self.encoder_laps.append(watch.lap)
        self.rows = condition.batch
        return condition

    def denoiser(self, condition: Condition) -> Denoise:
        """Time the function that `Network.denoiser` makes, which serves one sample."""
        denoise = self._network.denoiser(condition)
        draw = Draw(Stopwatch(self.side_by_side).__enter__(), [])
        self.draws.append(draw)

        def timed(x_t: Float, gamma: Float) -> Float:
            with Stopwatch(self.side_by_side) as watch:
                predicted = denoise(x_t, gamma)
            draw.steps.append(watch.lap)
            draw.whole.look()
            return predicted

        return timed

    def forget(self) -> None:
        """Drop all laps."""
        self.encoder_laps.clear()
        self.draws.clear()


def time_network(
    subjects: Sequence[Subject], colorizer: Colorizer, network: TimedNetwork, seconds: float
) -> NetworkTiming:
    """Time a network that is warm, full batches of one photo after the other."""
    batch, samples = colorizer.batch, len(subjects[0].fields)
    calls = 1 if colorizer.device.is_gpu else batch
    network.encoders = min(colorizer.device.lanes, calls)
    network.side_by_side = min(colorizer.device.lanes, calls * samples)
    encoder: list[Lap] = []
    steps: list[Lap] = []
    sampler: list[Lap] = []
    arithmetic: list[Lap] = []
    photo: list[Lap] = []
    before = seconds_without_core()
    for subject in in_turn(subjects, seconds):
        network.forget()
        with Stopwatch() as watch:
            colorizer.colorize([subject.prepared] * batch, samples, SEED)
        sampler += [draw.whole.lap for draw in network.draws]
        arithmetic += [draw.whole.lap - sum(draw.steps, Lap()) for draw in network.draws]
        photo.append(watch.lap / batch)
        encoder += network.encoder_laps
        steps += network.step_laps
    after = seconds_without_core()
    return NetworkTiming(
        rows=network.rows,
        side_by_side=network.side_by_side,
        encoder=Timing.of(encoder),
        step=Timing.of(steps),
        sampler=Timing.of(sampler),
        arithmetic=Timing.of(arithmetic),
        photo=Timing.of(photo),
        waiting=_waiting(before, after, batch * sum(photo, Lap()).core),
    )


def _waiting(before: float | None, after: float | None, core: float) -> float | None:
    if before is None or after is None:
        return None
    waited = max(0.0, after - before)  # a thread that ended took its part along
    return waited / (waited + core)


def photos_for(
    seconds: float,
    stages: Mapping[str, Stage],
    network: NetworkTiming,
    *,
    samples: int,
    batch: int,
    subjects: int = 1,
) -> int:
    """Estimate how many photos keep the pipeline busy for some seconds.

    Full batches, of `subjects` different photos each as often.
    """
    core = network.photo.core_ms
    for name, stage in stages.items():
        core += stage.timing.core_ms * (1 if name in ("decode", "prepare") else samples)
    each = max(network.photo.median_ms, core / usable_cpus()) / 1000
    unit = lcm(batch, subjects)
    return unit * max(LEAST_BATCHES, ceil(seconds / each / unit))


def time_pipeline(
    subjects: Sequence[Subject], colorizer: Colorizer, network: TimedNetwork, photos: int
) -> PipelineTiming:
    """Time `colorize` itself over so many photos, the subjects over and over.

    Raises:
        ImageError: A photo failed, for want of space on the disk say.
    """
    samples = len(subjects[0].fields)
    work: list[float] = []
    finished: list[float] = []

    def clear(outcome: Outcome) -> None:
        if outcome.reason is not None:
            raise ImageError(f"{shown(outcome.source)}: {outcome.reason}")
        work.append(outcome.seconds)
        finished.append(perf_counter())
        for output in outcome.outputs:
            output.unlink()

    network.forget()
    with Stopwatch() as watch:
        run_batch(_repeated(subjects, photos), colorizer, Treatment(samples, SEED), clear)
    peak = peak_memory()
    return PipelineTiming(
        photos=photos,
        seconds=watch.lap.wall,
        photos_per_second=photos / watch.lap.wall,
        samples_per_second=photos * samples / watch.lap.wall,
        part_seconds=part_seconds(finished, lcm(colorizer.batch, len(subjects))),
        p50_ms=1000 * float(np.median(work)),
        p95_ms=1000 * float(np.percentile(work, 95)),
        cores_busy=watch.lap.core / watch.lap.wall,
        step_ms=Timing.of(network.step_laps).median_ms,
        peak_memory_mb=None if peak is None else peak / 1e6,
    )


def part_seconds(finished: Sequence[float], unit: int) -> tuple[float, ...]:
    """Cut a run into equal parts.

    Args:
        finished: When each photo was done, in seconds; the first unit fills the pipeline and
            belongs to no part.
        unit: Photos that parts are multiples of, because they go through together or differ.

    Returns:
        Seconds a photo in each part; nothing where there is no second unit.
    """
    each = unit * max(1, ceil((len(finished) // unit - 1) / _PARTS))
    ends = finished[unit - 1 :: each]
    return tuple((end - start) / each for start, end in pairwise(ends))


def _repeated(subjects: Sequence[Subject], photos: int) -> Iterator[Job]:
    """So many jobs, all with files of their own."""
    for number, subject in enumerate(islice(cycle(subjects), photos)):
        yield replace(subject.job, stem=f"{subject.job.stem}.{number}")
