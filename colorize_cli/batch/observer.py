"""Whoever wants to know what becomes of the photographs of a run."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from .outcome import Outcome

if TYPE_CHECKING:
    from .plan import Plan
    from .settings import RunSettings


class Observer(AbstractContextManager["Observer"]):
    """Whoever wants to know what becomes of photographs: a log, a progress bar, a summary.

    A run enters its observers before it tells them anything, and leaves them however it ends.
    """

    def __exit__(self, *exception: object) -> None:
        """Let go of what was opened."""

    def start(self, photos: int, settings: "RunSettings") -> None:
        """The network is open, and what follows becomes of so many photographs.

        What failed before, or was done, came earlier; a run with nothing to do never starts.
        """

    def outcome(self, outcome: Outcome) -> None:
        """Something became of a photograph."""

    def end(self, plan: "Plan") -> None:
        """The run is over, or was ended by the user; `plan` is what it was to do."""
