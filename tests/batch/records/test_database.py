"""Ledgers on file systems that cannot do all, and ledgers that cannot be used."""

import sqlite3
from typing import Any

import pytest
from made.ledgered import OUT, colour

from colorize_cli.batch.ledger import Ledger
from colorize_cli.batch.records import database
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.errors import UsageError

pytestmark = pytest.mark.usefixtures("three_photos")


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
