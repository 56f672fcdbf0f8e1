"""What changed since an earlier benchmark: a verdict for each configuration that both measured."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import UsageError
from ..model.view import SizeChoice
from ..system import figure_changes as comparison
from ..system.figure_changes import Change, Rate
from .configurations import Configuration
from .figures import Figures
from .photos import PhotoSet

RateChange: TypeAlias = Change[Configuration]


@dataclass(frozen=True)
class EarlierBench:
    """What is known of an earlier benchmark, as `Figures` has it."""

    machine: Mapping[str, Any]
    photos: str  # their digest
    samples: int
    models: Mapping[str, str]  # names by digest
    waiting: float
    # By digest of the model, device, what it computes in, and batch.
    rates: Mapping[tuple[str, str, str, int], Rate]
    size: SizeChoice | None = None  # that was asked for


def check(
    earlier: EarlierBench,
    planned: Collection[Configuration],
    photos: PhotoSet,
    size: SizeChoice | None = None,
) -> None:
    """Raise UsageError where no verdict can be given: other work, or nothing in common."""
    comparison.check_samples(earlier.samples, photos.samples)
    if earlier.photos != photos.digest:
        raise UsageError(
            "--compare: it was measured with other photographs: name the same ones (or none, "
            "where it was the built-in one)."
        )
    if earlier.size != size:
        asked = "without --size" if earlier.size is None else f"with --size {earlier.size}"
        raise UsageError(f"--compare: it was measured {asked}: do the same now.")
    if not _common(earlier, planned):
        names = [f"{device} {computes}, batch {n}" for _, device, computes, n in earlier.rates]
        raise UsageError(
            "--compare: it has none of what is to be measured, but "
            f"{'; '.join(names) or 'nothing'}. Choose --model, --device and --batch alike."
        )


def warnings(earlier: EarlierBench, figures: Figures) -> list[str]:
    """Say what else differs, so that the verdicts are not of one cause alone."""
    found = []
    if machine := comparison.other_machine(earlier.machine, figures.machine):
        found.append(f"it is of another machine ({machine}): so are the verdicts")
    if not {model.bundle.digest for model in figures.models} & set(earlier.models):
        names = ", ".join(f"{name} ({digest[:12]})" for digest, name in earlier.models.items())
        found.append(f"it is of another model, {names}: the verdicts are on both")
    if packages := comparison.other_packages(earlier.machine, figures.machine):
        found.append(f"it was measured with other packages: {packages}")
    return found


def compare(earlier: EarlierBench, figures: Figures) -> list[RateChange]:
    """Compare the configurations that both measured, in the order of now."""
    rates = {one.configuration: one.rate for one in figures.measurements}
    return [
        Change(one, before[0], rates[one][0], comparison.increase(before, rates[one]))
        for one, before in _common(earlier, rates).items()
    ]


def noise_of(change: RateChange) -> float:
    """Tell by which factor the two rates differ by chance alone."""
    return (1 + change.difference.high) / (1 + change.difference.value) - 1


def verdict(change: RateChange) -> str:
    """Say whether a configuration is faster now."""
    return change.verdict(higher="faster", lower="slower", neither="the same within noise")


def _common(earlier: EarlierBench, now: Collection[Configuration]) -> dict[Configuration, Rate]:
    """Find what both have; where each has one model, that counts as the same."""
    is_one_each = len(earlier.models) == len({one.digest for one in now}) == 1
    found = {}
    for one in now:
        digest = next(iter(earlier.models)) if is_one_each else one.digest
        if rate := earlier.rates.get((digest, one.device, one.computes, one.batch)):
            found[one] = rate
    return found
