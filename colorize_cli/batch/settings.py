"""Settle what colourings are made with: as given, else as in the folder's last run.

An option that is not given is what the folder's record has: the device that `auto` chose, the
model, the seed, the candidates, and the size and the steps while the model is the same. An option
that is given counts, then and in the runs that follow, so that a run with other settings goes on
as well where it was stopped. When it differs from the record the user is told, files that exist
stay as they are, and missing ones are made with the new settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .options import Options, check_candidates

if TYPE_CHECKING:
    from ..model.bundle import Bundle


@dataclass(frozen=True)
class RunSettings:
    """What a run makes colourings with, as in `Options`; the folder's record is its last run's.

    Attributes:
        model: The model as the user named it; a path is absolute.
        model_digest: Digest of the bundle.
        precision: That the network computes in; empty until it is known.
        batch: Photographs the network sees at once; bits depend on it on a GPU.
        versions: Version by package; empty until it is known what runs.
    """

    model: str
    model_digest: str
    device: str
    precision: str
    seed: int
    size: int
    steps: int
    batch: int
    samples: int
    versions: Mapping[str, str]
    format: str = "keep"
    candidates: int = 0

    @property
    def drawn(self) -> int:
        """Samples that are drawn of a photo."""
        return self.candidates or self.samples


def settle(options: Options, last: RunSettings | None, bundle: "Bundle") -> RunSettings:
    """Settle the settings, but for what only the device can tell.

    `last` is None where no last run counts, and `bundle` is of the `wanted_model`. A device that is
    to be chosen stays "auto", its own batch is 0, and precision and versions are empty.

    Raises:
        UsageError: There are fewer candidates than samples.
    """
    of_model = last if last and last.model_digest == bundle.digest else None
    name = wanted_model(options.model, last)
    settings = RunSettings(
        model=str(bundle.path.absolute()) if bundle.path == Path(name) else name,
        model_digest=bundle.digest,
        device=last.device if last and options.device == "auto" else options.device,
        precision="",
        seed=_first(options.seed, last.seed if last else 0),
        size=options.size or (of_model.size if of_model else bundle.working_size),
        steps=options.steps or (of_model.steps if of_model else bundle.family.steps),
        batch=options.batch or 0,
        samples=options.samples,
        versions={},
        format=options.format,
        candidates=_first(options.candidates, last.candidates if last else 0),
    )
    check_candidates(settings.candidates, settings.samples)
    return settings


def wanted_model(given: str | None, last: RunSettings | None) -> str:
    """Name the model to use."""
    return given or (last.model if last else "default")


def _first(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
