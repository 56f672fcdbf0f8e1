"""Which views of a bundle serve what a user asks for, and which of them a photo."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..system.wording import count_text
from .bundle import Bundle
from .view import MAX_SIZE, SizeChoice, View


@dataclass(frozen=True, eq=False)
class Views:
    """How photos are seen: most of them one way, large ones perhaps another."""

    usual: View
    large: View | None = None

    def __iter__(self) -> Iterator[View]:
        """Give the views, the usual one first."""
        yield self.usual
        if self.large:
            yield self.large

    def of(self, height: int, width: int) -> View:
        """Choose by a photo's own size in pixels."""
        is_large = self.large and math.sqrt(height * width) >= self.large.from_side
        return self.large if self.large and is_large else self.usual

    def halved(self) -> "Views":
        """See every photo in half the size, in the same steps."""
        large = self.large and replace(self.large, size=self.large.size // 2)
        return Views(replace(self.usual, size=self.usual.size // 2), large)

    @property
    def description(self) -> str:
        """The sizes, for people: "192 (320 in 10 steps for photos from 448 px)"."""
        if not self.large:
            return str(self.usual.size)
        large, steps = self.large, count_text(self.large.family.steps, "step")
        return f"{self.usual.size} ({large.size} in {steps} for photos from {large.from_side} px)"


def default_size(bundle: Bundle) -> SizeChoice:
    """Name the size of who names none."""
    return "auto" if bundle.views else bundle.working_size


def views_of(bundle: Bundle, size: SizeChoice | None = None, steps: int | None = None) -> Views:
    """Find the views for a size and a number of steps; the bundle's by default.

    "fast" is the working size for all photos; with "auto" and "fine" large ones are seen as the
    bundle says. Steps are those at the working size. UsageError is raised for a size that the
    network or memory cannot take, and below one step.
    """
    size = default_size(bundle) if size is None else size
    pixels = size if isinstance(size, int) else bundle.working_size
    if pixels < bundle.multiple:
        raise UsageError(f"the size must be at least {bundle.multiple}, not {pixels}")
    if pixels > MAX_SIZE:
        raise UsageError(f"the size must be at most {MAX_SIZE}, not {pixels}")
    usual, large = View(pixels, bundle.family), bundle.views.get(str(size))
    if steps is None:
        return Views(usual, large)
    of_usual = bundle.family.steps
    return Views(usual.with_steps(steps, of_usual), large and large.with_steps(steps, of_usual))
