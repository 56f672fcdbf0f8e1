"""Time what is done to a photograph before and after the network, one stage at a time.

Files are read from the system's cache, since each photo is read many times.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter

from ..batch.output_names import Job
from ..errors import ImageError
from ..imaging.lab import Float
from ..imaging.render import render_samples
from ..model.colorizer import Colorizer, Prepared
from ..photos.read import read_photo
from ..photos.write import encode_photo
from ..system.files import write_atomic
from .stopwatch import Lap, Stopwatch, Timing

SEED = 0
LEAST_RUNS = 3


@dataclass(frozen=True)
class Subject:
    """A photograph to measure with, and what the stages after the network need of it.

    Attributes:
        job: Where it is, and what is made of it.
        megapixels: Of the photo.
        prepared: Its working image.
        fields: (samples, 2, h, w) float32, ab fields that the network drew for it.
    """

    job: Job
    megapixels: float
    prepared: Prepared
    fields: Float


@dataclass(frozen=True)
class Stage:
    """What a stage takes.

    Attributes:
        timing: Of one photo, or of one sample of a photo.
        wall_ms_per_megapixel: Mean wall time for each megapixel of the photo.
        core_ms_per_megapixel: Mean core time for each megapixel of the photo.
    """

    timing: Timing
    wall_ms_per_megapixel: float
    core_ms_per_megapixel: float


def take_subjects(
    jobs: Sequence[Job],
    colorizer: Colorizer,
    samples: int,
    on_failure: Callable[[Path, str], None],
) -> list[Subject]:
    """Colorize each photo once, which warms up the network too.

    Args:
        jobs: The photos; one that cannot be read is reported and left out.
        colorizer: The network.
        samples: Colourings a photo.
        on_failure: Takes the path and the reason.

    Raises:
        ImageError: None of them can be read.
    """
    subjects = []
    for job in jobs:
        try:
            photo = read_photo(job.source.read_bytes())
        except ImageError as error:
            on_failure(job.source, str(error))
            continue
        except OSError as error:
            on_failure(job.source, error.strerror or str(error))
            continue
        height, width = photo.pixels.shape[:2]
        prepared = colorizer.prepare(photo)
        fields = colorizer.colorize([prepared], samples, SEED)[0]
        subjects.append(Subject(job, height * width / 1e6, prepared, fields))
    if not subjects:
        raise ImageError("none of the photographs can be read: name others, or none")
    return subjects


def time_stages(
    subjects: Sequence[Subject], colorizer: Colorizer, seconds: float
) -> dict[str, Stage]:
    """Time what is done to a photo before and after the network, one stage after the other.

    Returns:
        By name, in the order of the work: "decode" (reading the file included) and "prepare" of
        a photo; "render" (enlargement, gamut, sRGB), "encode" and "write" of a sample, the mean
        of a photo's.
    """
    _time_photo(subjects[0], colorizer)  # to warm up
    laps: dict[str, list[Lap]] = {}
    megapixels = 0.0
    for subject in in_turn(subjects, seconds, evenly=True):
        megapixels += subject.megapixels
        for name, lap in _time_photo(subject, colorizer).items():
            laps.setdefault(name, []).append(lap)
    return {name: _stage(of_name, megapixels) for name, of_name in laps.items()}


def in_turn(
    subjects: Sequence[Subject], seconds: float, *, evenly: bool = False
) -> Iterator[Subject]:
    """Give the subjects in turn until the time is up; with `evenly`, each of them as often."""
    end = perf_counter() + seconds
    for done in count():
        is_even = not evenly or done % len(subjects) == 0
        if done >= LEAST_RUNS and is_even and perf_counter() > end:
            return
        yield subjects[done % len(subjects)]


def _time_photo(subject: Subject, colorizer: Colorizer) -> dict[str, Lap]:
    """Do to a photo what the pipeline does before and after the network."""
    job, fields = subject.job, subject.fields
    job.folder.mkdir(parents=True, exist_ok=True)
    with Stopwatch() as decode:
        photo = read_photo(job.source.read_bytes())
    with Stopwatch() as prepare:
        prepared = colorizer.prepare(photo)
    with Stopwatch() as watch:
        pictures = render_samples(
            photo.pixels, fields, prepared.frame, colorizer.bundle.grid, working=prepared.L
        )
    render, encode, write = watch.lap, Lap(), Lap()
    for output in job.outputs:
        with Stopwatch() as watch:
            rgb = next(pictures)
        render += watch.lap
        with Stopwatch() as watch:
            data = encode_photo(rgb, photo, job.format)
        encode += watch.lap
        with Stopwatch() as watch:
            write_atomic(output, data)
        write += watch.lap
        output.unlink()
    parts = len(fields)
    return {
        "decode": decode.lap,
        "prepare": prepare.lap,
        "render": render / parts,
        "encode": encode / parts,
        "write": write / parts,
    }


def _stage(laps: Sequence[Lap], megapixels: float) -> Stage:
    whole = sum(laps, Lap())
    return Stage(Timing.of(laps), whole.wall * 1000 / megapixels, whole.core * 1000 / megapixels)
