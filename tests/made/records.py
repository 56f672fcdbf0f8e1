"""What an output folder's ledger has, and the records of the version before it."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.records.old_records import ORIGINS_NAME, SETTINGS_NAME
from colorize_cli.batch.settings import RunSettings


def asked(out: Path | str, query: str, *values: object) -> list[Any]:
    """Ask the ledger of a folder for rows, or change it."""
    with closing(sqlite3.connect(Path(out, LEDGER_NAME))) as connection, connection:
        return connection.execute(query, values).fetchall()


def run_records(out: Path | str) -> list[dict[str, Any]]:
    """Settings of all runs into a folder, the last one last."""
    return [json.loads(text) for (text,) in asked(out, "SELECT settings FROM runs ORDER BY id")]


def change_last_settings(out: Path | str, **changes: object) -> None:
    """Have the last run had other settings."""
    text = json.dumps(run_records(out)[-1] | changes)
    asked(out, "UPDATE runs SET settings = ? WHERE id = (SELECT max(id) FROM runs)", text)


def states(out: Path | str) -> dict[str, str]:
    """State of each photograph, by the name of its file."""
    return {Path(path).name: state for path, state in asked(out, "SELECT path, state FROM photos")}


def begun_before_the_ledger(out: Path, settings: RunSettings, made: Mapping[Path, Path]) -> None:
    """Write the records of a folder as the version before did; `made` has sources by output."""
    record = {"format": 1, "settings": asdict(settings), "earlier": []}
    (out / SETTINGS_NAME).write_text(json.dumps(record, indent=2) + "\n")
    with (out / ORIGINS_NAME).open("ab") as file:
        for output, source in made.items():
            line = {
                "path": str(source.absolute()),
                "digest": sha256(source.read_bytes()).hexdigest(),
                "folder": output.parent.relative_to(out).as_posix(),
                "names": [output.name],
            }
            file.write(b"\n" + json.dumps(line).encode())
