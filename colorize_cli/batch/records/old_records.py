"""The records of before the ledger: settings in JSON, and a line of JSON a file.

They are read once, when a ledger is begun beside them, and stay as they are.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UsageError
from ...system.paths import shown

SETTINGS_NAME = ".colorize.json"
ORIGINS_NAME = ".colorize.origins.jsonl"
_FORMAT = 1


class OldFile(NamedTuple):
    """A file, by its folder below the output folder and its name, and the photo it was made of."""

    folder: str
    name: str
    photo: str
    source: str  # SHA-256 (hex) of the photograph's bytes


def old_settings(out: Path) -> list[dict[str, Any]]:
    """Read the settings of the runs, the last one last; UsageError where they cannot be used."""
    path = out / SETTINGS_NAME
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != _FORMAT:
            raise UsageError(f"{shown(path)} is of a later version of colorize: update colorize.")
        runs = [*found["earlier"], found["settings"]]
        if not all(isinstance(run, dict) for run in runs):
            raise TypeError("settings are no table")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{shown(path)} is damaged ({error}). Delete it to begin a new record; the photographs "
            "in the folder stay."
        ) from error
    return runs


def old_files(out: Path) -> Iterator[OldFile]:
    """Read what the files were made of, in the order of writing; damaged lines count nothing."""
    with suppress(OSError), (out / ORIGINS_NAME).open("rb") as file:
        for line in file:
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                yield from _parse(line)


def _parse(line: bytes) -> list[OldFile]:
    """Read a line: ValueError, TypeError or KeyError where it is cut off or damaged."""
    fields = json.loads(line)
    path, digest, folder, names = (fields[key] for key in ("path", "digest", "folder", "names"))
    if not isinstance(names, list) or not all(
        isinstance(text, str) for text in (path, digest, folder, *names)
    ):
        raise TypeError(line)
    return [OldFile(folder, name, path, digest) for name in names]
