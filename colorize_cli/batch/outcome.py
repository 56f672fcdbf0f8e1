"""What became of a photograph, and whoever wants to know it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import OutputError, reason_of
from ..system.paths import absolute, shown

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
    less: str = ""  # than was asked for, for want of memory: "size 96 instead of 192"
    is_degraded: bool = False  # whether its colours may therefore differ
    is_missing: bool = False  # whether there is nothing at the path

    @property
    def photo(self) -> str:
        """Its absolute path, by which the ledger knows it."""
        return str(absolute(self.source))

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The photograph's files, one a sample, whether they were written or not."""
        return self.job.outputs if self.job else ()


def output_error(out: Path, error: OSError) -> OutputError:
    """Say that a run ends because no more files can be written."""
    return OutputError(
        f"--out {shown(out)} can be written to no more ({reason_of(error)}), so the run ends here. "
        "Once that is mended, the same command goes on."
    )


class Observer(AbstractContextManager["Observer"]):
    """Whoever wants to know what becomes of photographs: a log, a progress bar, a summary.

    A run enters its observers before it tells them anything, and leaves them however it ends. Where
    telling one fails with an OSError, it is told no more, and the run goes on.
    """

    name = "an observer"  # for people

    def __exit__(self, *exception: object) -> None:
        """Let go of what was opened."""

    def start(self, photos: int, settings: "RunSettings") -> None:
        """The network is open for so many photographs; what is known without it came before."""

    def outcome(self, outcome: Outcome) -> None:
        """Something became of a photograph."""

    def end(self, plan: "Plan") -> None:
        """The run is over, or was ended by the user; `plan` is what it was to do."""


class Audience(Observer):
    """Several observers as one, whose troubles are not the run's."""

    def __init__(self, observers: Sequence[Observer], warn: Callable[[str], None]) -> None:
        """Take observers; `warn` is told of each that can be told no more."""
        self._observers = list(observers)
        self._entered: list[Observer] = []
        self._warn = warn

    def __enter__(self) -> "Audience":
        """Enter them all; what one of them raises leaves those that were entered."""
        try:
            for observer in self._observers:
                self._entered.append(observer.__enter__())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        while self._entered:
            observer = self._entered.pop()
            self._attempt(observer, lambda each: each.__exit__(*exception))

    def start(self, photos: int, settings: "RunSettings") -> None:
        """Tell them that the network is open."""
        self._tell(lambda each: each.start(photos, settings))

    def outcome(self, outcome: Outcome) -> None:
        """Tell them what became of a photograph."""
        self._tell(lambda each: each.outcome(outcome))

    def end(self, plan: "Plan") -> None:
        """Tell them that the run is over."""
        self._tell(lambda each: each.end(plan))

    def _tell(self, what: Callable[[Observer], None]) -> None:
        for observer in tuple(self._observers):
            self._attempt(observer, what)

    def _attempt(self, observer: Observer, what: Callable[[Observer], None]) -> None:
        try:
            what(observer)
        except OSError as error:
            if observer in self._observers:  # else that has been said
                self._observers.remove(observer)
                self._warn(
                    f"{observer.name} can be written no more ({reason_of(error)}): the run goes on "
                    "without it"
                )
