import io
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from colorize_cli.batch.photo_job import Result
from colorize_cli.batch.plan import Job
from colorize_cli.batch.run_log import RunLog
from colorize_cli.batch.scan import Problem
from colorize_cli.cli import terminal as console
from colorize_cli.cli.summary import Tally
from colorize_cli.cli.terminal import Terminal, Verbosity
from colorize_cli.errors import UsageError
from colorize_cli.imaging.choose import Choice
from colorize_cli.system.wording import count_text, duration_text, rate_text


def job(source: str = "in/x.png", missing: tuple[int, ...] = (0, 1)) -> Job:
    return Job(Path(source), Path("out"), "x", ".png", "png", 2, missing)


def done(source: str = "in/x.png", warnings: tuple[str, ...] = ()) -> Result:
    choice = Choice(order=(4, 0), grey=(1,), is_alike=False, factors=(1.0, 1.0))
    return Result(job(source), None, "done", 1.23456, "ab12", "grey", choice, warnings, (0, 1))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# The run log.


def test_a_line_says_what_became_of_a_photo_and_how_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path) as log:
        log.problem(Problem(Path("in/bad.png"), "empty file"))
        log.start(seed=3, model="m0", device="cuda")
        log.result(done(warnings=("16 bits rounded",)))
        failed = Result(job(), "No space left on device", "failed", 0.5, "ab12", written=(0,))
        log.result(failed)
        log.result(Result(job(), None, "skipped", 0.1, "ab12", "colour"))
        log.skipped(job(missing=()))
    found = lines(path)
    keys = {frozenset(line) for line in found}
    assert len(keys) == 1, "every line has the same keys"
    assert [line["status"] for line in found] == ["failed", "done", "failed", "skipped", "skipped"]
    made = found[1]
    assert made.pop("time")
    assert made == {
        "input": "in/x.png",
        "outputs": [
            {"sample": 1, "path": "out/x.1.png", "is_kept": False},
            {"sample": 2, "path": "out/x.2.png", "is_kept": False},
        ],
        "status": "done",
        "reason": None,
        "seconds": 1.235,
        "seed": 3,
        "model": "m0",
        "device": "cuda",
        "digest": "ab12",
        "kind": "grey",
        "chosen": [5, 1],
        "grey_samples": [2],
        "is_alike": False,
        "warnings": ["16 bits rounded"],
    }
    assert found[0]["model"] is None
    assert found[2]["reason"] == "No space left on device"
    assert found[2]["outputs"] == [{"sample": 1, "path": "out/x.1.png", "is_kept": False}]
    assert found[3]["reason"] == "it is in colour"
    assert found[3]["outputs"] == []
    assert [output["is_kept"] for output in found[4]["outputs"]] == [True, True]  # type: ignore[index,attr-defined]


def test_a_log_is_appended_to_and_readable_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        with RunLog(path) as log:
            log.skipped(job())
            before = len(lines(path))
            log.result(done())
            assert len(lines(path)) == before + 1


def test_names_stay_readable_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    names = ["Größe [x]\n.png", os.fsdecode(b"\xff.png")]
    with RunLog(path) as log:
        for name in names:
            log.result(done(name))
    assert [line["input"] for line in lines(path)] == names
    assert "Größe" in path.read_text(encoding="utf-8")


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    with RunLog(None) as log:
        log.result(done())
    assert not list(tmp_path.iterdir())


def test_a_log_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--log"):
        RunLog(tmp_path / "nowhere" / "run.jsonl")


def test_a_log_on_standard_output_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    with RunLog(Path("-")) as log:
        log.result(done())
    assert not sys.stdout.closed
    assert json.loads(capsys.readouterr().out)["status"] == "done"


# What the user reads.


def reporter(verbosity: Verbosity = Verbosity.NORMAL) -> tuple[Terminal, io.StringIO]:
    stream = io.StringIO()
    return Terminal(verbosity, Console(file=stream)), stream


def summarise(told: Terminal, tally: Tally) -> None:
    told.summary(
        tally,
        others=Counter(),
        hidden=0,
        unfollowed=0,
        left=0,
        seconds=1.0,
        on_colour="recolour",
        fail_fast=False,
    )


def test_progress_off_a_terminal_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(console, "monotonic", lambda: now)
    told, stream = reporter()
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


def test_a_forced_colour_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Terminal(console=Console(file=io.StringIO())).is_live


def test_the_summary_counts() -> None:
    told, stream = reporter()
    tally = Tally(skipped=4)
    tally.add(done(warnings=("w",)))
    tally.add(Result(job("in/[red]/bad.png"), "cut off", "failed", 0.1, "ab", "toned"))
    tally.add(Result(job("in/c.png"), None, "copied", 0.1, "ab", "colour"))
    alike = Choice(order=(0, 1), grey=(), is_alike=True, factors=(1.0, 1.0))
    tally.add(Result(job("in/d.png"), None, "done", 4.0, "ab", "bilevel", alike, (), (0, 1)))
    told.summary(
        tally,
        others=Counter({".txt": 3}),
        hidden=1,
        unfollowed=2,
        left=2,
        seconds=8.0,
        on_colour="copy",
        fail_fast=False,
    )
    assert stream.getvalue().splitlines() == [
        "         done       2   4.0 s a photo, 8 s",
        "      skipped       4   all their files are there",
        "       failed       1",
        "  not reached       2   the same command goes on from here",
        "    in colour       1   copied as they are",
        "        toned       1   their tone is taken out",
        "      bilevel       1   black on white, with nothing to tell colours by",
        "came out grey       1   in one sample at least; --log tells which",
        "    all alike       1   samples that hardly differ; --log tells of which",
        "     warnings       1   -v and --log tell",
        "  other files       3   no photographs: 3 .txt",
        "       hidden       1   left out",
        " not followed       2   links to folders that are visited already",
    ]


def test_the_summary_of_a_long_run_names_its_failures_again() -> None:
    tally = Tally(done=19)
    tally.add(Result(job("in/[red]/bad.png"), "cut off", "failed", 0.1))
    for done_, listed in ((19, []), (20, ["failed in/[red]/bad.png: cut off"])):
        told, stream = reporter()
        tally.done = done_
        summarise(told, tally)
        assert stream.getvalue().splitlines()[3:] == listed


def test_the_summary_of_many_failures_stays_short() -> None:
    told, stream = reporter()
    tally = Tally()
    for number in range(500):
        tally.add_failure(Path(f"{number}.jpg"), "empty file")
    summarise(told, tally)
    assert "450 more failures" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) < 60
    assert len(tally.failures) == 50


def test_quantities_in_words() -> None:
    assert [count_text(n, "photo") for n in (0, 1, 1234)] == ["0 photos", "1 photo", "1,234 photos"]
    assert [rate_text(rate) for rate in (12.34, 0.25)] == ["12.3 photos/s", "4.0 s a photo"]
    assert [duration_text(s) for s in (0.4, 59.6, 200, 3600, 7325)] == [
        "0 s",
        "1 min 00 s",
        "3 min 20 s",
        "1 h 00 min",
        "2 h 02 min",
    ]
