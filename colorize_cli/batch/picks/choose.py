"""Put the chosen colourings of an output folder into a folder of their own."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from ...system.messages import Messages
from ...system.paths import folded, shown
from ..records.inspect_folder import open_ledgers
from ..sheet.entries import Entry, entries_of
from .named import Named
from .putting import Chosen, Putter
from .record import Record, require_apart
from .table import Pick, read_picks
from .undo import Undone, take_back


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
    earlier: Undone  # what became of earlier picks that are none any more


def choose(
    out: Path, table: Path, to: Path, messages: Messages, *, as_copies: bool = False
) -> Picked:
    """Put the picked colourings of an output folder into the folder `to`, in the same tree.

    Each is a hard link where the file system has them, unless `as_copies`, and has the name of its
    photograph, without the sample's number. What an earlier pick of the same photograph put there
    gives way, unless it was altered since, and so do earlier picks of photographs that the table
    has no more, if all that it has are known. Other files stay, those of another output folder too,
    and their photographs are problems.

    Raises:
        UsageError: The table makes no sense, `to` is no place for it, or `out` has no ledger.
        OSError: The folder cannot be written to.
    """
    picks = read_picks(table)
    require_apart(out, to)
    with open_ledgers(out) as databases:
        entries = entries_of(databases, out)
    named = Named(entries)
    rows = [(pick, named.meant(pick.photograph)) for pick in picks]
    chosen, problems = _resolve(rows)
    record = Record.of(to)
    putter = Putter(out, record, as_copies=as_copies)
    problems += putter.put_all(_places(chosen), messages)
    picked = {meant[0].photo for _, meant in rows if len(meant) == 1}
    # Who says what is not picked any more has to name photographs as they are known here.
    kept = picked if all(len(meant) == 1 for _, meant in rows) else None
    earlier = take_back(record, _earlier(record, out, putter.done, kept))
    without = [e.photo for e in entries if e.photo not in picked]
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
        earlier=earlier,
    )


def _earlier(
    record: Record, out: Path, done: Mapping[str, Chosen], kept: Set[str] | None
) -> list[str]:
    """The places of picks of an output folder that are elsewhere now, or not picked any more.

    Where `kept` is None, nobody knows which are not picked any more.
    """
    taken = set(map(folded, done))
    moved = {each.entry.photo for each in done.values()}
    photos = {place: record.files[place].photo for place in record.of_folder(out)}
    gone = {p for p in photos.values() if kept is not None and p not in kept}
    return [
        place
        for place, photo in photos.items()
        if folded(place) not in taken and photo in moved | gone
    ]


def _resolve(
    rows: Sequence[tuple[Pick, Sequence[Entry]]],
) -> tuple[list[Chosen], list[tuple[str, str]]]:
    """Find what was picked, and say of the rest why it is not there.

    Of several rows of a photograph, of tables that were joined, the last counts.
    """
    last = {
        meant[0].photo if len(meant) == 1 else pick.photograph: (pick, meant)
        for pick, meant in rows
    }
    chosen, problems = [], []
    for pick, meant in last.values():
        samples = {sample.number: sample for entry in meant[:1] for sample in entry.samples}
        sample = samples.get(pick.sample)
        if not meant:
            why = "the ledger has no such photograph, by its path or its name on the sheet"
        elif len(meant) > 1:
            two = " and ".join(shown(entry.photo) for entry in meant[:2])
            why = f"that may be {two}: write its whole path"
        elif sample is None:
            numbers = ", ".join(map(str, samples)) or "none"
            why = f"there is no sample {pick.sample} of it, but {numbers}"
        elif pick.digest and sample.made and not sample.made.startswith(pick.digest):
            why = "it was coloured again since it was picked: look once more"
        else:
            chosen.append(Chosen(pick, meant[0], sample))
            continue
        problems.append((pick.photograph, f"line {pick.line}: {why}"))
    return chosen, problems


def _places(chosen: Sequence[Chosen]) -> dict[str, Chosen]:
    """Name each by its photograph; those that would share a name keep their numbers."""
    counts = Counter(folded(each.plain_place) for each in chosen)
    return {
        each.plain_place if counts[folded(each.plain_place)] == 1 else each.sample.place: each
        for each in chosen
    }
