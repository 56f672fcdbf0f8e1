"""What changed since an earlier run, and whether that is more than chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

Figure = TypeVar("Figure")

# What of a machine makes figures another machine's.
_MACHINE = {
    "cpu": "CPU",
    "flags": "instruction sets",
    "usable_cpus": "usable CPUs",
    "network_threads": "threads for the network",
    "gpu": "GPU",
}
# Rates of two runs of the same may differ by this much although each of them is steady: clocks,
# caches, where the system puts threads.
_BETWEEN_RUNS = 0.03
_DRAWS = 20_000  # they leave about 1% of chance in an interval's width


@dataclass(frozen=True)
class Interval:
    """A figure and its 95% interval; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Change(Generic[Figure]):
    """How a figure moved since an earlier run, with the interval by which it is higher now."""

    figure: Figure
    before: float
    after: float
    difference: Interval

    def verdict(self, *, higher: str, lower: str, neither: str) -> str:
        """Choose the word for a figure that rose, that fell, or whose interval takes 0 in."""
        if self.difference.low > 0:
            return higher
        return lower if self.difference.high < 0 else neither


class Rate(NamedTuple):
    """Pieces of work a second over a whole run, and seconds for each in equal parts of it."""

    per_second: float
    part_seconds: tuple[float, ...]


def increase(before: Rate, after: Rate) -> Interval:
    """Tell by what part the later rate is higher, with the interval of that."""
    ratio = after.per_second / before.per_second
    factor = 1 + noise(before, after)
    return Interval(ratio - 1, ratio / factor - 1, ratio * factor - 1)


def noise(one: Rate, other: Rate) -> float:
    """Tell by which factor two rates differ by chance alone: 0.05 is 5% more or less.

    It is half the 95% interval of the ratio of their means, from how far the parts of each run lie
    apart, and never less than runs of the same differ by. The mean of few parts is off by Student's
    t; resampling three to ten parts would call 7 to 20% of equal rates different.
    """
    if min(len(rate.part_seconds) for rate in (one, other)) < 2:
        return math.inf
    rng = np.random.default_rng(0)
    apart = np.abs(_errors_of_mean(one, rng) - _errors_of_mean(other, rng))
    return max(_BETWEEN_RUNS, math.expm1(np.percentile(apart, 95)))


def _errors_of_mean(rate: Rate, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw by what part of it the mean over the parts may be off."""
    parts = np.asarray(rate.part_seconds)
    error = parts.std(ddof=1) / math.sqrt(len(parts)) / parts.mean()
    return np.asarray(error * rng.standard_t(len(parts) - 1, _DRAWS))


def check_samples(before: int, now: int) -> None:
    """Raise UsageError where an earlier run drew another number of samples of each photo."""
    if before != now:
        raise UsageError(
            f"--compare: it has {before} samples a photo, not {now}: add --samples {before}."
        )


def other_machine(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what differs between two machines as `describe_machine` tells them; nothing if equal."""
    return _differences(before, now, _MACHINE)


def other_packages(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which packages differ between two machines; nothing if none does."""
    old, new = (machine.get("packages") or {} for machine in (before, now))
    return _differences(old, new, {name: name for name in sorted({*old, *new})})


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    return "; ".join(
        f"{title} {_text(old.get(key))}, here {_text(new.get(key))}"
        for key, title in titles.items()
        if old.get(key) != new.get(key)
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "unknown"
    return "none" if value is None else str(value)
