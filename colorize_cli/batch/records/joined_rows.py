"""The rows of several ledgers, and how they become those of one."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .database import TEXT, Database, as_text

_PHOTO = (
    *("path", "size", "mtime_ns", "sha256", "bundle", "settings", "seed", "state", "reason"),
    *("seconds", "ended", "run", "kind", "grey", "is_alike", "warnings"),
)
_FILE = (
    *("folder", "name", "place", "photo", "sample", "source", "settings", "sha256", "before"),
    *("size", "mtime_ns", "state"),
)
_TEXTS = {"path", "folder", "name", "place", "photo"}  # which are bytes of the disk


class PhotoFacts(NamedTuple):
    """What is compared of a photograph."""

    sha256: str | None
    ended: float | None


class FileFacts(NamedTuple):
    """What is compared of a colouring."""

    key: tuple[str, str]  # its folder and its name
    place: str
    source: str
    digests: frozenset[str | None]  # of what may be there


def read_photos(database: Database) -> dict[str, PhotoFacts]:
    """Read the photographs by path."""
    rows = database.rows("SELECT path, sha256, ended FROM photos")
    return {path: PhotoFacts(*facts) for path, *facts in rows}


def read_files(database: Database) -> Iterator[FileFacts]:
    """Read the colourings, in the order of their places."""
    query = "SELECT folder, name, place, source, sha256, before, state FROM files ORDER BY place"
    for folder, name, place, source, sha256, before, state in database.rows(query):
        digests = {sha256} if state == "placed" else {sha256, before}
        yield FileFacts((folder, name), place, source, frozenset(digests))


def join_rows(target: Database, parts: Sequence[Database]) -> None:
    """Write the rows of all parts into one ledger; of a photograph the one that ended last."""
    known = read_photos(target)
    numbers = _join_runs(target, parts)
    for part, numbers_of_part in zip(parts, numbers, strict=True):
        photos = []
        for row in part.rows(f"SELECT {', '.join(_PHOTO)} FROM photos"):
            facts = dict(zip(_PHOTO, row, strict=True))
            before, now = known.get(facts["path"]), PhotoFacts(facts["sha256"], facts["ended"])
            if before is None or (before.ended or 0) <= (now.ended or 0):
                known[facts["path"]] = now
                photos.append(facts | {"run": numbers_of_part.get(facts["run"])})
        files = part.rows(f"SELECT {', '.join(_FILE)} FROM files")
        with target.change() as connection:
            connection.executemany(_insert("photos", _PHOTO), [_values(each) for each in photos])
            connection.executemany(
                _insert("files", _FILE), [_values(dict(zip(_FILE, f, strict=True))) for f in files]
            )


def _join_runs(target: Database, parts: Sequence[Database]) -> list[dict[int, int]]:
    """Write the runs of all parts, the last one last; give their new numbers, part by part."""
    columns = "started, version, settings, is_part"
    known = {tuple(row): id for id, *row in target.rows(f"SELECT id, {columns} FROM runs")}
    runs = [
        (row, place, id)
        for place, part in enumerate(parts)
        for id, *row in part.rows(f"SELECT id, {columns} FROM runs")
    ]
    runs.sort(key=lambda run: (run[0][0] or "", run[1:]))
    numbers: list[dict[int, int]] = [{} for _ in parts]
    with target.change() as connection:
        for row, place, id in runs:
            if tuple(row) not in known:
                query = f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?)"
                known[tuple(row)] = connection.execute(query, row).lastrowid
            numbers[place][id] = known[tuple(row)]
    return numbers


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(TEXT if column in _TEXTS else "?" for column in columns)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({places})"


def _values(facts: dict[str, Any]) -> list[Any]:
    return [as_text(value) if name in _TEXTS else value for name, value in facts.items()]
