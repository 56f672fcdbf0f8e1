"""Runs that take a part of the photographs: shards, what failed, what changed, some by name."""

import sqlite3
from pathlib import Path

import pytest
from made.ledgered import OUT, EndedError, colour, edit, files, put, todo, words
from made.records import asked, states

from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.shard import Shard

pytestmark = pytest.mark.usefixtures("three_photos")


def shard_of(name: str) -> Shard:
    return next(shard for i in (1, 2) if (shard := Shard(i, 2)).holds(Path(name)))


def test_a_part_never_writes_over_a_photograph_outside_it() -> None:
    original = put("archive/b.jpg", b"original")
    link = next(f"{k}.jpg" for k in range(99) if shard_of(f"{k}.jpg") != shard_of("b.jpg"))
    Path("scans", link).symlink_to(original.resolve())
    before = original.read_bytes()
    ran = colour(out="archive", overwrite=True, shard=shard_of("b.jpg"))
    assert "over a photograph" in ran.became["b.jpg"]
    assert original.read_bytes() == before


def test_a_retry_that_ended_is_gone_on_with() -> None:
    for name in ("a.jpg", "b.jpg"):
        Path("out", name).mkdir(parents=True)
    colour()
    reasons = "SELECT path, state, reason FROM photos WHERE state = 'failed' ORDER BY path"
    before = asked(OUT, reasons)
    assert len(before) == 2
    for name in ("a.jpg", "b.jpg"):
        Path("out", name).rmdir()
    with pytest.raises(EndedError):
        colour(retry_failed=True, ends_before="b.jpg")
    assert asked(OUT, reasons) == before[1:]
    assert colour(retry_failed=True).became == {"b.jpg": "done"}
    assert not colour(retry_failed=True).plan.jobs


def test_a_path_that_leads_nowhere_is_said_by_a_retry_too() -> None:
    colour()
    assert colour("typo", retry_failed=True).became.keys() == {"typo"}


def test_a_part_that_is_made_again_in_two_runs_leaves_the_folder_s_settings() -> None:
    put("scans/1920/x.jpg", b"x")
    put("scans/1920/y.jpg", b"y")
    colour(seed=7)
    with pytest.raises(EndedError):
        colour("scans/1920", seed=1, overwrite=True, ends_before="y.jpg")
    colour("scans/1920", seed=1, overwrite=True)
    put("scans/d.jpg", b"d")
    colour()
    assert files()["d.jpg"] == words(Path("scans/d.jpg"), 7, 0)


@pytest.mark.parametrize("out", ["out", "scans/out"])
def test_what_changed_is_made_again_on_demand_too_and_alone(out: str) -> None:
    colour(out=out)
    edit("scans/a.jpg")
    put("scans/d.jpg", b"d")
    Path(out, "d.jpg").write_bytes(b"unknown")
    ran = colour(out=out, changed=True, overwrite=True)
    assert ran.became.get("a.jpg") == "done"
    assert {job.source.name for job in ran.plan.jobs} == {"a.jpg"}


def degrade(k: int) -> None:
    """Say of the samples of this number that they were made with less, and of their photographs."""
    with sqlite3.connect(OUT / LEDGER_NAME) as ledger:
        ledger.execute("UPDATE files SET settings = NULL WHERE sample = ?", (k + 1,))
        ledger.execute("UPDATE photos SET state = 'degraded', reason = 'smaller'")


def test_a_file_made_with_less_is_found_after_others_were_added_and_a_retry_that_ended() -> None:
    colour()
    degrade(0)
    colour(samples=2)
    assert set(states(OUT).values()) == {"degraded"}
    with pytest.raises(EndedError):
        colour(samples=2, retry_failed=True, ends_before="b.1.jpg")
    assert states(OUT) == {"a.jpg": "done", "b.jpg": "degraded", "c.jpg": "degraded"}
    again = colour(samples=2, retry_failed=True)
    assert todo(again) == {"b.jpg": (0,), "c.jpg": (0,)}
    assert set(states(OUT).values()) == {"done"}
