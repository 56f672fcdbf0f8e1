"""What changed since an earlier benchmark: a verdict for each configuration that both measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..errors import UsageError
from .configurations import Configuration, Model
from .figures import Figures, Rate, is_same, noise, rate_of

Verdict: TypeAlias = Literal["faster", "slower", "the same within noise"]
# Digest of the model, device, what it computes in, batch.
Key: TypeAlias = tuple[str, str, str, int]

# What of a machine makes figures another machine's.
_MACHINE = {
    "cpu": "CPU",
    "flags": "instruction sets",
    "usable_cpus": "usable CPUs",
    "network_threads": "threads for the network",
    "gpu": "GPU",
}


@dataclass(frozen=True)
class Saved:
    """What is known of an earlier benchmark.

    Attributes:
        machine: As `describe_machine` told then.
        photos: Digest of the photos.
        samples: Colourings a photo.
        models: Names by digest.
        waiting: Part of the time in which other programs held the cores.
        rates: By configuration.
    """

    machine: Mapping[str, Any]
    photos: str
    samples: int
    models: Mapping[str, str]
    waiting: float
    rates: Mapping[Key, Rate] = field(repr=False)


@dataclass(frozen=True)
class Change:
    """How the rate of a configuration moved, end to end.

    Attributes:
        configuration: What both measured.
        before: Its rate in the earlier benchmark.
        after: Its rate now.
    """

    configuration: Configuration
    before: Rate
    after: Rate

    @property
    def ratio(self) -> float:
        """The rate now over that before."""
        return self.after.photos_per_second / self.before.photos_per_second

    @property
    def noise(self) -> float:
        """By which factor the two differ by chance alone, as `noise` tells."""
        return noise(self.before, self.after)

    @property
    def verdict(self) -> Verdict:
        """Say whether it is faster now."""
        if is_same(self.before, self.after):
            return "the same within noise"
        return "faster" if self.ratio > 1 else "slower"


def check(
    saved: Saved, configurations: Sequence[Configuration], *, photos: str, samples: int
) -> None:
    """Refuse what no verdict can be given on.

    Args:
        saved: The earlier benchmark.
        configurations: What is to be measured now.
        photos: Digest of the photos of now.
        samples: Colourings a photo now.

    Raises:
        UsageError: The work was another, or nothing was measured that is to be measured now.
    """
    if saved.samples != samples:
        raise UsageError(
            f"--compare: it has {saved.samples} samples a photo, not {samples}: add "
            f"--samples {saved.samples}."
        )
    if saved.photos != photos:
        raise UsageError(
            "--compare: it was measured with other photographs: name the same ones (or none, "
            "where it was the built-in one)."
        )
    if not _common(saved, configurations):
        names = "; ".join(
            f"{device} {computes}, batch {n}" for _, device, computes, n in saved.rates
        )
        raise UsageError(
            f"--compare: it has none of what is to be measured, but {names or 'nothing'}. Choose "
            "--model, --device and --batch alike."
        )


def warnings(saved: Saved, machine: Mapping[str, Any], models: Sequence[Model]) -> list[str]:
    """Say what else differs, so that the verdicts are not of one cause alone."""
    found = []
    others = [
        f"{title} {_text(saved.machine.get(name))}, here {_text(machine.get(name))}"
        for name, title in _MACHINE.items()
        if saved.machine.get(name) != machine.get(name)
    ]
    if others:
        found.append(f"it is of another machine ({'; '.join(others)}): so are the verdicts")
    now = {model.bundle.digest for model in models}
    if not now & set(saved.models):
        names = ", ".join(f"{name} ({digest[:12]})" for digest, name in saved.models.items())
        found.append(f"it is of another model, {names}: the verdicts are on both")
    before, after = saved.machine.get("packages") or {}, machine["packages"]
    changed = [
        f"{name} {before.get(name, 'none')}, here {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    if changed:
        found.append(f"it was measured with other packages: {'; '.join(changed)}")
    return found


def compare(saved: Saved, figures: Figures) -> list[Change]:
    """Compare the configurations that both measured, in the order of now."""
    outcomes = {out.configuration: out for out in figures.outcomes}
    return [
        Change(configuration, before, rate_of(outcomes[configuration]))
        for configuration, before in _common(saved, outcomes).items()
    ]


def _common(saved: Saved, configurations: Iterable[Configuration]) -> dict[Configuration, Rate]:
    """Find what both have; where each has one model, that counts as the same."""
    wanted = list(configurations)
    digests = {configuration.digest for configuration in wanted}
    alias = dict.fromkeys(digests, *saved.models) if len(digests) == len(saved.models) == 1 else {}
    found = {}
    for one in wanted:
        key = (alias.get(one.digest, one.digest), one.device, one.computes, one.batch)
        if key in saved.rates:
            found[one] = saved.rates[key]
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "unknown"
    return "none" if value is None else str(value)
