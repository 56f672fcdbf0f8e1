"""Time all that `colorize` does, from the files to the files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise
from math import ceil, lcm
from time import perf_counter

import numpy as np

from ..batch.asked.treatment import Treatment
from ..batch.outcome import Outcome
from ..batch.output_names import Job
from ..batch.pipeline import run as run_batch
from ..errors import ImageError
from ..model.colorizer import Colorizer
from ..system.cpus import usable_cpus
from ..system.machine import peak_memory
from ..system.paths import shown
from .network_timing import NetworkLaps, NetworkTiming
from .stage_timing import SEED, DrawnPhoto, Stage
from .stopwatch import Stopwatch, Timing

# Full batches of all photos that a run has at least, so that its ends do not count much.
LEAST_BATCHES = 4
_MOST_PARTS = 10


@dataclass(frozen=True)
class PipelineTiming:
    """What the whole pipeline does, from the first file read to the last one written."""

    photos: int
    seconds: float
    photos_per_second: float
    samples_per_second: float
    part_seconds: tuple[float, ...]  # a photo, in equal parts of the run: how steady it is
    p50_ms: float  # work on a photo, the median: reading, its share of the network, writing
    p95_ms: float  # work that 95% of the photos did not exceed
    cores_busy: float
    step_ms: float  # a call of the denoiser, the median, while the other stages run beside it
    peak_memory_mb: float | None  # of the process, opening the network included; where known


def photos_for(
    seconds: float, stages: Mapping[str, Stage], network: NetworkTiming, *, samples: int, unit: int
) -> int:
    """Estimate how many photos keep the pipeline busy for some seconds, a multiple of `unit`."""
    core = network.photo.core_ms
    for name, stage in stages.items():
        core += stage.timing.core_ms * (1 if name in ("decode", "prepare") else samples)
    each = max(network.photo.median_ms, core / usable_cpus()) / 1000
    return unit * max(LEAST_BATCHES, ceil(seconds / each / unit))


def time_pipeline(
    drawn: Sequence[DrawnPhoto], colorizer: Colorizer, laps: NetworkLaps, photos: int
) -> PipelineTiming:
    """Time `colorize` itself over so many photos, those given over and over.

    Raises:
        ImageError: A photo failed, for want of space on the disk say.
    """
    samples = len(drawn[0].fields)
    done: list[tuple[float, float]] = []  # when a photo was, and the seconds of work on it

    def clear(outcome: Outcome) -> None:
        if outcome.reason is not None:
            raise ImageError(f"{shown(outcome.source)}: {outcome.reason}")
        done.append((perf_counter(), outcome.seconds))
        for output in outcome.outputs:
            output.unlink()

    laps.samples = []
    with Stopwatch() as watch:
        run_batch(_repeated(drawn, photos), colorizer, Treatment(samples=samples, seed=SEED), clear)
    peak, (seconds, core) = peak_memory(), watch.lap.tolist()
    finished, work = np.transpose(done)
    return PipelineTiming(
        photos=photos,
        seconds=seconds,
        photos_per_second=photos / seconds,
        samples_per_second=photos * samples / seconds,
        part_seconds=part_seconds(finished.tolist(), lcm(colorizer.batch, len(drawn))),
        p50_ms=1000 * float(np.median(work)),
        p95_ms=1000 * float(np.percentile(work, 95)),
        cores_busy=core / seconds,
        step_ms=Timing.of(laps.steps).median_ms,
        peak_memory_mb=None if peak is None else peak / 1e6,
    )


def part_seconds(finished: Sequence[float], unit: int) -> tuple[float, ...]:
    """Give the seconds a photo in equal parts of a run, from when each photo was done.

    Parts are multiples of `unit` photos, which go through together or differ; the first unit fills
    the pipeline and belongs to no part.
    """
    each = unit * max(1, ceil((len(finished) // unit - 1) / _MOST_PARTS))
    ends = finished[unit - 1 :: each]
    return tuple((end - start) / each for start, end in pairwise(ends))


def _repeated(drawn: Sequence[DrawnPhoto], photos: int) -> Iterator[Job]:
    """Give so many jobs, all with files of their own."""
    for number, photo in enumerate(islice(cycle(drawn), photos)):
        yield replace(photo.job, stem=f"{photo.job.stem}.{number}")
