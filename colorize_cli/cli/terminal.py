"""What the user sees, all of it on stderr: a bar on a terminal, plain lines elsewhere.

File names are data: never markup, never wrapped, control characters escaped.
"""

from collections import Counter
from contextlib import AbstractContextManager
from enum import IntEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..system.paths import shown
from ..system.wording import duration_text, rate_text

if TYPE_CHECKING:
    from ..batch.photo_job import OnColour, Result
    from .summary import Tally

_LINE_SECONDS = 10.0
_LISTED_SUFFIXES = 5
_ON_SCREEN = 20  # photographs of a run whose failures are not listed once more at its end
_ON_COLOUR = {
    "recolour": "taken for their lightness",
    "skip": "left out",
    "copy": "copied as they are",
}


class Verbosity(IntEnum):
    """How much is said: failures and warnings | what happens | every file."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class Terminal:
    """Tell the user what happens."""

    def __init__(
        self, verbosity: Verbosity = Verbosity.NORMAL, console: Console | None = None
    ) -> None:
        self.verbosity = verbosity
        self.console = console or Console(stderr=True)
        self.is_live = (
            self.console.is_terminal
            and self.console.file.isatty()
            and not self.console.is_dumb_terminal
        )

    def note(self, text: str) -> None:
        """Say what a user wants to know; not with -q."""
        if self.verbosity >= Verbosity.NORMAL:
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

    def result(self, result: "Result") -> None:
        """Name a photograph that failed; with -v every photograph."""
        if result.reason is not None:
            self.failure(result.job.source, result.reason)
        elif self.verbosity >= Verbosity.VERBOSE:
            if result.status == "skipped":
                self._print(f"left out {shown(result.job.source)}: it is in colour")
                return
            outputs = [result.job.outputs[k] for k in result.job.missing]
            more = f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""
            self._print(
                f"{result.status} {shown(result.job.source)} -> {shown(outputs[0])}{more} "
                f"({result.seconds:.1f} s)"
            )
            for warning in result.warnings:
                self.warn(f"  {warning}")

    def table(self, table: RenderableType) -> None:
        """Show a table of rich below an empty line."""
        self.console.print()
        self.console.print(table)

    def progress(self, total: int) -> "ProgressReport":
        """Show progress over `total` photographs, within a `with` statement."""
        return ProgressReport(self, total)

    def summary(
        self,
        tally: "Tally",
        *,
        others: Counter[str],
        hidden: int,
        unfollowed: int,
        left: int,
        seconds: float,
        on_colour: "OnColour",
        fail_fast: bool,
    ) -> None:
        """Say what became of everything, and of a long run once more what failed.

        Args:
            tally: What became of the photographs.
            others: How many files are no photographs, by suffix.
            hidden: How many hidden entries were left out.
            unfollowed: How many links lead to folders that were visited already.
            left: Photographs that were not reached, because the run was ended.
            seconds: How long the run took.
            on_colour: What became of photographs in colour.
            fail_fast: Whether the first failure ended the run, and would end it again.
        """
        if self.verbosity == Verbosity.QUIET:
            return
        rate = f"{rate_text(tally.done / seconds)}, " if tally.done and seconds > 0 else ""
        rows: list[tuple[str, int, str]] = [
            ("done", tally.done, f"{rate}{duration_text(seconds)}" if tally.done else ""),
            ("skipped", tally.skipped, "all their files are there" if tally.skipped else ""),
            ("failed", tally.failed, ""),
        ]
        if left:
            stuck = "mend or move what failed, or go on without --fail-fast"
            goes_on = "the same command goes on from here"
            rows.append(("not reached", left, stuck if fail_fast and tally.failed else goes_on))
        details = [
            ("in colour", tally.kinds["colour"], _ON_COLOUR[on_colour]),
            ("toned", tally.kinds["toned"], "their tone is taken out"),
            ("bilevel", tally.kinds["bilevel"], "black on white, with nothing to tell colours by"),
            ("came out grey", tally.grey, "in one sample at least; --log tells which"),
            ("all alike", tally.alike, "samples that hardly differ; --log tells of which"),
            ("warnings", tally.warned, "-v and --log tell"),
            ("other files", others.total(), f"no photographs: {_suffixes_text(others)}"),
            ("hidden", hidden, "left out"),
            ("not followed", unfollowed, "links to folders that are visited already"),
        ]
        rows += [row for row in details if row[1]]
        width = max(len(name) for name, _, _ in rows)
        for name, number, comment in rows:
            style = "red" if name == "failed" and number else ""
            self._print(f"{name:>{width}} {number:>7}   {comment}".rstrip(), style)
        if tally.done + tally.passed + tally.failed <= _ON_SCREEN:
            return  # the failures, each named when it came, still stand there
        for path, reason in tally.failures:
            self.failure(path, reason)
        if tally.failed > len(tally.failures):
            self._print(f"and {tally.failed - len(tally.failures)} more failures (--log has all)")

    def _print(self, text: str, style: str = "") -> None:
        # Text objects know neither markup nor emoji codes; the terminal wraps them itself.
        lines = "\n".join(map(shown, text.split("\n")))
        self.console.print(Text(lines, style), soft_wrap=True, highlight=False)


class ProgressReport(AbstractContextManager["ProgressReport"]):
    """Progress over a known number of photographs."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._done = 0
        self._started = self._last_line = monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if terminal.is_live and terminal.verbosity >= Verbosity.NORMAL:
            self._bar = Progress(
                TextColumn("colorizing"),
                BarColumn(),
                MofNCompleteColumn(),
                _RateColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
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


class _RateColumn(ProgressColumn):
    """Photographs a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(rate_text(speed) if speed else "", "progress.data.speed")


def _suffixes_text(others: Counter[str]) -> str:
    named = [
        f"{count} {shown(suffix) or 'without a suffix'}"
        for suffix, count in others.most_common(_LISTED_SUFFIXES)
    ]
    return ", ".join([*named, "..."] if len(others) > _LISTED_SUFFIXES else named)
