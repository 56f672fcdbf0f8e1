"""The rows of runs: the settings of each, which the next one keeps to, and what came before."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ... import __version__
from ...errors import UsageError
from ...system.paths import composed, shown
from ..settings import RunSettings, decisive
from .database import TEXT, Database, as_text
from .old_records import old_files, old_settings

# The shipped default's digests: before they were taken from canonical JSON, before large photos had
# views of their own, and now. Folders that were begun before hold colourings of the same model, in
# the size that their settings name.
_OLD_DIGESTS = (
    "375c6c39f69054e308269d1bd10b5f4197009b0cde4f308923a645cb502f7738",
    "6c01fdcc448038179b842e484727e63c011a0e200bfca0fc91a0ca87d1ef2e0a",
)
_DIGEST = "7d0b04b685ce4b4b3ef7058f4e2c9e005de959b1eb4b3f1b31c8b436345ee57d"


class Made:
    """What colourings are made with, as their rows have it."""

    def __init__(self, settings: RunSettings) -> None:
        """Take the settings of a run."""
        text = json.dumps(decisive(settings), sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()  # of all that decides pixels
        self.bundle = settings.model_digest
        self.seed = settings.seed


def add_run(database: Database, settings: RunSettings, is_part: bool = False) -> int:
    """Write down a run's settings; return its number. Those of a part are not the folder's."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    values = (now, __version__, json.dumps(asdict(settings)), is_part)
    with database.change() as connection:
        cursor = connection.execute(
            "INSERT INTO runs (started, version, settings, is_part) VALUES (?, ?, ?, ?)", values
        )
        number = cursor.lastrowid
    assert number is not None
    return number


def last_settings(database: Database) -> RunSettings | None:
    """Return what the last run used, if any; UsageError where its record cannot be used."""
    rows = database.rows("SELECT settings FROM runs WHERE NOT is_part ORDER BY id DESC LIMIT 1")
    if not rows:
        return None
    try:
        return _parse(rows[0][0])
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"the settings of the last run in {shown(database.path)} cannot be used ({error}): "
            "update colorize, or move the file away to begin a new ledger."
        ) from error


def unlike(database: Database, named: Mapping[str, object]) -> frozenset[str]:
    """The settings, as `Made` has them, of the runs of which one that is named differs."""
    found = set()
    for (text,) in database.rows("SELECT DISTINCT settings FROM runs") if named else ():
        with suppress(ValueError, TypeError):  # of another version, of which nothing is known
            settings = RunSettings(**json.loads(text))
            model = _parse(text).model_digest
            recorded = vars(settings) | {"model_digest": model}
            if any(recorded[name] != value for name, value in named.items()):
                found.add(Made(settings).digest)
    return frozenset(found)


def _parse(text: str) -> RunSettings:
    settings = RunSettings(**json.loads(text))
    is_older = settings.model_digest in _OLD_DIGESTS
    return replace(settings, model_digest=_DIGEST) if is_older else settings


def take_over(database: Database, out: Path) -> bool:
    """Read the records of before the ledger; whether there were any. UsageError if damaged."""
    settings = old_settings(out)
    for each in settings[-1:]:
        _check(each, out)
    files = list(old_files(out))
    with database.change() as connection:
        connection.executemany(
            "INSERT INTO runs (settings) VALUES (?)", [(json.dumps(each),) for each in settings]
        )
        connection.executemany(
            f"INSERT OR REPLACE INTO photos (path, sha256, state) VALUES ({TEXT}, ?, 'done')",
            {file.photo: (as_text(file.photo), file.source) for file in files}.values(),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO files (folder, name, place, photo, source, state) "
            f"VALUES ({TEXT}, {TEXT}, {TEXT}, {TEXT}, ?, 'placed')",
            [
                (
                    as_text(composed(file.folder)),
                    as_text(composed(file.name)),
                    as_text(PurePosixPath(file.folder, file.name).as_posix()),
                    as_text(file.photo),
                    file.source,
                )
                for file in files
            ],
        )
    return bool(settings or files)


def _check(settings: dict[str, Any], out: Path) -> None:
    from .old_records import SETTINGS_NAME

    try:
        RunSettings(**settings)
    except TypeError as error:
        raise UsageError(
            f"{shown(out / SETTINGS_NAME)} is damaged ({error}). Delete it to begin a new record; "
            "the photographs in the folder stay."
        ) from error
