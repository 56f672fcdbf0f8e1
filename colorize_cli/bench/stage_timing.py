"""Time what is done to a photograph before and after the network, one stage at a time.

Files are read from the system's cache, since each photo is read many times.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np

from ..batch.output_names import Job
from ..errors import ImageError
from ..imaging.lab import Float
from ..model.colorizer import Colorizer, Prepared
from ..photos.read import read_photo
from ..photos.write import encode_photo
from ..system.files import write_atomic
from .photos import PhotoSet
from .stopwatch import Lap, Stopwatch, Timing

Failure: TypeAlias = tuple[Path, str]

SEED = 0
LEAST_RUNS = 3


@dataclass(frozen=True)
class DrawnPhoto:
    """A photograph and its working image, with the (samples, 2, h, w) ab fields drawn for it."""

    job: Job
    megapixels: float
    prepared: Prepared
    fields: Float


@dataclass(frozen=True)
class Stage:
    """What a stage takes of a photo or a sample, and on average for each megapixel of the photo."""

    timing: Timing
    wall_ms_per_megapixel: float
    core_ms_per_megapixel: float


def draw_photos(photos: PhotoSet, colorizer: Colorizer) -> tuple[list[DrawnPhoto], list[Failure]]:
    """Colorize each photo that can be read once, which warms up the network too."""
    drawn, failures = [], []
    for job in photos.jobs:
        try:
            photo = read_photo(job.source.read_bytes())
        except (ImageError, OSError) as error:
            failures.append((job.source, getattr(error, "strerror", None) or str(error)))
            continue
        height, width = photo.pixels.shape[:2]
        prepared = colorizer.prepare(photo)
        fields = colorizer.colorize([prepared], photos.samples, SEED)[0]
        drawn.append(DrawnPhoto(job, height * width / 1e6, prepared, fields))
    if not drawn:
        raise ImageError("none of the photographs can be read: name others, or none")
    return drawn, failures


def in_turn(
    photos: Sequence[DrawnPhoto], seconds: float, *, evenly: bool = False
) -> Iterator[DrawnPhoto]:
    """Give the photos in turn until the time is up; with `evenly`, each of them as often."""
    end = perf_counter() + seconds
    for done in count():
        is_even = not evenly or done % len(photos) == 0
        if done >= LEAST_RUNS and is_even and perf_counter() > end:
            return
        yield photos[done % len(photos)]


def time_stages(
    photos: Sequence[DrawnPhoto], colorizer: Colorizer, seconds: float
) -> dict[str, Stage]:
    """Time what is done to a photo before and after the network, one stage after the other.

    Stages have names, in the order of the work: "decode" (with reading the file) and "prepare" of
    a photo; "render" (enlargement, gamut, sRGB), "encode" and "write" of a sample on average.
    """
    _time_photo(photos[0], colorizer)  # to warm up
    laps: dict[str, list[Lap]] = defaultdict(list)
    megapixels = 0.0
    for photo in in_turn(photos, seconds, evenly=True):
        megapixels += photo.megapixels
        for name, lap in _time_photo(photo, colorizer).items():
            laps[name].append(lap)
    return {
        name: Stage(Timing.of(of_name), *map(float, 1000 * np.sum(of_name, axis=0) / megapixels))
        for name, of_name in laps.items()
    }


def _time_photo(drawn: DrawnPhoto, colorizer: Colorizer) -> dict[str, Lap]:
    """Do to a photo what the pipeline does before and after the network."""
    laps: dict[str, Lap] = defaultdict(lambda: np.zeros(2))

    @contextmanager
    def timed(name: str, parts: int = 1) -> Iterator[None]:
        with Stopwatch() as watch:
            yield
        laps[name] += watch.lap / parts

    job, samples = drawn.job, len(drawn.fields)
    job.folder.mkdir(parents=True, exist_ok=True)
    with timed("decode"):
        photo = read_photo(job.source.read_bytes())
    with timed("prepare"):
        prepared = colorizer.prepare(photo)
    with timed("render", samples):
        pictures = colorizer.pictures(photo.pixels, prepared, drawn.fields)
    for output in job.outputs:
        with timed("render", samples):
            rgb = next(pictures)
        with timed("encode", samples):
            data = encode_photo(rgb, photo, job.format)
        with timed("write", samples):
            write_atomic(output, data)
        output.unlink()
    return laps
