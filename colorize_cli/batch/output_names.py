"""The names of the files that photographs become.

The rules, in the order in which they apply:

1. One named folder is mirrored directly below the output folder; several are mirrored each below
   its own name. A named file goes to the top of the output folder, or to its place in the tree
   when it lies in a named folder.
2. A photo's files are `stem.ext` for one sample and `stem.k.ext`, k from 1, for several; a
   template puts something before or behind the stem.
3. Where two photos would share a file, all of them are renamed: below their folder's name when
   they come from different named folders, else with the extension of the source kept in the name
   (`x.png.jpg`), else with a few digits of a hash of their path. Names compare as on a file
   system that ignores case and Unicode form. No name depends on the order of things.
4. A name that would be too long for a file system is cut, and has the digits of that hash.
5. A photo that the ledger knows keeps its place, whatever led to it this time, and its name: of
   photos that would share a file only those are renamed that have none yet.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ..photos.formats import CHOICES, FORMATS, SUFFIXES, written_as
from ..photos.write import output_suffix
from ..system.paths import absolute, composed, folded, shown
from ..system.wording import count_text
from .asked.name_template import NameTemplate
from .scan import Scan, Source

_NOTED_CLASHES = 5
_LONGEST_NAME = 255  # bytes of a name, in nearly all file systems
_NUMBER = len(".9999")  # room for that of a sample
_PLAIN = NameTemplate()


@dataclass(frozen=True, slots=True)
class Job:
    """One photograph and the files that it becomes."""

    source: Path
    folder: Path  # where its colourings go
    stem: str  # of their names, before the number of the sample
    suffix: str  # with the dot
    format: str  # to encode, as `encode_photo` takes it
    samples: int  # number of colourings
    missing: tuple[int, ...]  # samples still to be made, from 0; empty when the photo is done
    gone: tuple[int, ...] = ()  # samples that were made, then deleted or renamed by somebody
    is_numbered: bool = False  # even where it is one
    only: int | None = None  # the one sample, from 0, that is asked for; None for all
    has_one_name: bool = False  # even where it is one of several, without its number

    @property
    def asked(self) -> tuple[int, ...]:
        """Samples, from 0, that are asked for."""
        return tuple(range(self.samples)) if self.only is None else (self.only,)

    @property
    def photo(self) -> str:
        """The photograph's absolute path, by which the ledger knows it."""
        return str(absolute(self.source))

    @property
    def there(self) -> tuple[int, ...]:
        """Samples, from 0, whose files are there and stay."""
        left = {*self.missing, *self.gone}
        return tuple(k for k in self.asked if k not in left)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, one a sample, in the order of the samples."""
        if self.has_one_name:
            return (self.stem + self.suffix,) * self.samples
        if self.samples == 1 and not self.is_numbered:
            return (self.stem + self.suffix,)
        return tuple(f"{self.stem}.{k}{self.suffix}" for k in range(1, self.samples + 1))

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files, in the order of the samples."""
        return tuple(self.folder / name for name in self.names)


@dataclass(slots=True)
class _Target:
    """Where a photo goes, while names are being settled; `folder` is relative to --out."""

    source: Source
    folder: Path
    stem: str
    suffix: str
    format: str
    samples: int
    template: NameTemplate
    is_held: bool = False  # the ledger knows a file of this name as the photo's
    is_numbered: bool = False

    @property
    def key(self) -> str:
        number = ".1" if self.is_numbered and self.samples == 1 else ""
        return folded(f"{self.folder}/{self.stem}{number}{self.suffix}")


def name_outputs(
    found: Scan,
    out: Path,
    format: str,
    samples: int,
    places_of: Callable[[str], Sequence[str]] = lambda photo: (),
    *,
    only: int | None = None,
    template: NameTemplate = _PLAIN,
) -> tuple[list[Job], list[str]]:
    """Name the files of photographs, so that no two share one; arguments are as in `Options`.

    Of the samples, one may be the `only` one that is asked for. `places_of` tells where below `out`
    the colourings of a photograph are, by its absolute path. There is a job for each photo, in the
    order of `found`, as if none of its files were there, and sentences for the user about photos
    that were renamed.
    """
    labels = _labels([*found.trees, *(source.base for source in found.sources)])
    prefixed = found.trees if len(found.trees) > 1 else ()
    above = {base: label for base, label in labels.items() if base in prefixed}
    targets = [
        _target(source, format, above.get(source.base, Path()), samples, template)
        for source in found.sources
    ]
    for target in targets:
        _keep_place(target, places_of(target.source.photo))
    wanted = [(target.key, target.stem + target.suffix) for target in targets]
    _settle_clashes(targets, labels)
    for target in targets:
        target.stem = _cut(target, target.stem)
    wished = tuple(range(samples)) if only is None else (only,)
    folders = {target.folder: out / target.folder for target in targets}  # one object a folder
    jobs = [
        Job(
            *(t.source.path, folders[t.folder], t.stem, t.suffix, t.format, samples, wished),
            is_numbered=t.is_numbered,
            only=only,
        )
        for t in targets
    ]
    return jobs, [
        *(_conversions(targets) if format == "keep" else []),
        *_renamings(targets, wanted),
    ]


def _labels(bases: Iterable[Path]) -> dict[Path, Path]:
    """Name every folder by as many of its last components as tell all of them apart."""
    parts = {base: _components(base) for base in bases}
    for length in range(1, max((len(p) for p in parts.values()), default=1)):
        tails = {folded("/".join(p[-length:])) for p in parts.values()}
        if len(tails) == len(parts):
            return {base: Path(*p[-length:]) for base, p in parts.items()}
    return {base: Path(*p) for base, p in parts.items()}


def _components(base: Path) -> tuple[str, ...]:
    """Components that can name a folder: drive letters without colon, `root` for the root."""
    drive = (base.drive.replace(":", ""),) if base.drive.endswith(":") else ()
    return (*drive, *base.parts[1:]) or ("root",)


def _target(
    source: Source, format: str, label: Path, samples: int, template: NameTemplate
) -> _Target:
    stem, suffix = source.path.stem, source.path.suffix
    if suffix.lower() not in SUFFIXES:  # it belongs to the name: `letter.1925`
        stem, suffix = source.path.name, ""
    kind = written_as(source.format) if format == "keep" else CHOICES[format]
    name = template.named(stem), output_suffix(kind, suffix)
    return _Target(source, label / source.folder, *name, kind, samples, template)


def _keep_place(target: _Target, places: Sequence[str]) -> None:
    """Leave a photo where its colourings are, if there are any, those of its own name first."""
    usual = (target.folder / target.stem).as_posix()
    for number in ("", ".1"):  # which is all there is to know of nearly all
        if f"{usual}{number}{target.suffix}" in places:
            target.is_held, target.is_numbered = True, bool(number)
            return
    whole = (target.stem, *_longer_stems(target))
    stems = {composed(stem): stem for stem in (*whole, *(_cut(target, stem) for stem in whole))}
    held = []
    for place in map(Path, places):
        base = composed(place.stem)
        bare, dot, number = base.rpartition(".")
        is_numbered = base not in stems and bool(dot) and number.isdecimal()
        if stem := stems.get(bare if is_numbered else base):
            is_alike = place.suffix == target.suffix
            rank = (not is_alike, place.parent != target.folder, place)
            held.append((rank, stem, is_alike, is_numbered))
    if held:
        (*_, place), target.stem, target.is_held, is_numbered = min(held)
        target.folder, target.is_numbered = place.parent, target.is_held and is_numbered
    elif places:  # under other names, of another template
        parents = (Path(place).parent for place in places)
        target.folder = min(parents, key=lambda parent: (parent != target.folder, parent))


def _longer_stems(target: _Target) -> tuple[str, str]:
    """The stems of a photo that shares its name with another, and of one that shares that too."""
    name, named = target.source.path.name, target.template.named
    return named(name), named(name + _mark(target))


def _mark(target: _Target) -> str:
    """Digits by which a photo is told from all others."""
    place = target.source.base / target.source.folder / target.source.path.name
    return "~" + hashlib.sha256(os.fsencode(place)).hexdigest()[:8]


def _cut(target: _Target, stem: str) -> str:
    """Cut a stem with which the name of a single colouring, or of one of several, is too long."""
    room = _LONGEST_NAME - len(os.fsencode(target.suffix))
    length = len(os.fsencode(stem))
    if length <= room - (_NUMBER if target.samples > 1 or target.is_numbered else 0):
        return stem
    kept = stem[:room]
    mark = _mark(target)
    while len(os.fsencode(kept)) > room - _NUMBER - len(mark):
        kept = kept[:-1]
    return kept + mark


def _clashes(targets: Iterable[_Target]) -> list[list[_Target]]:
    groups: dict[str, list[_Target]] = defaultdict(list)
    for target in targets:
        groups[target.key].append(target)
    return [group for group in groups.values() if len(group) > 1]


def _settle_clashes(targets: list[_Target], labels: Mapping[Path, Path]) -> None:
    for group in _clashes(targets):
        if len({target.source.base for target in group}) > 1:
            for target in _free(group):
                if target.folder == target.source.folder:
                    target.folder = labels[target.source.base] / target.folder
    for longer in (0, 1):
        for target in _free(chain(*_clashes(targets))):
            target.stem = _longer_stems(target)[longer]


def _free(targets: Iterable[_Target]) -> Iterator[_Target]:
    return (target for target in targets if not target.is_held)


def _conversions(targets: Iterable[_Target]) -> list[str]:
    """Say once of each format that cannot be kept what its photos become."""
    kinds = Counter((target.source.format, target.format) for target in targets)
    return [
        f"colourings of {count_text(count, 'photo')} in {FORMATS[kind].title} are "
        f"{FORMATS[other].title}, which can hold colour without loss"
        for (kind, other), count in kinds.items()
        if other != kind
    ]


def _renamings(targets: list[_Target], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Tell of photos that have another key and name than they wanted."""
    renamed: dict[str, tuple[str, list[_Target]]] = {}
    for target, (key, name) in zip(targets, wanted, strict=True):
        if target.key != key:
            renamed.setdefault(key, (name, []))[1].append(target)
    notes = [
        f"{' and '.join(shown(t.source.path) for t in group)} would share the name {shown(name)} "
        f"and become {' and '.join(shown(t.folder / (t.stem + t.suffix)) for t in group)}"
        for name, group in islice(renamed.values(), _NOTED_CLASHES)
    ]
    if len(renamed) > _NOTED_CLASHES:
        notes.append(f"{len(renamed) - _NOTED_CLASHES} more shared names: --dry-run has them all")
    return notes
