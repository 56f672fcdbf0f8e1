"""What a run keeps of an output folder, and what the next one does with what it finds there."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import EndedError, Ran, colour, words
from made.messages import Told
from made.pictures import encode, grey
from made.records import (
    asked,
    begun_before_the_ledger,
    change_last_settings,
    run_records,
    states,
)
from made.settings import run_settings

from colorize_cli.batch.ledger import Beginning, Ledger
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.records import database
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.records.old_records import ORIGINS_NAME, SETTINGS_NAME
from colorize_cli.batch.records.photo_rows import PhotoRows
from colorize_cli.batch.settings import Options, settle, tell_differences
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import load_bundle

OUT = Path("out")
JPEG = encode(grey(), "JPEG")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        put(f"scans/{name}", name.encode())
    return tmp_path


def put(name: str, more: bytes = b"") -> Path:
    """Make a photograph, another one for other bytes."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(JPEG + more)
    return path


def edit(name: str) -> None:
    """Change a photograph in place, within its size, at another time."""
    path = Path(name)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    later(name)


def later(name: str) -> None:
    status = Path(name).stat()
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))


def files() -> dict[str, bytes]:
    return {
        path.relative_to(OUT).as_posix(): path.read_bytes()
        for path in OUT.rglob("*")
        if path.is_file() and not path.name.startswith(".colorize.")
    }


def todo(ran: Ran) -> dict[str, tuple[int, ...]]:
    return {job.source.name: job.missing for job in ran.plan.todo}


# What is done stays.


def test_the_same_command_does_nothing_twice_and_writes_nothing() -> None:
    assert set(colour().became.values()) == {"done"}
    before = {path: path.stat().st_mtime_ns for path in OUT.rglob("*")}
    again = colour()
    assert not again.became
    assert not again.said
    assert {path: path.stat().st_mtime_ns for path in OUT.rglob("*")} == before


def test_one_file_is_left_in_which_every_photograph_has_a_row() -> None:
    colour(seed=3, samples=2)
    assert {path.name for path in OUT.iterdir() if path.name.startswith(".")} == {LEDGER_NAME}
    rows = asked(OUT, "SELECT size, sha256, bundle, seed, state, reason FROM photos ORDER BY path")
    assert [row[3:] for row in rows] == [(3, "done", None)] * 3
    assert {row[0] for row in rows} == {len(JPEG) + 5}
    assert {row[2] for row in rows} == {run_settings().model_digest}
    placed = asked(OUT, "SELECT place, sample, state FROM files ORDER BY place")
    assert placed[:2] == [("a.1.jpg", 1, "placed"), ("a.2.jpg", 2, "placed")]


def test_a_photo_is_done_only_when_all_its_samples_are() -> None:
    colour(samples=2)
    (OUT / "b.1.jpg").unlink()
    assert todo(colour(samples=2)) == {"b.jpg": (0,)}
    assert todo(colour(samples=4)) == dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), (2, 3))


def test_files_of_other_settings_stay_and_missing_ones_are_made_with_the_new() -> None:
    colour(seed=0)
    (OUT / "b.jpg").unlink()
    assert todo(colour(seed=1)) == {"b.jpg": (0,)}
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 0, 0)
    assert files()["b.jpg"] == words(Path("scans/b.jpg"), 1, 0)


def test_all_is_made_again_on_demand() -> None:
    colour()
    (OUT / "a.jpg").write_bytes(b"edited")
    assert set(colour(overwrite=True, seed=1).became.values()) == {"done"}
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 1, 0)


# What changed is made again.


def test_a_photo_that_was_edited_in_place_is_coloured_again_and_it_is_said() -> None:
    colour(samples=2)
    edit("scans/a.jpg")
    again = colour(samples=2)
    assert todo(again) == {"a.jpg": (0, 1)}
    assert again.became == {"a.jpg": "done"}
    assert any("1 of the photographs changed since they were coloured" in x for x in again.said)
    assert files()["a.2.jpg"] == words(Path("scans/a.jpg"), 0, 1)
    assert not colour(samples=2).became


def test_a_photo_that_was_only_touched_is_read_once_and_stays() -> None:
    colour()
    later("scans/a.jpg")
    first = colour()
    assert not first.became
    assert len(first.said) == 1
    assert "reading them" in first.said[0]
    assert not colour().said


def test_another_photograph_at_the_same_path_does_not_pass_for_the_first() -> None:
    colour()
    put("scans/a.jpg", b"of another card, and longer")
    assert todo(colour()) == {"a.jpg": (0,)}
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 0, 0)


def test_what_a_person_edited_is_kept_and_the_photo_fails_with_what_to_do() -> None:
    colour()
    (OUT / "a.jpg").write_bytes(b"retouched by hand")
    assert not colour().became, "as long as the photograph is the same"
    edit("scans/a.jpg")
    (reason,) = colour().became.values()
    assert "out/a.jpg was altered since it was made" in reason
    assert "--overwrite" in reason
    assert files()["a.jpg"] == b"retouched by hand"
    assert colour(overwrite=True).became["a.jpg"] == "done"


def test_an_edit_within_the_size_and_time_of_a_file_is_seen_before_it_is_replaced() -> None:
    colour()
    status = (OUT / "a.jpg").stat()
    (OUT / "a.jpg").write_bytes(edited := b"x" * status.st_size)
    os.utime(OUT / "a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    edit("scans/a.jpg")
    assert "was altered" in colour().became["a.jpg"]
    assert files()["a.jpg"] == edited


def test_an_overwriting_run_that_ended_is_gone_on_with() -> None:
    colour(seed=0, samples=2)
    with pytest.raises(EndedError):
        colour(seed=7, samples=2, overwrite=True, ends_before="b.2.jpg")
    again = colour(seed=7, samples=2)
    assert todo(again) == {"b.jpg": (1,), "c.jpg": (0, 1)}
    assert "2 of the photographs were to be coloured again" in again.said[0]
    assert len({data.split(b" ", 1)[1] for data in files().values()}) == 2, "one seed, two samples"
    assert set(states(OUT).values()) == {"done"}


# What is not ours.


def test_a_file_that_nobody_knows_is_neither_taken_for_done_nor_written_over() -> None:
    put("out/a.jpg", b"an original")
    before = files()
    ran = colour()
    assert "out/a.jpg is there, and not known to be a colouring" in ran.became["a.jpg"]
    assert (ran.became["b.jpg"], ran.became["c.jpg"]) == ("done", "done")
    assert before.items() <= files().items()
    assert colour(overwrite=True).became["a.jpg"] == "done"


def test_a_file_that_appears_meanwhile_is_not_lost() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT), ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=False))
        (OUT / "a.jpg").write_bytes(b"appeared")
        with pytest.raises(Exception, match="not known to be a colouring"):
            ledger.put(plan.jobs[0], 0, b"colouring", "d" * 64)
        ledger.put(plan.jobs[1], 0, b"colouring", "d" * 64)
    assert files() == {"a.jpg": b"appeared", "b.jpg": b"colouring"}


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_at_the_last_moment_is_kept(
    monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The moment between the look at a name and its taking, with and without hard links."""
    real = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        if self.name == "a.jpg":
            self.write_bytes(b"appeared")
        if not links:
            raise PermissionError(1, "Operation not permitted")
        real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "hardlink_to", late)
        became = colour().became
    assert "not known to be a colouring" in became.pop("a.jpg")
    assert set(became.values()) == {"done"}
    assert files()["a.jpg"] == b"appeared"
    assert not [name for name in files() if name.endswith(".part")]
    assert "not known to be a colouring" in colour().became["a.jpg"], "nor is it taken for ours"


def test_an_empty_file_a_folder_and_a_dead_link_are_not_done() -> None:
    OUT.mkdir()
    (OUT / "a.jpg").touch()
    (OUT / "b.jpg").mkdir()
    (OUT / "c.jpg").symlink_to("nowhere.jpg")
    ran = colour()
    assert ran.became["a.jpg"] == "done"
    assert "out/b.jpg is no file" in ran.became["b.jpg"]
    assert "out/c.jpg is a link that leads nowhere" in ran.became["c.jpg"]
    assert not Path("out/nowhere.jpg").exists()
    (OUT / "a.jpg").write_bytes(b"")
    assert colour().became["a.jpg"] == "done"


def test_a_link_is_replaced_and_never_written_through() -> None:
    colour()
    precious = put("elsewhere/precious.jpg")
    for overwrite in (False, True):
        (OUT / "a.jpg").unlink()
        (OUT / "a.jpg").symlink_to(precious.absolute())
        edit("scans/a.jpg")
        became = colour(overwrite=overwrite).became
        assert (became["a.jpg"] == "done") == overwrite
        assert precious.read_bytes() == JPEG


@pytest.mark.parametrize(
    ("paths", "out"), [(("scans/1910",), "scans"), (("scans",), "scans/1910"), (("scans",), "link")]
)
def test_originals_beside_the_outputs_are_not_overwritten_even_on_demand(
    paths: tuple[str, ...], out: str
) -> None:
    put("scans/x.jpg", b"one")
    put("scans/1910/x.jpg", b"another")
    Path("link").symlink_to("scans/1910")
    before = {path: path.read_bytes() for path in Path("scans").rglob("*.jpg")}
    assert "not known to be a colouring" in colour(*paths, out=out).became["x.jpg"]
    assert "may be an original" in colour(*paths, out=out, overwrite=True).became["x.jpg"]
    assert before.items() <= {p: p.read_bytes() for p in Path("scans").rglob("*.jpg")}.items()


def test_what_was_made_beside_originals_is_overwritten_on_demand() -> None:
    put("scans/1910/x.jpg")
    assert colour("scans/1910", out="scans").became == {"x.jpg": "done"}
    Path("scans/x.jpg").write_bytes(b"retouched by hand")
    assert colour("scans/1910", out="scans", overwrite=True, seed=1).became == {"x.jpg": "done"}


def test_an_output_does_not_lie_on_a_photograph_that_a_link_leads_to() -> None:
    real = put("photographs/x.jpg")
    Path("named").mkdir()
    Path("named/x.jpg").symlink_to(real.absolute())
    ran = colour("named", out="photographs", overwrite=True)
    assert "would be written over a photograph" in ran.became["x.jpg"]
    assert real.read_bytes() == JPEG


def test_files_of_another_photograph_are_found() -> None:
    put("1/x.jpg", b"first")
    put("2/x.jpg", b"second")
    colour("1/x.jpg")
    (reason,) = colour("2/x.jpg").became.values()
    assert f"was made from another photograph, {Path('1/x.jpg').absolute()}" in reason
    assert colour("2/x.jpg", overwrite=True).became == {"x.jpg": "done"}
    assert "made from another" in colour("1/x.jpg").became["x.jpg"], "what was made last counts"


def test_a_path_that_leads_back_from_a_link_is_no_other_s() -> None:
    put("x.jpg", b"first")
    put("elsewhere/deep/y.jpg")
    put("elsewhere/x.jpg", b"second")
    Path("link").symlink_to("elsewhere/deep")
    colour("x.jpg")
    assert "another photograph" in colour("link/../x.jpg").became["x.jpg"]


# Photographs that moved.


def test_photographs_that_were_moved_are_known_by_their_bytes_and_then_by_their_path() -> None:
    colour()
    Path("scans").rename("moved")
    first = colour("moved")
    assert not first.became
    assert len(first.said) == 1
    assert not colour("moved").said
    paths = {Path(path).parent.name for (path,) in asked(OUT, "SELECT path FROM photos")}
    assert paths == {"moved"}


def test_the_same_name_in_another_folder_is_another_file() -> None:
    put("1/a/x.jpg", b"first")
    put("2/x.jpg", b"second")
    colour("1")
    assert colour("2").became == {"x.jpg": "done"}


def test_names_are_whole_whatever_they_are() -> None:
    name = os.fsdecode(b"\xff\n.jpg") if os.name != "nt" else "x.jpg"
    put(f"odd/{name}")
    put("odd/\u0065\u0301.jpg", b"2")
    colour("odd")
    assert not colour("odd").became
    with sqlite3.connect(OUT / LEDGER_NAME) as connection:
        connection.text_factory = bytes
        found = {path for (path,) in connection.execute("SELECT path FROM photos")}
    assert os.fsencode(Path("odd", name).absolute()) in found
    (OUT / "\u0065\u0301.jpg").rename(OUT / "\u00e9.jpg")
    assert not colour("odd").became, "another Unicode form"


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
        ledger.rows.intend(path, 0, replace_with, "")
    assert path.read_bytes() == before, "it ended before the name was taken"
    again = colour(seed=1)
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


def test_a_ledger_that_has_gone_fails_what_would_not_be_known() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT), ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=False))
        (OUT / LEDGER_NAME).unlink()
        with pytest.raises(OSError, match="the ledger has gone"):
            ledger.put(plan.jobs[0], 0, b"colouring", "d" * 64)
        with pytest.raises(UsageError, match="cannot be written"):
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
    again = colour(retry_failed=True)
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


def test_the_default_s_older_digest_is_that_of_the_same_model() -> None:
    older = "375c6c39f69054e308269d1bd10b5f4197009b0cde4f308923a645cb502f7738"
    colour()
    change_last_settings(OUT, model_digest=older, size=96, steps=5, candidates=0)
    with Ledger(OUT) as ledger:
        last = ledger.last_settings
    assert last is not None
    settings, messages = settle(Options((OUT,), OUT), last, load_bundle()), Told()
    assert (settings.size, settings.steps) == (96, 5)
    tell_differences(messages, OUT, last, settings)
    assert not messages.said


# Folders of the version before.


def old_folder() -> None:
    OUT.mkdir()
    made = {}
    for name in ("a.jpg", "b.jpg"):
        (OUT / name).write_bytes(b"colouring of " + name.encode())
        made[OUT / name] = Path("scans", name)
    begun_before_the_ledger(OUT, run_settings(seed=5), made)


def test_a_folder_of_the_version_before_is_taken_over_once() -> None:
    old_folder()
    records = {name: (OUT / name).read_bytes() for name in (SETTINGS_NAME, ORIGINS_NAME)}
    before = files()
    ran = colour(seed=6)
    assert todo(ran) == {"c.jpg": (0,)}
    assert not ran.said, "photographs that are older than their colourings were not read"
    assert before.items() <= files().items()
    assert [run["seed"] for run in run_records(OUT)] == [5, 6]
    assert {name: (OUT / name).read_bytes() for name in records} == records
    for name in records:
        (OUT / name).write_bytes(b"{ not read again")
    assert not colour(seed=6).became


def test_a_finished_folder_of_the_version_before_is_taken_over_too() -> None:
    old_folder()
    Path("scans/c.jpg").unlink()
    assert not colour().became
    assert states(OUT) == {"a.jpg": "done", "b.jpg": "done"}


def test_of_an_old_folder_a_later_edit_is_seen_and_the_unknown_colouring_kept() -> None:
    old_folder()
    edit("scans/a.jpg")
    later("scans/b.jpg")
    became = colour().became
    assert "out/a.jpg was made by an earlier version" in became["a.jpg"]
    assert "b.jpg" not in became, "its bytes are the same"
    assert files()["a.jpg"] == b"colouring of a.jpg"


def test_of_an_old_folder_another_photo_s_file_is_another_photo_s() -> None:
    old_folder()
    put("others/a.jpg", b"another")
    assert "was made from another photograph" in colour("others").became["a.jpg"]


@pytest.mark.parametrize(
    "damage",
    [
        b'\n{"path": "cut',
        b"\n7",
        b"\n{}",
        b"\n\xff",
        b"\n[[]]",
        b"\n" + b"[" * 100_000,
        b'\n{"path": 7, "digest": "d", "folder": ".", "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": null, "folder": ".", "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ["."], "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ".", "names": [7, "x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ".", "names": {"x.jpg": 7}}',
    ],
)
def test_a_damaged_line_of_an_old_record_spoils_no_other(damage: bytes) -> None:
    old_folder()
    lines = (OUT / ORIGINS_NAME).read_bytes().split(b"\n")
    lines.insert(2, damage[1:])
    (OUT / ORIGINS_NAME).write_bytes(b"\n".join(lines))
    assert todo(colour()) == {"c.jpg": (0,)}


@pytest.mark.parametrize(
    "text", ["{", '{"format": 1}', '{"format": 99, "settings": {}}', "[" * 10**5]
)
def test_an_old_record_that_cannot_be_read_is_said(text: str) -> None:
    OUT.mkdir()
    (OUT / SETTINGS_NAME).write_text(text)
    with pytest.raises(UsageError, match=SETTINGS_NAME):
        colour()


# Ledgers that cannot be used.


@pytest.mark.parametrize("trouble", ["a share", "no shared memory"])
def test_where_no_log_can_be_written_ahead_there_is_a_journal(
    monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    seen: list[str] = []

    class NoLog(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement == "PRAGMA journal_mode = WAL":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(statement, *values)

    if trouble == "a share":
        monkeypatch.setattr(database, "is_network_share", lambda folder: True)
    else:
        plain = sqlite3.connect
        monkeypatch.setattr(
            database.sqlite3, "connect", lambda *a, **k: plain(*a, **k, factory=NoLog)
        )
    put = Ledger.put

    def look(self: Ledger, *given: Any) -> None:
        put(self, *given)
        seen.extend(path.name for path in OUT.iterdir() if path.name.endswith("-wal"))

    monkeypatch.setattr(Ledger, "put", look)
    assert set(colour().became.values()) == {"done"}
    assert not seen
    assert not colour().became


def test_a_damaged_ledger_is_said_and_not_written_over() -> None:
    colour()
    (OUT / LEDGER_NAME).write_bytes(b"no database, but long enough to look like one" * 40)
    before = (OUT / LEDGER_NAME).read_bytes()
    with pytest.raises(UsageError, match="move it away"):
        colour()
    assert (OUT / LEDGER_NAME).read_bytes() == before


def test_a_ledger_of_a_later_version_is_left_alone() -> None:
    colour()
    with sqlite3.connect(OUT / LEDGER_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="later version"):
        colour()


def test_a_ledger_whose_run_ended_as_it_began_is_begun_again() -> None:
    OUT.mkdir()
    (OUT / LEDGER_NAME).write_bytes(b"")
    assert set(colour().became.values()) == {"done"}
