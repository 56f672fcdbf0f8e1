"""What became of the photographs of a run, counted as they come and said at its end."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ..batch.observer import Observer
from ..batch.outcome import Outcome
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import duration_text, rate_text

if TYPE_CHECKING:
    from ..batch.photo_job import OnColour
    from ..batch.plan import Plan

_LISTED_FAILURES = 50  # the log has them all
_LISTED_SUFFIXES = 5
_ON_SCREEN = 20  # photographs of a run whose failures are not listed once more at its end
_ON_COLOUR = {
    "recolour": "taken for their lightness",
    "skip": "left out",
    "copy": "copied as they are",
}
# What is said of what was found in photographs, by the name under which it is counted.
_REMARKS = {
    "toned": "their tone is taken out",
    "bilevel": "black on white, with nothing to tell colours by",
    "came out grey": "in one sample at least; --log tells which",
    "all alike": "samples that hardly differ; --log tells of which",
    "warnings": "-v and --log tell",
}


class Summary(Observer):
    """Count what becomes of photographs, and say it at the end; options are as in `Options`."""

    def __init__(
        self, messages: Messages, *, on_colour: "OnColour" = "recolour", fail_fast: bool = False
    ) -> None:
        self._messages = messages
        self._on_colour = on_colour
        self._fail_fast = fail_fast
        self._started = monotonic()
        self._statuses: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._failures: list[tuple[Path, str]] = []

    def outcome(self, outcome: Outcome) -> None:
        """Count a photograph, and what there is to be said of it."""
        self._statuses[outcome.status] += 1
        self._found[outcome.kind or "not read"] += 1
        self._found["warnings"] += bool(outcome.warnings)
        if outcome.status == "failed" and len(self._failures) < _LISTED_FAILURES:
            self._failures.append((outcome.source, outcome.reason or ""))
        if outcome.status == "done" and outcome.choice:
            self._found["came out grey"] += bool(outcome.choice.grey)
            self._found["all alike"] += outcome.choice.is_alike

    def end(self, plan: "Plan") -> None:
        """Say what became of everything, and of a long run once more what failed."""
        rows = [*self._main_rows(plan), *self._details(plan)]
        width = max(len(name) for name, _, _ in rows)
        for name, number, comment in rows:
            say = self._messages.error if name == "failed" and number else self._messages.note
            say(f"{name:>{width}} {number:>7}   {comment}".rstrip())
        if self._statuses.total() - self._statuses["there"] <= _ON_SCREEN:
            return  # the failures, each named when it came, still stand there
        for path, reason in self._failures:
            self._messages.failure(path, reason)
        if more := self._statuses["failed"] - len(self._failures):
            self._messages.note(f"and {more} more failures (--log has all)")

    def _main_rows(self, plan: "Plan") -> Iterator[tuple[str, int, str]]:
        done, there, failed = (self._statuses[name] for name in ("done", "there", "failed"))
        seconds = monotonic() - self._started
        rate = f"{rate_text(done / seconds)}, " if done and seconds > 0 else ""
        yield "done", done, f"{rate}{duration_text(seconds)}" if done else ""
        yield "skipped", there, "all their files are there" if there else ""
        yield "failed", failed, ""
        if left := len(plan.jobs) + len(plan.problems) - self._statuses.total():
            is_stuck = self._fail_fast and failed
            stuck = "mend or move what failed, or go on without --fail-fast"
            yield "not reached", left, stuck if is_stuck else "the same command goes on from here"

    def _details(self, plan: "Plan") -> Iterator[tuple[str, int, str]]:
        """Rows of which there is something to count."""
        rows = (
            ("in colour", self._found["colour"], _ON_COLOUR[self._on_colour]),
            *((name, self._found[name], remark) for name, remark in _REMARKS.items()),
            ("other files", plan.others.total(), f"no photographs: {_suffixes_text(plan.others)}"),
            ("hidden", plan.hidden, "left out"),
            ("not followed", plan.unfollowed, "links to folders that are visited already"),
        )
        return (row for row in rows if row[1])


def _suffixes_text(others: Counter[str]) -> str:
    most = others.most_common(_LISTED_SUFFIXES)
    named = [f"{count} {shown(suffix) or 'without a suffix'}" for suffix, count in most]
    return ", ".join([*named, "..."] if len(others) > _LISTED_SUFFIXES else named)
