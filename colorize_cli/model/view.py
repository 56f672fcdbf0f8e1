"""How large the network sees a photo, and along which noise levels.

A small photo has no more to show than the working size that a model was made for. A large one
comes out better when it is seen larger, in fewer steps, which is what a bundle's views are for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ..errors import UsageError
from .families import parse_family
from .families.family import Family

MAX_SIZE = 4096  # beyond, attention would take more memory than machines have
SizeName: TypeAlias = Literal["fast", "auto", "fine"]
# A name, or the square root of the area, in pixels, at which all photos are seen.
SizeChoice: TypeAlias = int | SizeName


@dataclass(frozen=True, eq=False)
class View:
    """A way of seeing a photo: its pixels are decided by it, the seed and the device."""

    size: int  # about the square root of the working area in pixels
    family: Family  # with the noise levels that are visited at this size
    from_side: int = 0  # the square root of the smallest photo's area that it is for, in pixels

    def with_steps(self, steps: int, usual: int) -> "View":
        """Take another number of steps where `usual` ones are taken at the working size.

        A view of fewer steps takes its share. The number of before changes nothing, and
        UsageError is raised as by `Family.with_steps`.
        """
        share = max(1, round(steps * self.family.steps / usual)) if steps > 0 else steps
        return View(self.size, self.family.with_steps(share), self.from_side)

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides the pixels, as `bundle.json` has it."""
        sampling = dict(self.family.sampling)
        return {"from_side": self.from_side, "working_size": self.size, "sampling": sampling}


def parse_size(text: str | None) -> SizeChoice | None:
    """Read what a user gives as a size; UsageError where it is neither a name nor a number."""
    if text is None or text in get_args(SizeName):
        return text  # type: ignore[return-value]
    try:
        return int(text)
    except ValueError:
        names = ", ".join(get_args(SizeName))
        raise UsageError(f"the size is {names} or a number of pixels, not {text!r}") from None


def parse_views(
    family: str, grid: int, sampling: Mapping[str, Any], views: Mapping[str, Mapping[str, Any]]
) -> dict[str, View]:
    """Read the views of large photos of a bundle, whose table `sampling` is for all others.

    A view has `from_side`, `working_size`, and in `sampling` what differs from the bundle's. Errors
    are those of `parse_family`.
    """
    found = {}
    for name, table in views.items():
        if name not in ("auto", "fine"):
            raise ValueError(f"views are called auto and fine, not {name!r}")
        numbers = [table["working_size"], table["from_side"]]
        if not all(type(number) is int and 0 < number <= MAX_SIZE for number in numbers):
            raise ValueError(f"a view's sizes are whole numbers of 1 to {MAX_SIZE}, not {numbers}")
        of_view = parse_family(family, grid, {**sampling, **table.get("sampling", {})})
        found[name] = View(numbers[0], of_view, numbers[1])
    return found
