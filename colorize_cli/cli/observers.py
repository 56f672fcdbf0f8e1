"""What the user is told of the photographs of a run: names, progress, and what became of all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from ..batch.outcome import Observer, Outcome
from ..batch.plan import Plan
from ..batch.settings import OnColour, RunSettings
from ..system.messages import Messages, Progress
from ..system.paths import shown
from ..system.wording import duration_text, rate_text

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
    "degraded": "with less, for want of memory; --retry-failed makes them again",
    "toned": "their tone is taken out",
    "bilevel": "black on white, with nothing to tell colours by",
    "came out grey": "in one sample at least",
    "all alike": "samples that hardly differ",
    "warnings": "",
}
_FLAGGED = ("came out grey", "all alike", "warnings")


class Naming(Observer):
    """Say of every photograph what the user wants to know of it."""

    def __init__(
        self, messages: Messages, *, is_verbose: bool = False, has_ledger: bool = True
    ) -> None:
        """Take whom to tell, and whether a ledger keeps what is not told."""
        self._messages = messages
        self._is_verbose = is_verbose
        self._has_ledger = has_ledger
        self._less: set[str] = set()  # that was said

    def outcome(self, outcome: Outcome) -> None:
        """Name a photograph that failed; if verbose, every one that was worked on."""
        if outcome.less and outcome.less not in self._less:
            self._less.add(outcome.less)
            self._messages.warn(
                f"too little memory: {shown(outcome.source)} and maybe others with {outcome.less}"
                + (", so colours may differ" if outcome.is_degraded else ", with the same colours")
            )
        if outcome.status == "failed":
            self._messages.failure(outcome.source, outcome.reason or "")
        elif outcome.status == "there":
            return
        elif self._is_verbose:
            self._describe(outcome)
        elif not self._has_ledger:
            for warning in outcome.warnings:
                self._messages.warn(warning)

    def _describe(self, outcome: Outcome) -> None:
        if outcome.status == "left out":
            self._messages.note(f"left out {shown(outcome.source)}: it is in colour")
        else:
            written = [outcome.outputs[k] for k in outcome.written]
            more = f" and {len(written) - 1} more" if len(written) > 1 else ""
            self._messages.note(
                f"{outcome.status} {shown(outcome.source)} -> {shown(written[0])}{more} "
                f"({outcome.seconds:.1f} s)"
            )
            for warning in outcome.warnings:
                self._messages.warn(f"  {warning}")


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

    def end(self, plan: Plan) -> None:
        """Make room for what is said at the end."""
        self._shown.close()


class Summary(Observer):
    """Count what becomes of photographs, and say it at the end; options are as in `Options`."""

    def __init__(
        self,
        messages: Messages,
        *,
        on_colour: OnColour = "recolour",
        fail_fast: bool = False,
        has_ledger: bool = True,
    ) -> None:
        self._messages = messages
        self._has_ledger = has_ledger
        self._on_colour = on_colour
        self._fail_fast = fail_fast
        self._started = monotonic()
        self._statuses: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._failures: list[tuple[Path, str]] = []
        self._is_any_gone = False  # whether somebody deleted or renamed what was made of one

    def outcome(self, outcome: Outcome) -> None:
        """Count a photograph, and what there is to be said of it."""
        self._statuses[outcome.status] += 1
        self._found[outcome.kind or "not read"] += 1
        self._found["degraded"] += outcome.is_degraded
        self._found["warnings"] += bool(outcome.warnings)
        self._is_any_gone |= outcome.status == "there" and bool(outcome.job and outcome.job.gone)
        if outcome.status == "failed" and len(self._failures) < _LISTED_FAILURES:
            self._failures.append((outcome.source, outcome.reason or ""))
        if outcome.status == "done" and outcome.choice:
            self._found["came out grey"] += bool(outcome.choice.grey)
            self._found["all alike"] += outcome.choice.is_alike

    def end(self, plan: Plan) -> None:
        """Say what became of everything, and of a long run once more what failed."""
        rows = list(self._rows(plan))
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

    def _rows(self, plan: Plan) -> Iterator[tuple[str, int, str]]:
        done, there, failed = (self._statuses[name] for name in ("done", "there", "failed"))
        seconds = monotonic() - self._started
        rate = f"{rate_text(done / seconds)}, " if done and seconds > 0 else ""
        yield "done", done, f"{rate}{duration_text(seconds)}" if done else ""
        or_gone = ", or were deleted or renamed" if self._is_any_gone else ""
        yield "skipped", there, f"all their files are there{or_gone}" if there else ""
        yield "failed", failed, ""
        if left := len(plan.jobs) + len(plan.problems) - self._statuses.total():
            is_stuck = self._fail_fast and failed
            stuck = "mend or move what failed, or go on without --fail-fast"
            yield "not reached", left, stuck if is_stuck else "the same command goes on from here"
        found = (
            ("in colour", self._found["colour"], _ON_COLOUR[self._on_colour]),
            *((name, self._found[name], remark) for name, remark in self._remarks()),
            ("other files", plan.others.total(), f"no photographs: {_suffixes_text(plan.others)}"),
            ("hidden", plan.hidden, "left out"),
            ("excluded", plan.excluded, "by --exclude, thumbnails of programs, recycle bins"),
            ("not followed", plan.unfollowed, "links to folders that are visited already"),
        )
        yield from (row for row in found if row[1])

    def _remarks(self) -> Iterator[tuple[str, str]]:
        """Say of what was found where there is more of it; without a ledger, it was told before."""
        for name, remark in _REMARKS.items():
            more = "status --flagged lists them" if self._has_ledger and name in _FLAGGED else ""
            yield name, "; ".join(filter(None, (remark, more)))


def _suffixes_text(others: Counter[str]) -> str:
    most = others.most_common(_LISTED_SUFFIXES)
    named = [f"{count} {shown(suffix) or 'without a suffix'}" for suffix, count in most]
    return ", ".join([*named, "..."] if len(others) > _LISTED_SUFFIXES else named)
