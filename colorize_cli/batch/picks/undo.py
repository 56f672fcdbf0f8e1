"""Take back what picks put into a folder, as far as nothing is lost with it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ...system.paths import shown
from .record import Record, require_apart


@dataclass(frozen=True)
class Undone:
    """What was taken back."""

    removed: int
    gone: int  # that had been deleted or renamed before
    altered: tuple[Path, ...]  # that were changed since, and stay
    last: tuple[Path, ...]  # whose colouring is not there any more, and that stay

    @property
    def is_whole(self) -> bool:
        """Whether nothing stays."""
        return not self.altered and not self.last


def undo(to: Path, out: Path | None = None) -> Undone:
    """Take back what picks put into a folder and nobody altered since, and folders made for it.

    That is what they took from `out`, or all. What is nowhere else, because its colouring was
    deleted or made again, stays. UsageError is raised where nothing of the kind is known, or both
    are one folder, OSError where a file cannot be deleted.
    """
    if out:
        require_apart(out, to)
    record = Record.of(to)
    places = record.of_folder(out) if out else [*record.files]
    if not places:
        whence = f" from {shown(out)}" if out else ""
        raise UsageError(f"{shown(to)} holds nothing that `colorize pick` has put there{whence}.")
    return take_back(record, places)


def take_back(record: Record, places: Iterable[str]) -> Undone:
    """Take back some of what a record names."""
    removed, gone, altered, last = 0, 0, [], []
    for place in places:
        path = record.folder / place
        if not os.path.lexists(path):
            gone += 1
        elif not record.holds(place):
            altered.append(path)
            continue
        elif record.is_last(place):
            last.append(path)
            continue
        else:
            path.unlink()
            removed += 1
        del record.files[place]
    record.write()
    record.remove_folders()
    return Undone(removed, gone, tuple(altered), tuple(last))
