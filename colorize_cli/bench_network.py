"""Time the network, alone and within all that `colorize` does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import ceil

from .batch import run as run_batch
from .bench_stages import SEED, Stage, Subject, in_turn
from .bundle import Bundle
from .colorizer import Colorizer
from .cpus import usable_cpus
from .devices import Device
from .errors import ImageError
from .lab import Float
from .machine import peak_memory, reset_peak_memory, seconds_without_core
from .names import shown
from .network import Condition, Denoise, OnnxNetwork
from .plan import Job
from .stopwatch import Lap, Stopwatch, Timing
from .work import Result, Settings

# Full batches that a run of the whole pipeline has at least, so that its ends do not count much.
_LEAST_BATCHES = 4


@dataclass(frozen=True)
class NetworkTiming:
    """What the network takes; nothing else runs.

    Attributes:
        rows: Photos that one call of a graph takes, with one sample each.
        encoder: A call of the encoder.
        step: A call of the denoiser.
        sampler: All steps of `rows` photos, with their noise and arithmetic.
        arithmetic: What of the sampler is not the denoiser.
        photo: All of it for one photo with its samples.
        waiting: Part of the time that the threads had work but no core, because other programs
            held it; None where the system does not tell.
    """

    rows: int
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
        cores_busy: Cores that worked, on average.
        step_ms: Median of a call of the denoiser, while the other stages run beside it.
        peak_memory_mb: Largest resident memory meanwhile; None where the system does not tell.
    """

    photos: int
    seconds: float
    photos_per_second: float
    samples_per_second: float
    cores_busy: float
    step_ms: float
    peak_memory_mb: float | None


class TimedNetwork(OnnxNetwork):
    """A bundle's networks, each call of them timed."""

    def __init__(self, bundle: Bundle, device: Device) -> None:
        super().__init__(bundle, device)
        self.encoder_laps: list[Lap] = []
        self.step_laps: list[Lap] = []
        self.rows = 0

    def encode(self, L: Float) -> Condition:
        """Time `OnnxNetwork.encode`."""
        with Stopwatch() as watch:
            condition = super().encode(L)
        self.encoder_laps.append(watch.lap)
        self.rows = condition.batch
        return condition

    def denoiser(self, condition: Condition) -> Denoise:
        """Time the function that `OnnxNetwork.denoiser` makes."""
        denoise = super().denoiser(condition)

        def timed(x_t: Float, gamma: Float) -> Float:
            with Stopwatch() as watch:
                predicted = denoise(x_t, gamma)
            self.step_laps.append(watch.lap)
            return predicted

        return timed

    def forget(self) -> None:
        """Drop all laps."""
        self.encoder_laps.clear()
        self.step_laps.clear()


def time_network(
    subjects: Sequence[Subject], colorizer: Colorizer, network: TimedNetwork, seconds: float
) -> NetworkTiming:
    """Time the colorizer's network, full batches of one photo after the other."""
    batch, samples = colorizer.batch, len(subjects[0].fields)
    for subject in {s.prepared.L.shape: s for s in subjects}.values():
        colorizer.colorize([subject.prepared] * batch, samples, SEED)
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
        draws = len(network.step_laps) // colorizer.schedule.steps
        sampler.append((watch.lap - sum(network.encoder_laps, Lap())) / draws)
        arithmetic.append(sampler[-1] - sum(network.step_laps, Lap()) / draws)
        photo.append(watch.lap / batch)
        encoder += network.encoder_laps
        steps += network.step_laps
    after = seconds_without_core()
    return NetworkTiming(
        rows=network.rows,
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
) -> int:
    """Estimate how many photos, in full batches, keep the pipeline busy for some seconds."""
    core = network.photo.core_ms
    for name, stage in stages.items():
        core += stage.timing.core_ms * (1 if name in ("decode", "prepare") else samples)
    each = max(network.photo.median_ms, core / usable_cpus()) / 1000
    return batch * max(_LEAST_BATCHES, ceil(seconds / each / batch))


def time_pipeline(
    subjects: Sequence[Subject], colorizer: Colorizer, network: TimedNetwork, photos: int
) -> PipelineTiming:
    """Time `colorize` itself over so many photos, the subjects over and over.

    Raises:
        ImageError: A photo failed, for want of space on the disk say.
    """
    samples = len(subjects[0].fields)

    def clear(result: Result) -> None:
        if result.reason is not None:
            raise ImageError(f"{shown(result.job.source)}: {result.reason}")
        for output in result.job.outputs:
            output.unlink()

    network.forget()
    reset_peak_memory()
    with Stopwatch() as watch:
        run_batch(_repeated(subjects, photos), colorizer, Settings(samples, SEED), clear)
    peak = peak_memory()
    return PipelineTiming(
        photos=photos,
        seconds=watch.lap.wall,
        photos_per_second=photos / watch.lap.wall,
        samples_per_second=photos * samples / watch.lap.wall,
        cores_busy=watch.lap.core / watch.lap.wall,
        step_ms=Timing.of(network.step_laps).median_ms,
        peak_memory_mb=None if peak is None else peak / 1e6,
    )


def _repeated(subjects: Sequence[Subject], photos: int) -> Iterator[Job]:
    """So many jobs, all with files of their own."""
    for number, subject in enumerate(islice(cycle(subjects), photos)):
        yield replace(subject.job, stem=f"{subject.job.stem}.{number}")
