"""The SQLite file of an output folder: opening it, its tables, and changes that are whole or none.

Paths are text with the very bytes that they have on disk, as `os.fsencode` gives them.
"""

import errno
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from ...errors import UsageError
from ...system.file_systems import is_network_share
from ...system.paths import absolute, shown

LEDGER_NAME = ".colorize.sqlite"
_SHARD = re.compile(r"\.colorize\.(\d+-of-\d+)\.sqlite")
_VERSION = 1
_BUSY_SECONDS = 30.0
# `photos` has a row a photograph, `files` one a colouring: `docs/ledger.md` tells the columns.
_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, started TEXT, version TEXT, settings TEXT NOT NULL,
    is_part INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE photos (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT, bundle TEXT, settings TEXT,
    seed INTEGER, state TEXT NOT NULL, reason TEXT, seconds REAL, ended REAL, run INTEGER,
    kind TEXT, grey TEXT, is_alike INTEGER, warnings TEXT
) WITHOUT ROWID;
CREATE TABLE files (
    folder TEXT, name TEXT, place TEXT NOT NULL, photo TEXT NOT NULL, sample INTEGER,
    source TEXT NOT NULL, settings TEXT, sha256 TEXT, before TEXT, size INTEGER, mtime_ns INTEGER,
    state TEXT NOT NULL, PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE INDEX photos_by_state ON photos (state);
CREATE INDEX files_by_photo ON files (photo);
"""


class Database(AbstractContextManager["Database"]):
    """The database of an output folder; in memory until `keep`, where there is none yet.

    One connection serves all threads, one at a time. What SQLite cannot do is an OSError.
    """

    def __init__(self, out: Path, shard: str = "", *, reads_only: bool = False) -> None:
        """Open the ledger of whole runs, or of a shard by its name, where it is there.

        UsageError is raised where it is damaged, or of a later version.
        """
        self.path = absolute(out) / (f".colorize.{shard}.sqlite" if shard else LEDGER_NAME)
        self._lock = RLock()
        self._inode: tuple[int, int] | None = None
        self._is_logged = False
        self._connection = self._open(reads_only)

    @property
    def is_kept(self) -> bool:
        """Whether it is a file by now."""
        return self._inode is not None

    def is_there(self) -> bool:
        """Whether the file is still the one that was opened, if it is one."""
        return self._inode is None or _inode(self.path) == self._inode

    def __exit__(self, *exception: object) -> None:
        with self._lock, suppress(sqlite3.Error):
            if self._is_logged:  # the log is taken in: one file is left, to read or to copy
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Ask for rows."""
        with self._lock, self._told():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Change it, wholly or not at all; it has reached the disk when the block is left."""
        with self._lock, self._told():
            if not self.is_there():
                raise OSError(errno.ENOENT, "the ledger has gone", str(self.path))
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def keep(self) -> None:
        """Make it a file, and ready for writing; OSError where that fails."""
        with self._lock, self._told():
            if not self.is_kept:
                memory, file = self._connection, _connect(self.path, "rwc")
                if file.execute("SELECT 1 FROM sqlite_master").fetchone():
                    file.close()
                    raise OSError(errno.EEXIST, "another run has begun there", str(self.path))
                memory.backup(file)
                memory.close()
                self._connection = file
                self._inode = _inode(self.path)
            if not self._is_logged:
                self._is_logged = _use_log(self._connection, self.path)

    def _open(self, reads_only: bool) -> sqlite3.Connection:
        if _inode(self.path) is None:
            return _new()
        try:
            try:
                connection, version, is_empty = _look(self.path, "ro" if reads_only else "rw")
            except sqlite3.OperationalError:  # what a killed run left has to be put right first
                connection, version, is_empty = _look(self.path, "rw")
            if is_empty:  # a run ended while it was begun
                connection.close()
                return _new()
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        except sqlite3.Error as error:
            raise UsageError(
                f"{shown(self.path)} cannot be used ({error}). If it is damaged, move it away to "
                "begin a new ledger; the photographs in the folder stay, and are not known."
            ) from error
        if version != _VERSION:
            connection.close()
            raise UsageError(f"{shown(self.path)} is of a later version of colorize: update it.")
        self._inode = _inode(self.path)
        self._is_logged = journal == "wal" and not reads_only  # a run was killed
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            number, text = errno.EIO, f"the ledger cannot be used: {error}"
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                number, text = errno.ENOSPC, os.strerror(errno.ENOSPC)
            raise OSError(number, text, str(self.path)) from error


def is_ledger(name: str) -> bool:
    """Whether a file's name is that of a ledger."""
    return name == LEDGER_NAME or _SHARD.fullmatch(name) is not None


def ledgers_in(out: Path) -> list[str]:
    """Name the ledgers of a folder: "" is that of whole runs, and shards have their names."""
    try:
        names = sorted(path.name for path in out.iterdir())
    except OSError:
        return []
    shards = [match[1] for match in map(_SHARD.fullmatch, names) if match]
    return [""] * (LEDGER_NAME in names) + shards


def as_text(path: str) -> bytes:
    """Give a path or a name to SQLite, where `TEXT` takes it."""
    return os.fsencode(path)


TEXT = "CAST(? AS TEXT)"


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path | None, mode: str) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode={mode}" if path else ":memory:"
    connection = sqlite3.connect(
        uri, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
    )
    # As `os.fsdecode`, without a function of Python's for each text.
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    connection.text_factory = partial(str, encoding=encoding, errors=errors)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _look(path: Path, mode: str) -> tuple[sqlite3.Connection, int, bool]:
    """Open a file; give its version, and whether nothing is in it. sqlite3.Error if damaged."""
    connection = _connect(path, mode)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        is_empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if version == _VERSION and not is_empty:
            connection.execute("SELECT 1 FROM photos").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, version, is_empty


def _new() -> sqlite3.Connection:
    connection = _connect(None, "rwc")
    connection.executescript(f"{_TABLES}; PRAGMA user_version = {_VERSION}")
    return connection


def _use_log(connection: sqlite3.Connection, path: Path) -> bool:
    """Write ahead to a log, where the file system can: a change is one sync, and readers wait not.

    Network shares lack the shared memory that it takes, and some others fail at the first use.
    """
    if not is_network_share(path.parent):
        with suppress(sqlite3.Error):
            (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            if journal == "wal":
                return True
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(f"PRAGMA user_version = {_VERSION}")  # which raises where nothing can write
    return False
