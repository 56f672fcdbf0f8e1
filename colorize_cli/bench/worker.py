"""What is measured in a process of its own: one configuration, so that its memory is its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from pathlib import Path

from ..batch.output_names import Job
from ..imaging.choose import visible_lab
from ..imaging.lab import Float
from ..model.bundle import load_bundle
from ..model.colorizer import Colorizer
from ..model.reference_photos import reference_photos
from ..runtimes.device import resolve
from ..runtimes.ort import open_network
from .configurations import Configuration
from .network_timing import (
    LEAST_BATCHES,
    NetworkTiming,
    PipelineTiming,
    TimedNetwork,
    photos_for,
    time_network,
    time_pipeline,
)
from .stages import LEAST_RUNS, SEED, Stage, Subject, take_subjects, time_stages
from .stopwatch import Stopwatch

# For a process and a network to be there.
_START_SECONDS = 2.0


@dataclass(frozen=True)
class ReferenceTask:
    """What to take the right colours from.

    Attributes:
        model: Name or path of a bundle; it runs on the CPU.
        jobs: The photos.
        samples: Colourings of each.
        is_built_in: Whether the photos were made here, so that others show what colours come.
        stage_seconds: For the stages before and after the network; None to leave them out.
    """

    model: str
    jobs: tuple[Job, ...]
    samples: int
    is_built_in: bool
    stage_seconds: float | None


@dataclass(frozen=True)
class Reference:
    """The right colours, and what does not depend on the device.

    Attributes:
        colours: For each photo that can be read, or each of `reference_photos` where those are made
            here, (samples, h, w, 3) in Lab on the network's grid.
        megapixels: Of each of them.
        formats: Of their colourings.
        failures: The others, and why.
        photo_seconds: That the network takes for a photo on the CPU.
        stages: As `time_stages` has them; nothing where they were left out.
    """

    colours: tuple[Float, ...]
    megapixels: tuple[float, ...]
    formats: tuple[str, ...]
    failures: tuple[tuple[Path, str], ...]
    photo_seconds: float
    stages: Mapping[str, Stage]


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        configuration: Model, device, precision and batch.
        jobs: The photos.
        samples: Colourings of each.
        is_built_in: As in `ReferenceTask`.
        stages: What the stages beside the network take, to tell how many photos fill the time.
        network_seconds: About how long to measure the network alone.
        pipeline_seconds: About how long to measure the whole pipeline.
    """

    configuration: Configuration
    jobs: tuple[Job, ...]
    samples: int
    is_built_in: bool
    stages: Mapping[str, Stage]
    network_seconds: float
    pipeline_seconds: float

    def seconds(self, photo_seconds: float) -> float:
        """Tell about how long it takes, where the network takes so long for a photo."""
        batch, photos = self.configuration.batch, len(self.jobs)
        alone = max(self.network_seconds, LEAST_RUNS * batch * photo_seconds)
        whole = max(self.pipeline_seconds, LEAST_BATCHES * lcm(batch, photos) * photo_seconds)
        return _START_SECONDS + photos * photo_seconds + alone + whole


@dataclass(frozen=True)
class Measured:
    """What came of a configuration.

    Attributes:
        description: Of the device, for people.
        network: The network alone.
        pipeline: All from the files to the files.
        colours: As `Reference.colours`, drawn with the same noise.
    """

    description: str
    network: NetworkTiming
    pipeline: PipelineTiming
    colours: tuple[Float, ...]


def take_reference(task: ReferenceTask) -> Reference:
    """Draw the colours that others are compared with, and time the stages beside the network.

    Raises:
        ModelError: The bundle cannot be used.
        DeviceError: The CPU cannot run it.
        ImageError: No photograph can be read, or one cannot be written.
    """
    failures: list[tuple[Path, str]] = []
    colorizer = Colorizer(load_bundle(task.model), resolve("cpu"))
    subjects = take_subjects(
        task.jobs, colorizer, task.samples, lambda path, reason: failures.append((path, reason))
    )
    with Stopwatch() as watch:
        colorizer.colorize([subjects[0].prepared], task.samples, SEED)
    stages = {}
    if task.stage_seconds is not None:
        stages = time_stages(subjects, colorizer, task.stage_seconds)
    return Reference(
        colours=_colours(task, subjects, colorizer),
        megapixels=tuple(subject.megapixels for subject in subjects),
        formats=tuple(sorted({subject.job.format for subject in subjects})),
        failures=tuple(failures),
        photo_seconds=watch.lap.wall,
        stages=stages,
    )


def measure(task: Task) -> Measured:
    """Measure a configuration.

    Raises:
        ModelError: The bundle cannot be used.
        DeviceError: The device cannot run it, or failed.
        ImageError: No photograph can be read, or one cannot be written.
    """
    wanted = task.configuration
    bundle = load_bundle(wanted.model)
    device = resolve(wanted.device, precision=wanted.precision or "fp32")
    rows = wanted.batch if device.is_gpu else 1
    network = TimedNetwork(open_network(bundle, device, batch=rows))
    colorizer = Colorizer(bundle, device, batch=wanted.batch, network=network)
    subjects = take_subjects(task.jobs, colorizer, task.samples, lambda path, reason: None)
    alone = time_network(subjects, colorizer, network, task.network_seconds)
    photos = photos_for(
        task.pipeline_seconds,
        task.stages,
        alone,
        samples=task.samples,
        batch=wanted.batch,
        subjects=len(subjects),
    )
    whole = time_pipeline(subjects, colorizer, network, photos)
    return Measured(device.description, alone, whole, _colours(task, subjects, colorizer))


def _colours(
    task: Task | ReferenceTask, subjects: Sequence[Subject], colorizer: Colorizer
) -> tuple[Float, ...]:
    """Take the colours that devices and precisions are judged by.

    A photo that is made by arithmetic leaves its colours to the last bit: it serves to time alone.
    """
    if not task.is_built_in:
        return tuple(
            visible_lab(subject.prepared.L, subject.prepared.frame, subject.fields)
            for subject in subjects
        )
    prepared = [colorizer.prepare(photo) for photo in reference_photos().values()]
    return tuple(
        visible_lab(one.L, one.frame, colorizer.colorize([one], task.samples, SEED)[0])
        for one in prepared
    )
