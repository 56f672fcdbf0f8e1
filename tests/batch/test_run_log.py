import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.settings import run_settings

from colorize_cli.batch.outcome import Outcome, Status
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.run_log import RunLog
from colorize_cli.errors import UsageError
from colorize_cli.imaging.choose_samples import Choice


def job(source: str = "in/x.png", missing: tuple[int, ...] = (0, 1)) -> Job:
    return Job(Path(source), Path("out"), "x", ".png", "png", 2, missing)


def became(status: Status, missing: tuple[int, ...] = (0, 1), **facts: Any) -> Outcome:
    of = job(facts.pop("source", "in/x.png"), missing)
    return Outcome(of.source, status, job=of, **facts)


def done(source: str = "in/x.png", warnings: tuple[str, ...] = ()) -> Outcome:
    choice = Choice(order=(4, 0), grey=(1,), is_alike=False, factors=(1.0, 1.0))
    facts = {"seconds": 1.23456, "digest": "ab12", "kind": "grey", "choice": choice}
    return became("done", source=source, warnings=warnings, written=(0, 1), **facts)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# The run log.


def test_a_photo_whose_colourings_were_deleted_is_not_said_to_have_them(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run.jsonl") as log:
        gone = replace(job(missing=()), gone=(0, 1))
        log.outcome(Outcome(gone.source, "there", job=gone))
    (line,) = lines(tmp_path / "run.jsonl")
    assert (line["status"], line["outputs"]) == ("skipped", [])
    assert "deleted" in str(line["reason"])


def test_a_line_says_what_became_of_a_photo_and_how_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path) as log:
        log.outcome(Outcome(Path("in/bad.png"), "failed", "empty file"))
        log.start(4, run_settings(seed=3, model_digest="m0", device="cuda"))
        log.outcome(done(warnings=("16 bits rounded",)))
        log.outcome(became("failed", reason="No space left on device", written=(0,)))
        log.outcome(became("left out", kind="colour"))
        log.outcome(became("there", missing=()))
    found = lines(path)
    assert found[-1]["reason"] == "all outputs exist"
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
        "less": None,
        "is_degraded": False,
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
            log.outcome(became("there"))
            before = len(lines(path))
            log.outcome(done())
            assert len(lines(path)) == before + 1


def test_names_stay_readable_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    names = ["Größe [x]\n.png", os.fsdecode(b"\xff.png")]
    with RunLog(path) as log:
        for name in names:
            log.outcome(done(name))
    assert [line["input"] for line in lines(path)] == names
    assert "Größe" in path.read_text(encoding="utf-8")


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    with RunLog(None) as log:
        log.outcome(done())
    assert not list(tmp_path.iterdir())


def test_a_log_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--log"), RunLog(tmp_path / "nowhere" / "run.jsonl"):
        pass


def test_a_log_on_standard_output_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    with RunLog(Path("-")) as log:
        log.outcome(done())
    assert not sys.stdout.closed
    assert json.loads(capsys.readouterr().out)["status"] == "done"
