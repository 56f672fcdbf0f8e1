"""What raters answered: one SQLite file, to which each answer goes before the next pair is shown.

A trial that was begun is marked before its pictures are seen. So whatever ends the server or the
page, what was answered stays, and what was seen without an answer is known to have been seen.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from threading import RLock
from typing import Any

from ..errors import OutputError, UsageError
from ..system.file_systems import is_network_share
from ..system.paths import quoted, shown
from .design import ANSWERS_NAME, Study
from .rater import Answer, Rater
from .trials import Load, seconds_of, trials_of

_VERSION = 1
_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE study (digest TEXT NOT NULL);
CREATE TABLE raters (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, code TEXT UNIQUE, consented TEXT NOT NULL,
    seconds REAL, is_scripted INTEGER NOT NULL, screen TEXT
);
CREATE TABLE trials (
    rater INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, pair TEXT NOT NULL,
    truth_is_left INTEGER NOT NULL, showings INTEGER NOT NULL DEFAULT 0, chose_left INTEGER,
    shown_ms REAL, answered_ms REAL, was_hidden INTEGER, answered TEXT, PRIMARY KEY (rater, n)
) WITHOUT ROWID;
"""

# Raters whose answers count, as far as that is known before all are looked at.
_COUNTING = """
WITH counting AS (
    SELECT rater FROM trials GROUP BY rater
    HAVING COUNT(answered) = COUNT(*) AND SUM(kind = 'catch' AND chose_left = truth_is_left) >= ?
)
"""
# By display, and by pair within one: how many raters count, and how many have begun. People are
# served whatever scripts did.
_DISPLAYS = """
SELECT seconds, SUM(id IN counting), COUNT(*) FROM raters WHERE is_scripted = ? GROUP BY seconds
"""
_PAIRS = """
SELECT pair, SUM(rater IN counting), COUNT(*) FROM trials JOIN raters ON id = rater
WHERE kind = 'comparison' AND is_scripted = ? AND seconds IS ? GROUP BY pair
"""


class CodeError(Exception):
    """A code whose trials cannot be gone on with; the message tells a rater what to do."""


class Answers(AbstractContextManager["Answers"]):
    """The file of answers of a study; safe in several threads, and in several servers at once."""

    def __init__(self, folder: Path, study: Study, *, reads_only: bool = False) -> None:
        """Open it, or begin it.

        Raises:
            UsageError: It is damaged, of another study, or (`reads_only`) not there yet.
            OutputError: It cannot be written.
        """
        self.path, self._study, self._reads_only = folder / ANSWERS_NAME, study, reads_only
        self._lock = RLock()
        if reads_only and not self.path.exists():
            raise UsageError(
                f"nobody has answered yet: `colorize study run {quoted(folder)}` serves the page."
            )
        with self._told():
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            try:
                self._begin()
            except BaseException:
                self._connection.close()
                raise

    def _begin(self) -> None:
        if not self._reads_only:
            # A log needs shared memory, which network shares lack.
            journal = "DELETE" if is_network_share(self.path.parent) else "WAL"
            self._connection.execute(f"PRAGMA journal_mode = {journal}")
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._change():
                if not self._rows("SELECT 1 FROM sqlite_master"):
                    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
                        self._connection.execute(statement)
                    self._connection.execute("INSERT INTO study VALUES (?)", [self._study.digest])
                    self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        ((version,),) = self._rows("PRAGMA user_version")
        if version != _VERSION:
            raise UsageError(f"{shown(self.path)} is of another version of colorize: update it.")
        if [row["digest"] for row in self._rows("SELECT digest FROM study")] != [
            self._study.digest
        ]:
            raise UsageError(
                f"{shown(self.path)} has answers to another study, or `study.json` was changed "
                "since. Put the file back as it was, or move the answers away to begin anew."
            )

    def __exit__(self, *exception: object) -> None:
        with self._lock, suppress(sqlite3.Error):
            if not self._reads_only:  # the log is taken in where no other server needs it: one file
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def add_rater(self, *, code: str, asks_for_time: bool, scripted: bool, screen: str) -> Rater:
        """Begin a rater's trials, or go on with those of the same `code`, where it is not empty.

        CodeError is raised where the code's trials cannot be gone on with like that.
        """
        with self._change():
            known = self._rows("SELECT * FROM raters WHERE code = ?", [code]) if code else []
            if known:
                return self._again(_rater(known[0]), asks_for_time, scripted)
            ((count,),) = self._rows("SELECT COUNT(*) FROM raters")
            number, protocol = count + 1, self._study.protocol
            displays = self._loads(_DISPLAYS, scripted)
            seconds = seconds_of(protocol, displays, asks_for_time=asks_for_time)
            rater = Rater(number, token_urlsafe(24), seconds, scripted)
            trials = trials_of(self._study, number, self._loads(_PAIRS, scripted, seconds))
            row = (number, rater.token, code or None, _now(), seconds, scripted, screen)
            self._connection.execute("INSERT INTO raters VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._connection.executemany(
                "INSERT INTO trials (rater, n, kind, pair, truth_is_left) VALUES (?, ?, ?, ?, ?)",
                [
                    (number, n, trial.kind, trial.pair, trial.truth_is_left)
                    for n, trial in enumerate(trials)
                ],
            )
        return rater

    def _again(self, rater: Rater, asks_for_time: bool, scripted: bool) -> Rater:
        """Go on with a rater's trials, by whoever has the code."""
        if rater.is_scripted != scripted:
            raise CodeError("This code is in use: begin with another one, or without.")
        if not asks_for_time or rater.seconds is None:
            return rater
        query = "SELECT 1 FROM trials WHERE rater = ? AND kind != 'practice' AND showings LIMIT 1"
        if self._rows(query, [rater.id]):
            raise CodeError(
                "With this code, pairs were already shown for a moment: go on without asking for "
                "time, or begin anew without the code."
            )
        self._connection.execute("UPDATE raters SET seconds = NULL WHERE id = ?", [rater.id])
        return replace(rater, seconds=None)

    def _loads(self, query: str, *of: object) -> dict[Any, Load]:
        values = [self._study.protocol.catches_right, *of]
        rows = self._rows(_COUNTING + query, values)
        return {what: Load(counting, begun) for what, counting, begun in rows}

    def rater(self, token: str) -> Rater | None:
        """Find a rater by the token; None where there is none."""
        found = self._rows("SELECT * FROM raters WHERE token = ?", [token])
        return _rater(found[0]) if found else None

    def next_trial(self, rater: Rater) -> Answer | None:
        """Give the first trial without an answer; None where all have one."""
        query = "SELECT * FROM trials WHERE rater = ? AND answered IS NULL ORDER BY n LIMIT 1"
        found = self._rows(query, [rater.id])
        return _answer(found[0]) if found else None

    def trial(self, rater: Rater, n: int) -> Answer | None:
        """Give a trial by its number."""
        found = self._rows("SELECT * FROM trials WHERE rater = ? AND n = ?", [rater.id, n])
        return _answer(found[0]) if found else None

    def mark_shown(self, rater: Rater, n: int) -> None:
        """Note that a trial's pictures are about to be seen."""
        with self._change():
            query = "UPDATE trials SET showings = showings + 1 WHERE rater = ? AND n = ?"
            self._connection.execute(query, [rater.id, n])

    def keep(
        self,
        rater: Rater,
        n: int,
        *,
        chose_left: bool,
        shown_ms: float,
        answered_ms: float,
        was_hidden: bool,
        scripted: bool,
    ) -> None:
        """Keep an answer for good, unless the trial has one; a script makes the rater one."""
        values = [chose_left, shown_ms, answered_ms, was_hidden, _now(), rater.id, n]
        with self._change():
            self._connection.execute(
                "UPDATE trials SET chose_left = ?, shown_ms = ?, answered_ms = ?, was_hidden = ?, "
                "answered = ? WHERE rater = ? AND n = ? AND answered IS NULL",
                values,
            )
            if scripted:
                self._connection.execute(
                    "UPDATE raters SET is_scripted = 1 WHERE id = ?", [rater.id]
                )

    def raters(self) -> list[Rater]:
        """Give all raters."""
        return [_rater(row) for row in self._rows("SELECT * FROM raters ORDER BY id")]

    def answered(self) -> list[Answer]:
        """Give all trials that have an answer, by rater and in their order."""
        query = "SELECT * FROM trials WHERE answered IS NOT NULL ORDER BY rater, n"
        return [_answer(row) for row in self._rows(query)]

    def _rows(self, query: str, values: list[Any] | None = None) -> list[sqlite3.Row]:
        with self._lock, self._told():
            return self._connection.execute(query, values or []).fetchall()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Change it, wholly or not at all; it has reached the disk when the block is left."""
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(f"{shown(self.path)} cannot be used: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"{shown(self.path)} is damaged ({error}): move it away to begin anew."
            ) from error


def _rater(row: sqlite3.Row) -> Rater:
    return Rater(row["id"], row["token"], row["seconds"], bool(row["is_scripted"]))


def _answer(row: sqlite3.Row) -> Answer:
    chose = row["chose_left"]
    return Answer(
        row["rater"],
        row["n"],
        row["kind"],
        row["pair"],
        bool(row["truth_is_left"]),
        row["showings"],
        None if chose is None else bool(chose),
        row["shown_ms"],
        row["answered_ms"],
        bool(row["was_hidden"]),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
