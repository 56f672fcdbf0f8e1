"""Puts chosen colourings into a folder: as links, or as copies where there are none."""

import os
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from ...errors import reason_of
from ...system.files import copy_times, digest_of, take_name, written_beside
from ...system.messages import Messages
from ...system.paths import absolute, composed, quoted, shown
from ..sheet.entries import Entry, Sample
from .record import Put, Record
from .table import Pick


@dataclass(frozen=True)
class Chosen:
    """A colouring that was picked."""

    pick: Pick
    entry: Entry
    sample: Sample

    @property
    def plain_place(self) -> str:
        """Its place below the folder without its number, as if it were the only one."""
        path = PurePosixPath(self.sample.place)
        stem = path.stem.removesuffix(f".{self.sample.number}")
        if composed(path.stem) == composed(PurePath(self.entry.photo).stem):  # `a.1.jpg`, alone
            return str(path)
        return str(path.with_name(stem + path.suffix)) if stem else str(path)


class Putter:
    """Puts files into a folder whose record names them before they are there."""

    def __init__(self, out: Path, record: Record, *, as_copies: bool) -> None:
        """Take the folder of the colourings, and the record of the one that they go to."""
        self._out = absolute(out)
        self._record = record
        self._as_copies = as_copies
        self._own = set(record.of_folder(out))  # places of what is from that folder
        self.counts: Counter[str] = Counter()
        self.done: dict[str, Chosen] = {}

    def put_all(self, places: dict[str, Chosen], messages: Messages) -> list[tuple[str, str]]:
        """Put them there; give the photographs of which that failed, and why."""
        problems, todo = [], {}
        for place, each in places.items():
            if why := self._in_the_way(place, each):
                problems.append((shown(each.entry.photo), why))
            else:
                todo[place] = each
        self._intend(todo)
        with messages.progress(len(todo)) as progress:
            for place, each in todo.items():
                try:
                    self.counts[self._put(place, each)] += 1
                    self.done[place] = each
                except FileExistsError:
                    problems.append((shown(each.entry.photo), _taken(self._path(place))))
                    del self._record.files[place]
                progress.advance()
        self._settle()
        return problems

    def _path(self, place: str) -> Path:
        return self._record.folder / place

    def _source(self, each: Chosen) -> Path:
        return self._out / each.sample.place

    def _in_the_way(self, place: str, each: Chosen) -> str:
        """Say what keeps a file from being put there."""
        path, put = self._path(place), self._record.files.get(place)
        try:
            if not os.path.lexists(path):
                return ""
            if put and place not in self._own:
                return _of_another(path, put, self._record.folder)
            if self._record.holds(place):
                return ""
            if path.is_file() and digest_of(path) == each.sample.digest:
                return ""
        except OSError as error:
            return reason_of(error)
        if put:
            return f"{shown(path)} was altered since it was put there: move it away"
        return _taken(path)

    def _intend(self, todo: dict[str, Chosen]) -> None:
        """Write down what is to come, beside what is there."""
        for place, each in todo.items():
            before = self._record.files.get(place)
            if before is None and os.path.lexists(self._path(place)):
                continue  # somebody else's, with the same content: it stays theirs
            self._record.make_folders(place)
            status = self._source(each).stat()
            self._record.files[place] = Put(
                [each.sample.digest, *(before.sha256[:1] if before else [])],
                each.entry.photo,
                str(self._out),
                each.sample.place,
                status.st_size,
                status.st_mtime_ns,
            )
        if self._record.files:
            self._record.write()

    def _put(self, place: str, each: Chosen) -> str:
        path, source = self._path(place), self._source(each)
        is_there = os.path.lexists(path)
        if is_there and (place not in self._record.files or self._is_done(path, each)):
            return "there"
        if not self._as_copies and not source.is_symlink() and _linked(source, path, is_there):
            return "linked"
        with written_beside(path, source.read_bytes()) as temporary:
            copy_times(source, temporary)
            if is_there:
                temporary.replace(path)
            else:
                take_name(temporary, path)
        return "copied"

    def _is_done(self, path: Path, each: Chosen) -> bool:
        """Whether a file that a pick put there is what is wanted."""
        if path.samefile(self._source(each)):
            return not self._as_copies
        return digest_of(path) == each.sample.digest

    def _settle(self) -> None:
        """Keep of each what it holds now."""
        for place, each in self.done.items():
            if put := self._record.files.get(place):
                self._record.files[place] = put._replace(sha256=[each.sample.digest])
        self._record.write()


def _of_another(path: Path, put: Put, to: Path) -> str:
    told = f"{shown(path)} is a pick of {shown(put.out)}"
    if not Path(put.out).is_dir():
        return f"{told}, which is gone: name another --to, or move the file away"
    undo = f"colorize pick {quoted(put.out)} --to {quoted(to)} --undo"
    return f"{told}: name another --to, or {undo}"


def _taken(path: Path) -> str:
    return f"{shown(path)} is there, and was not put there by a pick: move it away"


def _linked(source: Path, path: Path, is_there: bool) -> bool:
    """Give a file another name, in place of what has it; whether the file system can do that."""
    if not is_there:
        try:
            path.hardlink_to(source)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:
            return False
        return True
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        temporary.hardlink_to(source)
        temporary.replace(path)
    except OSError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
