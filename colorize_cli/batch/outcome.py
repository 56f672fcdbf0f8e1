"""What became of a photograph, and whoever wants to know it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..imaging.choose_samples import Choice
    from ..imaging.photo_kind import Kind
    from .output_names import Job
    from .plan import Plan
    from .settings import RunSettings

# "there": all files were there already; "left out" and "copied": the photograph is in colour.
Status: TypeAlias = Literal["done", "failed", "there", "left out", "copied"]


@dataclass(frozen=True)
class Outcome:
    """What became of a photograph, or of a path that should have led to one.

    Attributes:
        reason: Why it failed; None when it did not.
        job: What was to be done; None for a path that could not be worked on at all.
        seconds: Of work on it: reading, its share of the network, writing.
        digest: SHA-256 (hex) of the file's bytes; None, like `kind`, when it was not read.
        choice: Which samples were kept, and how they look; None when none was drawn.
        warnings: What the user should know about the files written.
        written: Numbers, from 0, of the samples whose files were written.
        is_missing: Whether there is nothing at the path.
    """

    source: Path
    status: Status
    reason: str | None = None
    job: "Job | None" = None
    seconds: float = 0.0
    digest: str | None = None
    kind: "Kind | None" = None
    choice: "Choice | None" = None
    warnings: tuple[str, ...] = ()
    written: tuple[int, ...] = ()
    is_missing: bool = False

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The photograph's files, one a sample, whether they were written or not."""
        return self.job.outputs if self.job else ()


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
