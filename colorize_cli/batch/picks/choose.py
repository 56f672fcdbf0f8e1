"""Copy the chosen colourings of an output folder into a folder of their own, and take them back."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ...system.locks import require_folder
from ...system.messages import Messages
from ...system.paths import absolute, folded, shown
from ..records.inspect_folder import open_ledgers
from ..sheet.entries import Entry, entries_of
from .putting import Chosen, Putter
from .record import Record
from .table import Pick, read_picks


@dataclass(frozen=True)
class Picked:
    """What became of picks."""

    linked: int  # as another name of the colouring's file
    copied: int
    there: int  # that were there already
    problems: tuple[tuple[str, str], ...]  # photographs, and why their pick was not taken
    without: tuple[str, ...]  # photographs that have colourings and no pick
    failed: tuple[str, ...]  # photographs that have no colouring
    altered: tuple[str, ...]  # colourings that were changed since they were made, and taken so


@dataclass(frozen=True)
class Undone:
    """What was taken back."""

    removed: int
    gone: int  # that had been deleted or renamed before
    altered: tuple[Path, ...]  # that were changed since, and stay
    last: tuple[Path, ...] = ()  # whose colouring is not there any more, and that stay


def choose(
    out: Path, table: Path, to: Path, messages: Messages, *, as_copies: bool = False
) -> Picked:
    """Put the picked colourings of an output folder into the folder `to`, in the same tree.

    Each is a hard link where the file system has them, unless `as_copies`, and has the name of its
    photograph, without the sample's number. What another pick put there before gives way, unless it
    was altered since; other files stay, and their photographs are problems.

    Raises:
        UsageError: The table makes no sense, `to` is no place for it, or `out` has no ledger.
        OSError: The folder cannot be written to.
    """
    picks = read_picks(table)
    _require_apart(out, to)
    with open_ledgers(out) as databases:
        entries = entries_of(databases, out)
    chosen, problems = _resolve(picks, entries)
    putter = Putter(out, Record.of(to), as_copies=as_copies)
    problems += putter.put_all(_places(chosen), messages)
    picked = {pick.photograph for pick in picks} | {each.entry.photo for each in chosen}
    without = [e.photo for e in entries if not {e.photo, shown(e.photo)} & picked]
    has_none = {entry.photo for entry in entries if not entry.samples}
    return Picked(
        linked=putter.counts["linked"],
        copied=putter.counts["copied"],
        there=putter.counts["there"],
        problems=tuple(problems),
        without=tuple(photo for photo in without if photo not in has_none),
        failed=tuple(photo for photo in without if photo in has_none),
        altered=tuple(
            each.sample.place for each in chosen if each.sample.digest != each.sample.made != ""
        ),
    )


def undo(to: Path) -> Undone:
    """Take back all that picks put into a folder and nobody altered since, and folders made for it.

    What is nowhere else, because its colouring was deleted or made again, stays.

    UsageError is raised where nothing of the kind is known, OSError where a file cannot be deleted.
    """
    record = Record.of(to)
    if not record.files:
        raise UsageError(f"{shown(to)} holds nothing that `colorize pick` has put there.")
    removed, gone, altered, last = 0, 0, [], []
    for place in list(record.files):
        path = to / place
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


def _require_apart(out: Path, to: Path) -> None:
    require_folder(to)
    with suppress(OSError):
        if to.samefile(out):
            raise UsageError(f"--to {shown(to)} is the folder of the colourings: name another.")


def _resolve(
    picks: Sequence[Pick], entries: Sequence[Entry]
) -> tuple[list[Chosen], list[tuple[str, str]]]:
    """Find what was picked, and say of the rest why it is not there."""
    known = {shown(entry.photo): entry for entry in entries}
    chosen: dict[str, Chosen] = {}
    problems = []
    for pick in picks:
        entry = known.get(pick.photograph) or known.get(shown(absolute(Path(pick.photograph))))
        samples = {sample.number: sample for sample in entry.samples} if entry else {}
        sample = samples.get(pick.sample)
        if entry is None:
            why = f"line {pick.line}: the ledger has no such photograph"
        elif sample is None:
            numbers = ", ".join(map(str, samples)) or "none"
            why = f"line {pick.line}: there is no sample {pick.sample} of it, but {numbers}"
        elif pick.digest and sample.made and not sample.made.startswith(pick.digest):
            why = f"line {pick.line}: it was coloured again since it was picked: look once more"
        else:
            chosen[entry.photo] = Chosen(pick, entry, sample)
            continue
        problems.append((pick.photograph, why))
    return list(chosen.values()), problems


def _places(chosen: Sequence[Chosen]) -> dict[str, Chosen]:
    """Name each by its photograph; those that would share a name keep their numbers."""
    counts = Counter(folded(each.plain_place) for each in chosen)
    return {
        each.plain_place if counts[folded(each.plain_place)] == 1 else each.sample.place: each
        for each in chosen
    }
