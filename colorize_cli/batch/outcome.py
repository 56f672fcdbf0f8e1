"""What became of a photograph, and whoever wants to know it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..system.paths import absolute

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
    """What became of a photograph, or of a path that should have led to one."""

    source: Path
    status: Status
    reason: str | None = None  # why it failed
    job: "Job | None" = None  # what was to be done; None where the path cannot be worked on at all
    seconds: float = 0.0  # of work on it: reading, its share of the network, writing
    digest: str | None = None  # SHA-256 (hex) of the file's bytes, once they are read
    stamp: tuple[int, int] | None = None  # size and time (ns) of the file, just before it was read
    kind: "Kind | None" = None  # of the photograph, once it is read
    choice: "Choice | None" = None  # which samples were kept, and how they look, of those drawn
    warnings: tuple[str, ...] = ()  # what the user should know about the files written
    written: tuple[int, ...] = ()  # numbers, from 0, of the samples whose files were written
    is_missing: bool = False  # whether there is nothing at the path

    @property
    def photo(self) -> str:
        """Its absolute path, by which the ledger knows it."""
        return str(absolute(self.source))

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
        """The network is open for so many photographs; what is known without it came before."""

    def outcome(self, outcome: Outcome) -> None:
        """Something became of a photograph."""

    def end(self, plan: "Plan") -> None:
        """The run is over, or was ended by the user; `plan` is what it was to do."""
