"""The table of picks, `picks.csv`: a row a photograph, as the sheet or a person writes it."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError, reason_of
from ...system.paths import shown

COLUMNS = ("photograph", "sample", "colouring", "key")  # the last two may be left out
_LARGEST = 1 << 28  # bytes
_DIGITS = 9  # of a sample's number, at most


@dataclass(frozen=True)
class Pick:
    """A row: which sample of a photograph was picked."""

    line: int  # in the file, from 1
    photograph: str  # its path, as `shown` writes it, or its name on the sheet
    sample: int  # from 1
    key: str = ""  # "s" and the first 20 digits of the colouring's SHA-256, where it is known

    @property
    def digest(self) -> str:
        """The first digits of the SHA-256 of the colouring that was seen; empty if unknown."""
        return self.key.removeprefix("s")


def read_picks(path: Path) -> list[Pick]:
    """Read the rows of a table of picks, which a spreadsheet may have saved, with other separators.

    Raises:
        UsageError: It cannot be read, is no such table, or has a row that makes no sense.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{shown(path)} is too large for a table of picks.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown(path)} is not in UTF-8: save it as CSV in UTF-8.") from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        if not {"photograph", "sample"} <= set(names):
            raise UsageError(
                f"{shown(path)} is no table of picks: its first line has to name the columns "
                "photograph and sample. The sheet's button saves one."
            )
        found = [
            _pick(path, rows.line_num, dict(zip(names, row, strict=False)))
            for row in rows
            if any(row)
        ]
    except csv.Error as error:
        raise UsageError(f"{shown(path)}, line {rows.line_num}: {error}") from error
    return found


def _pick(path: Path, line: int, row: dict[str, str]) -> Pick:
    sample = row.get("sample", "").strip()
    photograph = row.get("photograph", "")
    is_number = sample.isdecimal() and len(sample) <= _DIGITS and int(sample) >= 1
    if not photograph or not is_number:
        raise UsageError(
            f"{shown(path)}, line {line}: a row has the path of a photograph and the number of a "
            f"sample, from 1, not {photograph!r} and {sample!r}."
        )
    return Pick(line, photograph, int(sample), row.get("key", "").strip())
