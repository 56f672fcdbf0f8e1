"""What is measured in a process of its own: one configuration, so that its memory is its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import lcm
from typing import TypeAlias

from ..imaging.choose_samples import visible_lab
from ..imaging.lab import Float
from ..model.bundle import load_bundle
from ..model.colorizer import Colorizer
from ..model.graphs import open_graphs
from ..model.reference_photos import reference_photos
from ..model.view import SizeChoice
from ..runtimes.find_device import resolve
from .configurations import Configuration
from .figures import Measurement
from .network_timing import NetworkLaps, time_network
from .photos import PhotoSet
from .pipeline_timing import LEAST_BATCHES, photos_for, time_pipeline
from .stage_timing import LEAST_RUNS, SEED, DrawnPhoto, Failure, Stage, draw_photos, time_stages
from .stopwatch import Stopwatch

# (samples, h, w, 3) in Lab on the network's grid: of each photo, or of each of `reference_photos`
# where the photo is made by arithmetic, which leaves its colours open to the last bit.
Colours: TypeAlias = tuple[Float, ...]

# For a process and a network to be there.
_START_SECONDS = 2.0


@dataclass(frozen=True)
class Budget:
    """About how many seconds to measure."""

    stages: float  # all together, beside the network
    network: float  # alone, each configuration
    pipeline: float  # as a whole, each configuration

    def expected(self, configuration: Configuration, photos: int, photo_seconds: float) -> float:
        """Tell about how long `measure` takes, where the network takes so long for a photo."""
        batch = configuration.batch
        alone = max(self.network, LEAST_RUNS * batch * photo_seconds)
        whole = max(self.pipeline, LEAST_BATCHES * lcm(batch, photos) * photo_seconds)
        return _START_SECONDS + photos * photo_seconds + alone + whole


@dataclass(frozen=True)
class Reference:
    """The right colours, drawn on the CPU, and what does not depend on the device."""

    photos: PhotoSet  # those that can be read
    failures: list[Failure]  # the others, and why
    colours: Colours
    photo_seconds: float  # that the network takes for a photo on the CPU
    stages: Mapping[str, Stage]  # as `time_stages` has them, where they were asked for


def take_reference(
    model: str, photos: PhotoSet, stage_seconds: float | None, size: SizeChoice | None = None
) -> Reference:
    """Draw the colours of a model on the CPU, and time the stages beside the network if asked."""
    colorizer = Colorizer(load_bundle(model), resolve("cpu"), size=size)
    drawn, failures = draw_photos(photos, colorizer)
    with Stopwatch() as watch:
        colorizer.colorize([drawn[0].prepared], photos.samples, SEED)
    stages = {} if stage_seconds is None else time_stages(drawn, colorizer, stage_seconds)
    jobs, megapixels = zip(*((photo.job, photo.megapixels) for photo in drawn), strict=True)
    found = replace(photos, jobs=jobs, megapixels=megapixels)
    colours = _colours(photos, drawn, colorizer)
    return Reference(found, failures, colours, float(watch.lap[0]), stages)


def measure(
    configuration: Configuration, photos: PhotoSet, stages: Mapping[str, Stage], budget: Budget
) -> tuple[Measurement, Colours]:
    """Measure a configuration for as long as the budget says, and draw its colours."""
    bundle, batch = load_bundle(configuration.model), configuration.batch
    device = resolve(configuration.device, precision=configuration.precision or "fp32")
    laps, rows = NetworkLaps(), batch if device.is_gpu else 1
    size = configuration.size
    graphs = laps.timed(open_graphs(bundle, device, photos=rows, size=size))
    colorizer = Colorizer(bundle, device, size=size, batch=batch, graphs=graphs)
    drawn, _ = draw_photos(photos, colorizer)
    alone = time_network(drawn, colorizer, laps, budget.network)
    samples, unit = photos.samples, lcm(batch, len(drawn))
    count = photos_for(budget.pipeline, stages, alone, samples=samples, unit=unit)
    whole = time_pipeline(drawn, colorizer, laps, count)
    measured = Measurement(configuration, device.description, alone, whole)
    return measured, _colours(photos, drawn, colorizer)


def _colours(photos: PhotoSet, drawn: Sequence[DrawnPhoto], colorizer: Colorizer) -> Colours:
    """Take the colours that devices and precisions are judged by."""
    found = [(photo.prepared, photo.fields) for photo in drawn]
    if photos.is_built_in:
        prepared = [colorizer.prepare(photo) for photo in reference_photos().values()]
        found = [(one, colorizer.colorize([one], photos.samples, SEED)[0]) for one in prepared]
    return tuple(visible_lab(one.L, one.frame, fields) for one, fields in found)
