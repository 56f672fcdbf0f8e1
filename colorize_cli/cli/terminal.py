"""What the user sees, all of it on stderr: a bar on a terminal, plain lines elsewhere.

File names are data: never markup, never wrapped, control characters escaped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich import progress as rich
from rich.console import Console, RenderableType
from rich.text import Text

from ..system.messages import Course, Progress
from ..system.paths import shown
from ..system.wording import duration_text, rate_text

_LINE_SECONDS = 10.0


class Terminal:
    """Tell the user what happens: `Messages` on the terminal; if quiet, no notes nor progress."""

    def __init__(self, *, is_quiet: bool = False, console: Console | None = None) -> None:
        self._is_quiet = is_quiet
        self._console = screen = console or Console(stderr=True)
        self.is_live = screen.is_terminal and screen.file.isatty() and not screen.is_dumb_terminal

    def note(self, text: str) -> None:
        """Say what a user wants to know; not with -q."""
        if not self._is_quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """Say what a user has to know."""
        self._print(text, "yellow")

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._print(text, "red")

    def failure(self, path: Path, reason: str) -> None:
        """Name what failed, and why."""
        self.error(f"failed {shown(path)}: {reason}")

    def table(self, table: RenderableType) -> None:
        """Show a table of rich below an empty line."""
        self._console.print()
        self._console.print(table)

    @contextmanager
    def progress(self, total: int, doing: str = "colorizing") -> Iterator[Progress]:
        """Show progress over `total` photographs."""
        if self._is_quiet or not self.is_live:
            yield _Lines(self.note, total)
            return
        columns = (
            rich.TextColumn(doing),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            _RateColumn(),
            rich.TimeRemainingColumn(elapsed_when_finished=True),
        )
        with rich.Progress(*columns, console=self._console) as bar:
            yield _Bar(bar, total)

    @contextmanager
    def course(self, doing: str) -> Iterator[Course]:
        """Show how far something is, from the first time that it is told; nothing off a terminal.

        There the lines that are noted meanwhile say so.
        """
        if self._is_quiet or not self.is_live:
            yield _NoCourse()
            return
        columns = (
            rich.TextColumn(doing),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TextColumn("{task.description}", markup=False),
        )
        bar = rich.Progress(*columns, console=self._console)
        try:
            yield _Share(bar)
        finally:
            if bar.live.is_started:
                bar.stop()

    def _print(self, text: str, style: str = "") -> None:
        # Text objects know neither markup nor emoji codes; the terminal wraps them itself.
        lines = "\n".join(map(shown, text.split("\n")))
        self._console.print(Text(lines, style), soft_wrap=True, highlight=False)


class _Bar:
    def __init__(self, bar: rich.Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=total)

    def advance(self) -> None:
        self._bar.advance(self._task)


class _Share:
    def __init__(self, bar: rich.Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=1.0)

    def show(self, done: float, text: str) -> None:
        self._bar.update(self._task, completed=done, description=text)
        self._bar.start()  # one that is not shown yet would erase lines that others write


class _NoCourse:
    def show(self, done: float, text: str) -> None:
        """Leave it at what is noted."""


class _RateColumn(rich.ProgressColumn):
    """Photographs a second."""

    def render(self, task: rich.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(rate_text(speed) if speed else "", "progress.data.speed")


class _Lines:
    def __init__(self, note: Callable[[str], None], total: int) -> None:
        self._note = note
        self._total = total
        self._done = 0
        self._started = self._last_line = monotonic()

    def advance(self) -> None:
        self._done += 1
        now = monotonic()
        if now - self._last_line < _LINE_SECONDS or self._done == self._total:
            return
        self._last_line = now
        rate = self._done / (now - self._started)
        left = duration_text((self._total - self._done) / rate)
        self._note(f"{self._done}/{self._total}, {rate_text(rate)}, about {left} left")
