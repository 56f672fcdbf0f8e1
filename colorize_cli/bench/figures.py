"""The figures of a benchmark, and what is read out of them: shares, noise, a recommendation."""

import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, variance
from typing import Any

from ..model.fastest_device import MAX_DIFFERENCE
from .configurations import DEFAULT_MODEL, Configuration, Model
from .network_timing import NetworkTiming, PipelineTiming
from .photos import PhotoFacts
from .stages import Stage

# Core milliseconds a megapixel and sample for all that follows the network, at most.
TARGET_CORE_MS = 30.0
# Two runs of the same may differ by this much although each of them is steady: clocks, caches,
# where the system puts threads.
_BETWEEN_RUNS = 0.03
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Outcome:
    """Figures of a configuration.

    Attributes:
        configuration: What was measured.
        description: Of the device, for people.
        network: The network alone.
        pipeline: All from the files to the files.
        difference: Mean CIEDE2000 of its colours from those of the reference; None where that
            could not be drawn.
    """

    configuration: Configuration
    description: str
    network: NetworkTiming
    pipeline: PipelineTiming
    difference: float | None

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
    """All that a benchmark found.

    Attributes:
        machine: From `describe_machine`, before anything was measured.
        models: The bundles.
        photos: What was measured with.
        samples: Colourings a photo.
        stages: Before and after the network, by name, as `time_stages` has them.
        outcomes: Of the configurations that run.
        failures: The others, and why.
    """

    machine: Mapping[str, Any]
    models: tuple[Model, ...]
    photos: PhotoFacts
    samples: int
    stages: Mapping[str, Stage]
    outcomes: tuple[Outcome, ...]
    failures: tuple[tuple[Configuration, str], ...] = ()

    def model_of(self, configuration: Configuration) -> Model:
        """Find the model of a configuration."""
        return next(m for m in self.models if m.bundle.digest == configuration.digest)

    @property
    def after_network_core_ms(self) -> float:
        """Core milliseconds a megapixel and sample for rendering and encoding."""
        return sum(self.stages[name].core_ms_per_megapixel for name in ("render", "encode"))

    @property
    def waiting(self) -> float:
        """Largest part of the time of a measurement in which other programs held the cores.

        Known of the networks where the system tells, and of rendering, which waits for nothing
        but a core.
        """
        render = self.stages["render"]
        of_render = 1 - render.core_ms_per_megapixel / render.wall_ms_per_megapixel
        return max(0.0, of_render, *(out.network.waiting or 0.0 for out in self.outcomes))


@dataclass(frozen=True)
class Rate:
    """How fast a configuration is, end to end.

    Attributes:
        photos_per_second: Over the whole run.
        part_seconds: Seconds a photo in equal parts of the run, as `PipelineTiming` has them.
    """

    photos_per_second: float
    part_seconds: tuple[float, ...]


def rate_of(outcome: Outcome) -> Rate:
    """Take the rate out of an outcome."""
    return Rate(outcome.pipeline.photos_per_second, outcome.pipeline.part_seconds)


def noise(one: Rate, other: Rate) -> float:
    """Tell by which factor two rates differ by chance alone: 0.05 is 5% more or less.

    The half width of Welch's 95% interval for the ratio of their means, from how far the parts of
    each run lie apart, and never less than runs of the same differ by.
    """
    squares = [_relative_variance(rate.part_seconds) for rate in (one, other)]
    total = sum(square for square, _ in squares)
    if math.isinf(total):
        return math.inf
    if total == 0:
        return _BETWEEN_RUNS
    freedom = total**2 / sum(square**2 / freedom for square, freedom in squares)
    return max(_BETWEEN_RUNS, math.expm1(_student(freedom) * math.sqrt(total)))


def is_same(one: Rate, other: Rate) -> bool:
    """Whether two rates differ by no more than chance."""
    apart = abs(math.log(one.photos_per_second / other.photos_per_second))
    return apart <= math.log1p(noise(one, other))


def recommend(
    outcomes: Sequence[Outcome], out_of_reach: Collection[Configuration] = ()
) -> Outcome | None:
    """Choose the fastest configuration end to end whose colours are right.

    Where its batch is no faster than the one that `colorize` takes by itself, that one is taken.

    Args:
        outcomes: What was measured.
        out_of_reach: What no option of `colorize` leads to.
    """
    fit = [o for o in outcomes if o.keeps_colours and o.configuration not in out_of_reach]
    if not fit:
        return None
    best = max(fit, key=lambda out: out.pipeline.photos_per_second)
    one = best.configuration
    for out in fit:
        other = out.configuration
        is_alike = (other.digest, other.runs_on) == (one.digest, one.runs_on)
        if is_alike and other.is_default_batch and is_same(rate_of(out), rate_of(best)):
            return out
    return best


def options_for(configuration: Configuration) -> str:
    """Write the options with which `colorize` runs a configuration, quoted for a shell.

    What is the default is left out.
    """
    words = ["--device", configuration.device]
    if configuration.model != DEFAULT_MODEL:
        words = ["--model", configuration.model, *words]
    if not configuration.is_default_batch:
        words += ["--batch", str(configuration.batch)]
    return shlex.join(words)


def _relative_variance(parts: Sequence[float]) -> tuple[float, int]:
    """Of the mean of parts: its variance over its square, and its degrees of freedom."""
    if len(parts) < 2:
        return math.inf, 1
    return variance(parts) / len(parts) / mean(parts) ** 2, len(parts) - 1


def _student(freedom: float) -> float:
    """Quantile of Student's t for the interval: Abramowitz and Stegun, eq. 26.7.5."""
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    one = (z**3 + z) / 4
    two = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    three = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + one / freedom + two / freedom**2 + three / freedom**3
