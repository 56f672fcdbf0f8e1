"""What the user reads while photographs are worked on, and at the end."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from made.settings import run_settings
from rich.console import Console

from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.plan import Plan
from colorize_cli.cli import observers
from colorize_cli.cli import terminal as terminal_of_cli
from colorize_cli.cli.observers import Naming, PhotoProgress, Summary
from colorize_cli.cli.terminal import Terminal
from colorize_cli.imaging.choose_samples import Choice


def terminal(*, is_quiet: bool = False) -> tuple[Terminal, io.StringIO]:
    stream = io.StringIO()
    return Terminal(is_quiet=is_quiet, console=Console(file=stream)), stream


def plan(outcomes: int, **found: Any) -> Plan:
    """A plan of so many photographs."""
    job = Job(Path("in/x.png"), Path("out"), "x", ".png", "png", 2, (0, 1))
    nothing: dict[str, Any] = {"others": Counter(), "hidden": 0, "unfollowed": 0}
    return Plan(jobs=(job,) * outcomes, problems=(), notes=(), **(nothing | found))


def done(source: str = "in/x.png", *, is_alike: bool = False, **facts: Any) -> Outcome:
    grey = () if is_alike else (1,)
    choice = Choice(order=(4, 0), grey=grey, is_alike=is_alike, factors=(1.0, 1.0))
    return Outcome(Path(source), "done", choice=choice, written=(0, 1), **facts)


def test_progress_off_a_terminal_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(terminal_of_cli, "monotonic", lambda: now)
    told, stream = terminal()
    assert not told.is_live
    with told.progress(100) as progress:
        for _ in range(100):
            now += 0.5
            progress.advance()
    assert stream.getvalue().splitlines() == [
        "20/100, 2.0 photos/s, about 40 s left",
        "40/100, 2.0 photos/s, about 30 s left",
        "60/100, 2.0 photos/s, about 20 s left",
        "80/100, 2.0 photos/s, about 10 s left",
    ]


def test_progress_counts_what_comes_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(terminal_of_cli, "monotonic", lambda: now)
    told, stream = terminal()
    with PhotoProgress(told) as progress:
        progress.outcome(Outcome(Path("in/bad.png"), "failed", "empty file"))
        now += 100
        progress.start(2, run_settings())
        now += 20
        progress.outcome(done())
        progress.end(plan(2))
    assert stream.getvalue() == "1/2, 20.0 s a photo, about 20 s left\n"


class LiveStream(io.StringIO):
    """What a terminal is."""

    def isatty(self) -> bool:
        return True


def test_a_course_is_a_bar_with_what_there_is_to_say_once_it_is_told() -> None:
    stream = LiveStream()
    console = Console(file=stream, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    told = Terminal(console=console)
    with told.course("training") as course:
        told.note("reading the photos")
        before = stream.getvalue()
        course.show(0.25, "step 30  20.0 samples/s  3 min 00 s left [x]")
    assert "training" not in before
    shown = stream.getvalue()
    assert "training" in shown
    assert "25%" in shown
    assert "step 30  20.0 samples/s  3 min 00 s left [x]" in shown
    assert shown.endswith("\x1b[?25h")  # the cursor is there again


def test_a_course_that_is_never_told_leaves_the_terminal_alone() -> None:
    stream = LiveStream()
    console = Console(file=stream, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with Terminal(console=console).course("training"):
        pass
    assert stream.getvalue() == ""


def test_off_a_terminal_a_course_says_nothing_since_lines_do() -> None:
    told, stream = terminal()
    with told.course("training") as course:
        course.show(0.5, "step 1")
    assert stream.getvalue() == ""


def test_a_forced_colour_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Terminal(console=Console(file=io.StringIO())).is_live


def test_what_failed_is_named_and_with_v_every_photo() -> None:
    job = Job(Path("in/x.png"), Path("out"), "x", ".png", "png", 2, (0, 1))
    lot = [
        Outcome(Path("in/[red]/bad.png"), "failed", "cut off"),
        Outcome(Path("in/y.png"), "there"),
        Outcome(Path("in/c.png"), "left out"),
        done(job=job, seconds=1.26, warnings=("16 bits rounded",)),
    ]
    for is_verbose in (False, True):
        told, stream = terminal()
        naming = Naming(told, is_verbose=is_verbose)
        for outcome in lot:
            naming.outcome(outcome)
        lines = [
            "failed in/[red]/bad.png: cut off",
            "left out in/c.png: it is in colour",
            "done in/x.png -> out/x.1.png and 1 more (1.3 s)",
            "  16 bits rounded",
        ]
        assert stream.getvalue().splitlines() == lines[: len(lines) if is_verbose else 1]


def test_the_summary_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(observers, "monotonic", lambda: now)
    told, stream = terminal()
    summary = Summary(told, on_colour="copy")
    for number in range(4):
        summary.outcome(Outcome(Path(f"in/{number}.png"), "there"))
    summary.outcome(done(kind="grey", warnings=("w",)))
    summary.outcome(Outcome(Path("in/[red]/bad.png"), "failed", "cut off", kind="toned"))
    summary.outcome(Outcome(Path("in/c.png"), "copied", kind="colour"))
    summary.outcome(done("in/d.png", is_alike=True, kind="bilevel"))
    now = 8.0
    summary.end(plan(10, others=Counter({".txt": 3}), hidden=1, excluded=4, unfollowed=2))
    assert stream.getvalue().splitlines() == [
        "         done       2   4.0 s a photo, 8 s",
        "      skipped       4   all their files are there",
        "       failed       1",
        "  not reached       2   the same command goes on from here",
        "    in colour       1   copied as they are",
        "        toned       1   their tone is taken out",
        "      bilevel       1   black on white, with nothing to tell colours by",
        "came out grey       1   in one sample at least; status --flagged lists them",
        "    all alike       1   samples that hardly differ; status --flagged lists them",
        "     warnings       1   status --flagged lists them",
        "  other files       3   no photographs: 3 .txt",
        "       hidden       1   left out",
        "     excluded       4   by --exclude, thumbnails of programs, recycle bins",
        " not followed       2   links to folders that are visited already",
    ]


def test_where_no_ledger_keeps_them_warnings_are_told_at_once() -> None:
    told, stream = terminal()
    naming, summary = Naming(told, has_ledger=False), Summary(told, has_ledger=False)
    for observer in (naming, summary):
        observer.outcome(done(warnings=("transparency is laid on white",)))
    summary.end(plan(1))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "transparency is laid on white"
    assert lines[-1].split() == ["warnings", "1"]


def test_the_summary_says_that_colourings_were_deleted() -> None:
    told, stream = terminal()
    summary = Summary(told)
    job = Job(Path("in/a.png"), Path("out"), "a", ".png", "png", 1, (), gone=(0,))
    summary.outcome(Outcome(job.source, "there", job=job))
    summary.end(plan(1))
    assert "files are there, or were deleted or renamed" in stream.getvalue()


def test_the_summary_of_a_long_run_names_its_failures_again() -> None:
    for number, listed in ((19, []), (20, ["failed in/[red]/bad.png: cut off"])):
        told, stream = terminal()
        summary = Summary(told)
        summary.outcome(Outcome(Path("in/[red]/bad.png"), "failed", "cut off"))
        for _ in range(number):
            summary.outcome(Outcome(Path("in/x.png"), "done"))
        summary.end(plan(number + 1))
        assert stream.getvalue().splitlines()[3:] == listed


def test_the_summary_of_many_failures_stays_short() -> None:
    told, stream = terminal()
    summary = Summary(told)
    for number in range(500):
        summary.outcome(Outcome(Path(f"{number}.jpg"), "failed", "empty file"))
    summary.end(plan(500))
    assert "450 more failures" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) < 60
    assert stream.getvalue().count("failed") == 1 + 50
