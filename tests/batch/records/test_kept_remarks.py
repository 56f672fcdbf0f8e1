"""What the ledger keeps of a photograph's other colourings when some of them are made again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import OUT, colour, put

from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.records.database import Database
from colorize_cli.batch.records.kept_remarks import Remarks, remarks_on
from colorize_cli.imaging.choose_samples import Choice

PHOTO = Path("scans/a.jpg")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The ledger of a photograph of four samples: 2 and 4 are grey, all alike, one warning."""
    monkeypatch.chdir(tmp_path)
    put(str(PHOTO))
    colour(samples=4)
    with Database(OUT) as opened:
        with opened.change() as connection:
            connection.execute(
                "UPDATE photos SET grey = '[2, 4]', is_alike = 1, warnings = '[\"before\"]', "
                "state = 'degraded', reason = 'size 96 instead of 192'"
            )
        yield opened


def made(samples: int, only: int | None, grey: tuple[int, ...], *, is_alike: bool) -> Outcome:
    """What a run says that has judged the samples asked for, by their numbers from 0."""
    asked = tuple(range(samples)) if only is None else (only,)
    job = Job(PHOTO, OUT, "a", ".jpg", "jpeg", samples, asked, only=only)
    choice = Choice(asked, grey, is_alike, (1.0,) * len(asked))
    facts: dict[str, Any] = {"warnings": ("now",), "written": asked}
    return Outcome(PHOTO, "done", job=job, choice=choice, **facts)


def test_of_one_sample_the_flags_are_new_and_those_of_the_others_stay(database: Database) -> None:
    one = made(2, 1, (), is_alike=False)
    less = "size 96 instead of 192"
    assert remarks_on(database, one.photo, one) == Remarks([4], True, ["before", "now"], less)
    grey = made(3, 2, (2,), is_alike=False)
    assert remarks_on(database, grey.photo, grey).grey == [2, 3, 4]


@pytest.mark.parametrize(("is_alike", "are_all"), [(True, True), (False, False)])
def test_fewer_samples_than_there_are_leave_the_rest_its_flags(
    database: Database, is_alike: bool, are_all: bool
) -> None:
    two = made(2, None, (0,), is_alike=is_alike)
    found = remarks_on(database, two.photo, two)
    assert (found.grey, found.is_alike) == ([1, 4], are_all)


def test_of_all_samples_nothing_of_before_is_left(database: Database) -> None:
    whole = made(4, None, (2,), is_alike=False)
    assert remarks_on(database, whole.photo, whole) == Remarks([3], False, ("now",))


def test_a_photograph_that_fails_keeps_what_is_said_of_its_files(database: Database) -> None:
    failed = Outcome(PHOTO, "failed", "Input/output error")
    found = remarks_on(database, failed.photo, failed)
    assert (found.grey, found.is_alike, found.warnings) == ([2, 4], True, ["before"])


def test_of_a_photograph_that_is_new_only_the_run_speaks(database: Database) -> None:
    new = Outcome(Path("scans/new.jpg"), "failed", "not a JPEG file")
    assert remarks_on(database, new.photo, new) == Remarks(None, None, ())
