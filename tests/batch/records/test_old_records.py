"""Folders of the version before the ledger are taken over, once."""

from pathlib import Path

import pytest
from made.ledgered import OUT, colour, edit, files, later, put, todo
from made.records import (
    begun_before_the_ledger,
    run_records,
    states,
)
from made.settings import run_settings

from colorize_cli.batch.records.old_records import ORIGINS_NAME, SETTINGS_NAME
from colorize_cli.errors import UsageError

pytestmark = pytest.mark.usefixtures("three_photos")


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
