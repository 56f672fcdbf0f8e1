"""What a tracker is: it is told of a run's figures and pictures while the run goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker has to know of a run when it begins or goes on.

    Attributes:
        out: the run's folder.
        step: steps that were taken before; what is known of later ones comes again.
        recipe: the whole of it, as `Recipe.to_dict` gives it.
    """

    out: Path
    step: int
    recipe: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture of how far a run is.

    Attributes:
        step: steps that were taken before it.
        pixels: (H, W, 3) uint8 sRGB: a row for each photo, with the grey, samples and the truth.
        caption: what its columns are.
    """

    step: int
    pixels: NDArray[np.uint8]
    caption: str


class Tracker(Protocol):
    """An observer over what is logged: a module of this folder has one, made by its `begin`."""

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Take figures: `step` and others by name, perhaps in tables and lists of their own."""

    def panel(self, panel: Panel) -> None:
        """Take a picture."""

    def close(self) -> None:
        """Bring all of it to where it is kept."""


def flat(entry: Mapping[str, Any]) -> dict[str, float]:
    """Name each number of an entry: `validation/loss`, and `loss_by_third/1` for the first.

    What is no finite number is left out.
    """
    return dict(_numbers("", entry))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    prefix = f"{name}/" if name else ""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(f"{prefix}{key}", inner)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value, 1):
            yield from _numbers(f"{prefix}{i}", inner)
    elif isinstance(value, int | float) and isfinite(value):
        yield name, value
