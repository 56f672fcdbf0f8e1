"""What `status`, `verify` and `--report` tell of an output folder, after runs of words."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made.ledgered import EndedError, colour
from made.pictures import encode, grey
from made.records import asked, begun_before_the_ledger
from made.settings import run_settings

from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.run_report import RunReport
from colorize_cli.cli.app import main
from colorize_cli.errors import UsageError
from colorize_cli.imaging.choose_samples import Choice

Say = Callable[..., tuple[int, list[str], str]]
OUT = Path("out")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for number in range(4):
        Path(f"scans/{number}.jpg").write_bytes(encode(grey(), "JPEG") + b"%d" % number)
    return tmp_path


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Run the command line; return its exit code, lines of standard output, and standard error."""

    def run(*given: str) -> tuple[int, list[str], str]:
        code = main(given)
        out, err = capfd.readouterr()
        return code, out.splitlines(), err

    return run


def counts(lines: list[str]) -> dict[str, int]:
    found = (line.split() for line in lines if not line.startswith("failed"))
    return {words[0]: int(words[1]) for words in found}


# Status.


def test_the_status_counts_what_became_of_photographs_and_names_failures(say: Say) -> None:
    Path("scans/bad.jpg").write_bytes(b"")
    with pytest.raises(EndedError):
        colour(ends_before="2.jpg")
    code, lines, err = say("status", "out")
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in lines[:3]] == [
        ["done", "2"],
        ["failed", "1"],
        ["pending", "2"],
    ]
    assert "photos/s" in lines[0] or "s a photo" in lines[0]
    assert lines[3:] == [f"failed {Path('scans/bad.jpg').absolute()}: empty file"]
    colour()
    assert say("status", "out")[1][0].split()[:2] == ["done", "4"]


def test_what_was_flagged_is_listed_afterwards(say: Say) -> None:
    colour()
    assert say("status", "out", "--flagged") == (0, [], "")
    for number, column, value in (
        (0, "grey", "[2, 3]"),
        (1, "is_alike", 1),
        (2, "warnings", json.dumps(["transparency is lost"])),
    ):
        asked(OUT, f"UPDATE photos SET {column} = ? WHERE path LIKE ?", value, f"%/{number}.jpg")
    _, lines, _ = say("status", "out", "--flagged")
    assert [line.partition(": ")[0] for line in lines] == [
        str(Path(f"scans/{number}.jpg").absolute()) for number in range(3)
    ]
    assert [line.partition(": ")[2] for line in lines] == [
        "came out grey: sample 2, 3",
        "all alike: its samples hardly differ",
        "transparency is lost",
    ]
    assert any(line.split()[:2] == ["flagged", "3"] for line in say("status", "out")[1])


@pytest.mark.parametrize("command", ["status", "verify"])
def test_a_folder_without_a_ledger_is_said(say: Say, command: str) -> None:
    for out in ("scans", "nowhere"):
        code, lines, err = say(command, out)
        assert (code, lines) == (2, [])
        assert f"{out} has no ledger" in err
        assert not Path(out, LEDGER_NAME).exists()


# Verify.


def test_what_is_as_it_was_made_is_verified(say: Say) -> None:
    colour(samples=2)
    before = {path: path.stat().st_mtime_ns for path in OUT.rglob("*")}
    code, lines, err = say("verify", "out")
    assert (code, lines) == (0, [])
    assert "8 files: 0 missing, 0 altered" in err
    assert {path: path.stat().st_mtime_ns for path in OUT.rglob("*")} == before


def test_what_is_missing_or_altered_is_named_and_ends_with_1(say: Say) -> None:
    colour()
    (OUT / "0.jpg").unlink()
    status = (OUT / "1.jpg").stat()
    (OUT / "1.jpg").write_bytes(b"x" * status.st_size)
    os.utime(OUT / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    (OUT / "2.jpg").unlink()
    (OUT / "2.jpg").symlink_to("nowhere")
    code, lines, err = say("verify", "out")
    assert code == 1
    assert lines == [
        f"missing\t{(OUT / '0.jpg').absolute()}",
        f"altered\t{(OUT / '1.jpg').absolute()}",
        f"missing\t{(OUT / '2.jpg').absolute()}",
    ]
    assert "4 files: 2 missing, 1 altered" in err


def test_what_an_interrupted_run_left_verifies(say: Say) -> None:
    colour()
    with pytest.raises(EndedError):
        colour(seed=1, overwrite=True, ends_before="2.jpg")
    assert say("verify", "out")[0] == 0


def test_files_of_an_earlier_version_are_counted_for_they_have_no_hash(say: Say) -> None:
    OUT.mkdir()
    (OUT / "0.jpg").write_bytes(b"colouring")
    begun_before_the_ledger(OUT, run_settings(), {OUT / "0.jpg": Path("scans/0.jpg")})
    colour()
    code, _, err = say("verify", "out")
    assert code == 0
    assert "1 of an earlier version" in err


# The report.


def rows(path: str = "report.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_has_a_row_for_every_photo(say: Say, tiny_bundle: Path) -> None:
    Path("scans/bad.jpg").write_bytes(b"")
    words = ("scans", "--out", "out", "--report", "report.csv", "--samples", "2")
    assert say(*words, "--model", str(tiny_bundle))[0] == 1
    found = {Path(row["photograph"]).name: row for row in rows()}
    assert found.keys() == {"bad.jpg", *(f"{number}.jpg" for number in range(4))}
    assert (found["bad.jpg"]["became"], found["bad.jpg"]["reason"]) == ("failed", "empty file")
    assert found["0.jpg"]["became"] == "done"
    made = [str(Path(f"out/0.{k}.jpg").absolute()) for k in (1, 2)]
    assert found["0.jpg"]["colourings"].split("\n") == made
    say(*words)
    assert {row["became"] for row in rows()} == {"failed", "done before"}


def test_a_report_replaces_a_report_and_nothing_else() -> None:
    Path("letter.csv").write_text("dear")
    with pytest.raises(UsageError, match="not a report"), RunReport(Path("letter.csv")):
        pass
    assert Path("letter.csv").read_text() == "dear"
    with pytest.raises(UsageError, match="cannot be written"), RunReport(Path("no/where.csv")):
        pass


def test_a_report_is_text_whatever_names_and_findings_are() -> None:
    job = Job(Path("=cmd().jpg"), OUT, "x", ".jpg", "jpeg", 1, (0,))
    odd = os.fsdecode(b"\xff.jpg") if os.name != "nt" else "x.jpg"
    choice = Choice(order=(1, 0), grey=(1,), is_alike=True, factors=(1.0, 1.0))
    with RunReport(Path("report.csv")) as report:
        report.outcome(Outcome(job.source, "done", job=job, choice=choice, written=(0,)))
        report.outcome(
            Outcome(Path(odd), "failed", f"cannot be read ({odd})\n", warnings=("a", "b"))
        )
    first, second = rows()
    assert Path(first["photograph"]).is_absolute()
    assert (first["grey samples"], first["all alike"]) == ("2", "yes")
    assert second["warnings"] == "a\nb"
