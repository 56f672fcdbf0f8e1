"""The work shared among processes and machines: a shard has its photographs and its ledger."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import OUT, EndedError, colour, edit, files, put
from made.records import asked

from colorize_cli.batch.records import merge as merging
from colorize_cli.batch.records.database import LEDGER_NAME, Database, ledgers_in
from colorize_cli.batch.records.inspect_folder import check_files, open_ledgers, overview
from colorize_cli.batch.records.merge import Merged
from colorize_cli.batch.shard import Shard, parse_shard
from colorize_cli.errors import UsageError
from colorize_cli.system.locks import FolderLock

SHARDS = [Shard(number, 3) for number in (1, 2, 3)]
PHOTOS = 12


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # which takes most of the time
    for number in range(PHOTOS):
        put(f"scans/{number % 4}/{number}.jpg", b"%d" % number)
    put("scans/damaged.jpg").write_bytes(b"")


@contextmanager
def unseen(total: int) -> Iterator[Any]:
    class Unseen:
        def advance(self) -> None: ...

    yield Unseen()


def merge(out: str = "out", *others: str) -> Merged:
    return merging.merge(Path(out), [Path(other) for other in others], unseen)


def colourings(out: str = "out") -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in Path(out).rglob("*.jpg")
        if path.is_file()
    }


def states_of(out: str = "out") -> dict[str, str]:
    return dict(asked(out, "SELECT path, state FROM photos"))


def whole() -> dict[str, bytes]:
    """What one run makes."""
    colour(out="whole", samples=2)
    return colourings("whole")


# Who has what.


def test_each_photograph_is_in_one_shard_whatever_its_folder_is_called() -> None:
    places = [Path(f"{n % 7}/{n}.jpg") for n in range(4000)]
    counts = [sum(map(Shard(number, 4).holds, places)) for number in (1, 2, 3, 4)]
    assert sum(counts) == len(places)
    assert min(counts) > 900
    Path("mounted elsewhere").symlink_to("scans")
    of_one = {job.source.name for job in colour(out="a", shard=SHARDS[0]).plan.jobs}
    of_other = colour("mounted elsewhere", out="b", shard=SHARDS[0]).plan.jobs
    assert {job.source.name for job in of_other} == of_one
    assert Shard(1, 2).holds(Path("e\u0301.jpg")) == Shard(1, 2).holds(Path("\u00e9.jpg"))
    assert any(Shard(n, 2).holds(Path(os.fsdecode(b"\xff.jpg"))) for n in (1, 2))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1.5/2"])
def test_what_is_no_shard_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="write 1/4"):
        parse_shard(text)
    assert parse_shard("2/4") == Shard(2, 4)


def test_a_shard_without_photographs_is_no_error_and_a_path_that_is_none_is_every_ones() -> None:
    for shard in SHARDS:
        ran = colour("scans/0/0.jpg", "gone.jpg", out=f"out {shard.number}", shard=shard)
        assert [problem.source.name for problem in ran.plan.problems] == ["gone.jpg"]


# Shards that share a folder.


def test_shards_that_share_a_folder_make_what_one_run_makes() -> None:
    ran = [colour(shard=shard, samples=2) for shard in SHARDS]
    assert sum(len(each.plan.jobs) for each in ran) == PHOTOS
    assert sum(len(each.plan.problems) for each in ran) == 1
    assert colourings() == whole()
    assert ledgers_in(OUT) == ["1-of-3", "2-of-3", "3-of-3"]
    found = overview(OUT)
    assert found.counts == {"done": PHOTOS, "failed": 1}
    assert [Path(failure.path).name for failure in found.failures] == ["damaged.jpg"]
    (OUT / "0/0.1.jpg").unlink()
    with open_ledgers(OUT) as databases:
        seen = [each for database in databases for each in check_files(database)]
    assert len(seen) == 2 * PHOTOS
    assert [path.name for path, how in seen if how != "as made"] == ["0.1.jpg"]
    for shard in SHARDS:
        assert not colour(shard=shard, samples=2).plan.todo


def test_shards_work_at_the_same_time_and_each_clears_up_after_itself_alone() -> None:
    colour(shard=SHARDS[1])
    others = OUT / f".{SHARDS[0].name}.{'0' * 16}.part"
    own = OUT / f".{SHARDS[1].name}.{'0' * 16}.part"
    for path in (others, own):
        path.write_bytes(b"half")
    edit("scans/0/0.jpg")
    edited = next(shard for shard in SHARDS if shard.holds(Path("0/0.jpg")))
    edited_own = OUT / f".{edited.name}.{'1' * 16}.part"
    edited_own.write_bytes(b"half")
    with FolderLock(OUT, SHARDS[0].name if edited != SHARDS[0] else SHARDS[1].name):
        colour(shard=edited)
        with pytest.raises(UsageError, match="written to by another run"):
            colour(shard=SHARDS[0] if edited != SHARDS[0] else SHARDS[1])
    assert not edited_own.exists()
    assert others.exists() == (edited != SHARDS[0])


def test_a_shard_that_ended_goes_on() -> None:
    with pytest.raises(EndedError):
        colour(shard=SHARDS[0], samples=2, ends_before=first_of(SHARDS[0]))
    for shard in SHARDS:
        colour(shard=shard, samples=2)
    assert colourings() == whole()


def first_of(shard: Shard) -> str:
    number = next(n for n in range(4, PHOTOS) if shard.holds(Path(f"{n % 4}/{n}.jpg")))
    return f"{number}.2.jpg"


@pytest.mark.parametrize(("first", "then"), [(None, 0), (0, None), (0, 9)])
def test_whole_runs_and_shards_or_other_numbers_of_them_are_not_mixed(
    first: int | None, then: int | None
) -> None:
    shards = {None: None, 0: SHARDS[0], 9: Shard(1, 2)}
    colour(shard=shards[first])
    before = files()
    says = "go on without --shard, which" if first is None else "colorize merge out"
    with pytest.raises(UsageError, match=says):
        colour(shard=shards[then])
    assert files() == before


def test_a_folder_of_shards_is_left_out_when_scanning() -> None:
    colour(out="scans/coloured", shard=SHARDS[0])
    assert not [job for job in colour(out="x").plan.jobs if "coloured" in job.source.parts]


# Merging.


def test_what_shared_a_folder_becomes_one_ledger() -> None:
    for shard in SHARDS:
        colour(shard=shard, samples=2)
    merged = merge()
    assert (merged.ledgers, merged.photos, merged.files) == (3, PHOTOS + 1, 2 * PHOTOS)
    assert (merged.copied, merged.absent, merged.differences, merged.missing) == (0, 0, "", ())
    assert {path.name for path in OUT.iterdir() if path.is_file()} == {LEDGER_NAME}
    assert colourings() == whole()
    assert states_of() == states_of("whole")
    assert not colour(samples=2).plan.todo
    with pytest.raises(UsageError, match="nothing to join"):
        merge()


def test_shards_that_are_still_to_come_are_named() -> None:
    colour(shard=SHARDS[0], samples=2)
    assert merge().missing == tuple(SHARDS[1:])
    with pytest.raises(UsageError, match="go on without --shard"):
        colour(shard=SHARDS[1], samples=2)
    colour(samples=2)
    assert colourings() == whole()


@pytest.mark.parametrize("into", ["new", "part 1"])
def test_folders_of_their_own_become_one_folder(into: str) -> None:
    for shard in SHARDS:
        colour(out=f"part {shard.number}", shard=shard, samples=2)
    os.utime("part 2", ns=(0, 0))
    parts = [name for name in ("part 1", "part 2", "part 3") if name != into]
    before = {part: colourings(part) for part in parts}
    merged = merge(into, *parts)
    assert merged.copied == sum(map(len, before.values()))
    assert {part: colourings(part) for part in parts} == before, "they stay"
    assert colourings(into) == whole()
    assert states_of(into) == states_of("whole")
    assert not colour(out=into, samples=2).plan.todo
    runs = asked(into, "SELECT count(*) FROM runs")
    again = merge(into, *parts)
    assert (again.copied, again.files) == (0, 2 * PHOTOS)
    assert asked(into, "SELECT count(*) FROM runs") == runs


def test_whole_folders_of_different_trees_are_joined_and_known() -> None:
    colour("scans/0", out="a", seed=1)
    colour("scans/1", out="b", seed=2)
    assert "seed 1, now 2" in merge("out", "a", "b").differences
    assert colourings() == colourings("a") | colourings("b")
    edit("scans/1/1.jpg")
    assert colour("scans/1").became == {"1.jpg": "done"}, "it is ours, and replaced"


def test_what_was_altered_or_deleted_stays_so() -> None:
    colour(out="a", shard=SHARDS[0], samples=2)
    colour(out="b", shard=SHARDS[1], samples=2)
    altered, deleted = sorted(Path("b").rglob("*.jpg"))[:2]
    altered.write_bytes(b"retouched by hand")
    deleted.unlink()
    merged = merge("a", "b")
    assert merged.absent == 1
    assert Path("a", altered.relative_to("b")).read_bytes() == b"retouched by hand"
    with open_ledgers(Path("a")) as (database,):
        found = {how for _, how in check_files(database)}
    assert found == {"as made", "altered", "missing"}
    name = f"{deleted.parent.name}/{deleted.name.partition('.')[0]}.jpg"
    assert not colour(f"scans/{name}", out="a", samples=2).plan.todo


@pytest.mark.parametrize("clash", ["unknown", "known", "read", "deleted", "photo"])
def test_what_conflicts_is_named_and_nothing_is_done(clash: str) -> None:
    colour("scans/0", out="a")
    colour("scans/1", out="b")
    name = sorted(colourings("b"))[0]
    if clash == "known":
        put(f"others/{name}", b"another")
        colour("others", out="a")
    elif clash == "photo":
        path = str(Path("scans/1", name).absolute())
        asked("a", "INSERT INTO photos (path, sha256, state) VALUES (?, 'x', 'done')", path)
    elif clash == "read":
        Path("a", name).symlink_to("nowhere")
    else:
        Path("a", name).write_bytes(b"somebody's")
    if clash == "deleted":
        Path("b", name).unlink()
    before = {out: (colourings(out), states_of(out)) for out in ("a", "b")}
    with pytest.raises(UsageError, match="nothing was joined") as refused:
        merge("a", "b")
    assert name in str(refused.value)
    assert {out: (colourings(out), states_of(out)) for out in ("a", "b")} == before


def test_a_merge_that_ends_half_way_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for shard in SHARDS:
        colour(out=f"part {shard.number}", shard=shard, samples=2)
    calls = iter(range(100))
    real = merging.take_name

    def full(*given: Any) -> None:
        if next(calls) == 5:
            raise OSError(28, "No space left on device")
        real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(merging, "take_name", full)
        with pytest.raises(UsageError, match=r"No space left .* goes on from here"):
            merge("out", "part 1", "part 2", "part 3")
    assert len(colourings()) == 5
    assert merge("out", "part 1", "part 2", "part 3").copied == 2 * PHOTOS - 5
    assert colourings() == whole()
    assert not list(OUT.rglob(".*.part"))


def test_a_run_that_is_under_way_is_not_joined() -> None:
    colour(shard=SHARDS[0])
    with FolderLock(OUT, SHARDS[0].name), pytest.raises(UsageError, match="by another run"):
        merge()
    colour(out="b", shard=SHARDS[1])
    with FolderLock(Path("b"), SHARDS[1].name), pytest.raises(UsageError, match="by another run"):
        merge("out", "b")
    assert ledgers_in(OUT) == ["1-of-3"]


@pytest.mark.parametrize("place", ["../stolen.jpg", "/tmp/stolen.jpg", "x/../../stolen.jpg", ""])
def test_a_ledger_that_would_write_elsewhere_is_refused(place: str) -> None:
    colour("scans/0", out="a")
    asked("a", "UPDATE files SET place = ? WHERE name = '0.jpg'", place)
    put("stolen.jpg")
    with pytest.raises(UsageError, match="is not below it"):
        merge("out", "a")
    assert not colourings()


def test_folders_that_cannot_be_joined_are_refused() -> None:
    colour("scans/0", out="a")
    Path("empty").mkdir()
    for other in ("empty", "gone"):
        with pytest.raises(UsageError, match="has no ledger"):
            merge("a", other)
    with pytest.raises(UsageError, match="named twice"):
        merge("a", "a")
    shutil.copytree("a", "copy")
    assert merge("a", "copy").copied == 0, "what is alike is no conflict"
    with Database(Path("a"), reads_only=True) as database:
        assert database.rows("SELECT count(*) FROM files") == [(len(colourings("a")),)]
