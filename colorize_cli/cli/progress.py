"""How far a run has come: a bar on a terminal, a line now and then elsewhere."""

from contextlib import AbstractContextManager, ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from rich import progress as rich
from rich.text import Text

from ..batch.observer import Observer
from ..batch.outcome import Outcome
from ..batch.settings import RunSettings
from ..system.messages import Messages, Progress
from ..system.wording import duration_text, rate_text

if TYPE_CHECKING:
    from ..batch.plan import Plan
    from .terminal import Terminal

_LINE_SECONDS = 10.0


class ProgressReport(AbstractContextManager["ProgressReport"]):
    """Progress over a known number of photographs."""

    def __init__(self, terminal: "Terminal", total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._done = 0
        self._started = self._last_line = monotonic()
        self._bar: rich.Progress | None = None
        self._task = rich.TaskID(0)
        if terminal.is_live and not terminal.is_quiet:
            self._bar = rich.Progress(
                rich.TextColumn("colorizing"),
                rich.BarColumn(),
                rich.MofNCompleteColumn(),
                _RateColumn(),
                rich.TimeRemainingColumn(elapsed_when_finished=True),
                console=terminal.console,
            )
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> "ProgressReport":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self) -> None:
        """Count one more photograph, and say how far things are where it is time to."""
        self._done += 1
        if self._bar:
            self._bar.advance(self._task)
            return
        now = monotonic()
        if now - self._last_line < _LINE_SECONDS or self._done == self._total:
            return
        self._last_line = now
        rate = self._done / (now - self._started)
        left = (self._total - self._done) / rate
        self._terminal.note(
            f"{self._done}/{self._total}, {rate_text(rate)}, about {duration_text(left)} left"
        )


class _RateColumn(rich.ProgressColumn):
    """Photographs a second."""

    def render(self, task: rich.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(rate_text(speed) if speed else "", "progress.data.speed")


class PhotoProgress(Observer):
    """Show how far the photographs of a run have come."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._shown = ExitStack()
        self._progress: Progress | None = None

    def __exit__(self, *exception: object) -> None:
        self._shown.close()

    def start(self, photos: int, settings: RunSettings) -> None:
        """Show that nothing is done yet."""
        self._progress = self._shown.enter_context(self._messages.progress(photos))

    def outcome(self, outcome: Outcome) -> None:
        """Count one more, of those that are worked on."""
        if self._progress:
            self._progress.advance()

    def end(self, plan: "Plan") -> None:
        """Make room for what is said at the end."""
        self._shown.close()
