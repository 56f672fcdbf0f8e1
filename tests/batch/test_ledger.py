"""What a run writes down of its photographs, wherever it ends."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import OUT, EndedError, colour, edit, files, put, todo, words
from made.messages import Told
from made.records import (
    asked,
    change_last_settings,
    run_records,
    states,
)
from made.settings import run_settings

from colorize_cli.batch.asked.differences import tell_differences
from colorize_cli.batch.ledger import Beginning, Ledger
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.records.photo_rows import PhotoRows
from colorize_cli.batch.settings import Options, settle
from colorize_cli.errors import OutputError, UsageError
from colorize_cli.model.bundle import load_bundle

pytestmark = pytest.mark.usefixtures("three_photos")


# How a run ends.


def test_a_file_that_the_ledger_had_only_announced_is_looked_at() -> None:
    colour(seed=0)
    ran = colour(seed=0)
    source, path = Path("scans/a.jpg"), OUT / "a.jpg"
    before = path.read_bytes()
    job = ran.plan.jobs[0]
    with Ledger(OUT) as ledger:
        ledger.begin(Beginning(run_settings(seed=1), [job_of(job)], overwrites=True))
        row = ledger.rows.below(OUT)["a.jpg"]
        replace_with = row._replace(sha256="0" * 64, before=row.sha256, state="intended")
        ledger.rows.intend(path, replace_with)
    assert path.read_bytes() == before, "it ended before the name was taken"
    again = colour()
    assert todo(again) == {"a.jpg": (0,)}
    assert path.read_bytes() == words(source, 1, 0)


def job_of(job: Job) -> Job:
    """The job with all to be done."""
    return replace(job, missing=(0,))


def test_what_was_placed_but_not_settled_is_done() -> None:
    with pytest.raises(EndedError):
        colour(samples=2, ends_before="b.2.jpg")
    assert states(OUT) == {"a.jpg": "done", "b.jpg": "pending", "c.jpg": "pending"}
    assert todo(colour(samples=2)) == {"b.jpg": (1,), "c.jpg": (0, 1)}
    with pytest.raises(EndedError):
        colour(samples=2, overwrite=True, ends_before="c.1.jpg")
    asked(OUT, "UPDATE photos SET state = 'pending'")
    asked(OUT, "UPDATE files SET state = 'intended' WHERE name != 'c.1.jpg' AND name != 'c.2.jpg'")
    assert todo(colour(samples=2)) == {"c.jpg": (0, 1)}
    assert set(states(OUT).values()) == {"done"}


def test_what_killed_runs_were_writing_is_deleted() -> None:
    OUT.mkdir()
    (OUT / ".0123456789abcdef.part").write_bytes(b"half")
    (OUT / ".of a person.part").write_bytes(b"whole")
    colour()
    assert [name for name in files() if name.startswith(".")] == [".of a person.part"]


def test_threads_write_whole_rows() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT, samples=40), ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=False))
        work = [(job, k) for job in plan.todo for k in range(40)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: ledger.put(*each, b"%d" % each[1], "d" * 64), work))
        for job in plan.todo:
            done = tuple(range(40))
            ledger.settle(Outcome(job.source, "done", job=job, written=done, digest="d" * 64))
    assert asked(OUT, "SELECT count(*), state FROM files GROUP BY state") == [(120, "placed")]
    assert len(files()) == 120


def test_a_full_disk_fails_the_photo_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    colour()
    before = files()
    edit("scans/a.jpg")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert "No space left" in colour().became["a.jpg"]
    assert files() == before
    assert states(OUT)["a.jpg"] == "failed"
    assert colour().became == {"a.jpg": "done"}


def test_files_and_all_folders_above_are_on_the_disk_before_a_row_says_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("scans/deep/er/x.jpg")
    told: list[str] = []
    fsync, settle = os.fsync, PhotoRows.settle

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        told.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))

    def settled(*given: Any) -> None:
        told.append("settle")
        settle(*given)

    if not Path("/proc/self/fd").exists():
        pytest.skip("what a descriptor is of is told by Linux")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(PhotoRows, "settle", settled)
    colour("scans/deep", out="made/out")
    before = told[: told.index("settle")]
    for folder in ("made/out/er", "made/out", "made"):
        assert str(Path(folder).absolute()) in before
    assert before[0].endswith(".part")


def test_a_ledger_that_has_gone_ends_the_run_for_nothing_would_be_known() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT), ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=False))
        (OUT / LEDGER_NAME).unlink()
        with pytest.raises(OutputError, match="the output folder has gone"):
            ledger.put(plan.jobs[0], 0, b"colouring", "d" * 64)
        with pytest.raises(OutputError, match="the ledger has gone"):
            ledger.settle(Outcome(plan.jobs[0].source, "done", job=plan.jobs[0]))
    assert not files()


# Failures.


def test_a_failure_is_kept_with_its_reason_and_tried_again_alone() -> None:
    put("scans/d.jpg").write_bytes(b"")
    put("out/c.jpg", b"an original")
    Path("out/b.jpg").mkdir()
    colour()
    reasons = dict(asked(OUT, "SELECT path, reason FROM photos WHERE state = 'failed'"))
    assert {Path(path).name for path in reasons} == {"b.jpg", "c.jpg", "d.jpg"}
    assert "empty file" in reasons.values()
    (OUT / "c.jpg").unlink()
    (OUT / "a.jpg").unlink()
    again = colour(retry_failed=True, restore=True)
    assert again.became.keys() == {"b.jpg", "c.jpg", "d.jpg"}
    assert again.became["c.jpg"] == "done"
    assert not (OUT / "a.jpg").exists()
    assert colour(retry_failed=True).became.keys() == {"b.jpg", "d.jpg"}


def test_what_failed_and_is_no_longer_there_is_forgotten() -> None:
    put("scans/d.jpg").write_bytes(b"")
    Path("out/c.jpg").mkdir(parents=True)
    colour()
    Path("scans/d.jpg").unlink()
    colour()
    assert states(OUT) == {"a.jpg": "done", "b.jpg": "done", "c.jpg": "failed"}


def test_a_run_that_was_planned_before_another_one_ended_does_nothing() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT), ledger)
        colour()
        before = files()
        with pytest.raises(UsageError, match="another run has begun there"):
            ledger.begin(Beginning(run_settings(), plan.todo, overwrites=True))
    assert files() == before
    assert not colour().became


# Settings of runs.


def test_every_run_s_settings_are_kept() -> None:
    for seed in (0, 1, 0):
        colour(seed=seed, overwrite=True)
    assert [run["seed"] for run in run_records(OUT)] == [0, 1, 0]
    with Ledger(OUT) as ledger:
        assert ledger.last_settings == run_settings(seed=0)


@pytest.mark.parametrize(
    "older",
    [
        "375c6c39f69054e308269d1bd10b5f4197009b0cde4f308923a645cb502f7738",
        "6c01fdcc448038179b842e484727e63c011a0e200bfca0fc91a0ca87d1ef2e0a",
    ],
)
def test_the_default_s_older_digests_are_those_of_the_same_model(older: str) -> None:
    colour()
    change_last_settings(OUT, model_digest=older, size=96, steps=5, candidates=0)
    with Ledger(OUT) as ledger:
        last = ledger.last_settings
    assert last is not None
    settings, messages = settle(Options((OUT,), OUT), last, load_bundle()), Told()
    assert (settings.size, settings.steps) == (96, 5)
    tell_differences(messages, OUT, last, settings)
    assert not messages.said
