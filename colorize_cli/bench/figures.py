"""The figures of a benchmark, and what is read out of them: shares, noise, a recommendation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.fastest_device import MAX_DIFFERENCE
from ..model.view import SizeChoice
from ..system.figure_changes import Rate, increase
from .configurations import Configuration, Model
from .network_timing import NetworkTiming
from .photos import PhotoSet
from .pipeline_timing import PipelineTiming
from .stage_timing import Stage

# Core milliseconds a megapixel and sample for all that follows the network, at most.
TARGET_CORE_MS = 30.0
# Part of the time for which other programs may hold the cores before it is worth a word.
NOTED_WAITING = 0.15


@dataclass(frozen=True)
class Measurement:
    """The figures of a configuration."""

    configuration: Configuration
    description: str  # of the device, for people
    network: NetworkTiming
    pipeline: PipelineTiming
    difference: float | None = None  # mean CIEDE2000 from the reference's colours, where known

    @property
    def rate(self) -> Rate:
        """How fast it is from file to file."""
        return Rate(self.pipeline.photos_per_second, self.pipeline.part_seconds)

    @property
    def share_of_network(self) -> float:
        """The pipeline's rate as a part of the network's alone."""
        return self.pipeline.photos_per_second / self.network.photos_per_second

    @property
    def keeps_colours(self) -> bool:
        """Whether its colours are the right ones to the eye."""
        return self.difference is not None and self.difference <= MAX_DIFFERENCE


@dataclass(frozen=True)
class Figures:
    """All that a benchmark found."""

    machine: Mapping[str, Any]  # as `describe_machine` told before anything was measured
    models: tuple[Model, ...]
    photos: PhotoSet
    stages: Mapping[str, Stage]  # as `time_stages` has them
    measurements: tuple[Measurement, ...] = ()
    failures: tuple[tuple[Configuration, str], ...] = ()  # what does not run, and why
    size: SizeChoice | None = None  # that was asked for

    def model_of(self, configuration: Configuration) -> Model:
        """Find the model of a configuration."""
        return next(m for m in self.models if m.bundle.digest == configuration.digest)

    @property
    def after_network_core_ms(self) -> float:
        """Core milliseconds a megapixel and sample for rendering and encoding."""
        return sum(self.stages[name].core_ms_per_megapixel for name in ("render", "encode"))

    @property
    def waiting(self) -> float:
        """Largest part of the time of a measurement in which other programs held the cores."""
        render = self.stages["render"]  # it waits for nothing but a core
        of_render = 1 - render.core_ms_per_megapixel / render.wall_ms_per_megapixel
        return max(0.0, of_render, *(one.network.waiting or 0.0 for one in self.measurements))


def recommend(
    measurements: Sequence[Measurement], can_reach: Callable[[Configuration], bool]
) -> Measurement | None:
    """Choose the fastest end to end of those with right colours that options of `colorize` reach.

    Where its batch is no faster than the one that `colorize` takes by itself, that one is taken.
    """
    fit = sorted((m for m in measurements if m.keeps_colours), key=lambda m: m.rate, reverse=True)
    best = next((m for m in fit if can_reach(m.configuration)), None)
    if best is None:
        return None
    wanted = best.configuration
    for one in fit:
        other = one.configuration
        is_alike = (other.digest, other.runs_on) == (wanted.digest, wanted.runs_on)
        if is_alike and other.is_default_batch and increase(one.rate, best.rate).low <= 0:
            return one
    return best
