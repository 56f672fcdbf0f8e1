"""The names of the files that photographs become.

The rules, in the order in which they apply:

1. One named folder is mirrored directly below the output folder; several are mirrored each below
   its own name. A named file goes to the top of the output folder, or to its place in the tree
   when it lies in a named folder.
2. A photo's files are `stem.ext` for one sample and `stem.k.ext`, k from 1, for several.
3. Where two photos would share a file, all of them are renamed: below their folder's name when
   they come from different named folders, else with the extension of the source kept in the name
   (`x.png.jpg`), else with a few digits of a hash of their path. Names compare as on a file
   system that ignores case and Unicode form. No name depends on the order of things.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ..photos.formats import CHOICES, FORMATS, SUFFIXES, written_as
from ..photos.write import output_suffix
from ..system.paths import folded, shown
from ..system.wording import count_text
from .scan import Scan, Source

_NOTED_CLASHES = 5


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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, one a sample, in the order of the samples."""
        if self.samples == 1:
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

    @property
    def key(self) -> str:
        return folded(f"{self.folder}/{self.stem}{self.suffix}")


def name_outputs(found: Scan, out: Path, format: str, samples: int) -> tuple[list[Job], list[str]]:
    """Name the files of photographs, so that no two share one; arguments are as in `Options`.

    There is a job for each photo, as if none of its files were there, and sentences for the user
    about photos that were renamed.
    """
    labels = _labels([*found.trees, *(source.base for source in found.sources)])
    prefixed = found.trees if len(found.trees) > 1 else ()
    targets = [
        _target(source, format, labels[source.base] if source.base in prefixed else Path())
        for source in found.sources
    ]
    wanted = [(target.key, target.stem + target.suffix) for target in targets]
    _settle_clashes(targets, labels)
    every = tuple(range(samples))
    folders = {target.folder: out / target.folder for target in targets}  # one object a folder
    jobs = [
        Job(t.source.path, folders[t.folder], t.stem, t.suffix, t.format, samples, every)
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


def _target(source: Source, format: str, label: Path) -> _Target:
    stem, suffix = source.path.stem, source.path.suffix
    if suffix.lower() not in SUFFIXES:  # it belongs to the name: `letter.1925`
        stem, suffix = source.path.name, ""
    kind = written_as(source.format) if format == "keep" else CHOICES[format]
    return _Target(source, label / source.folder, stem, output_suffix(kind, suffix), kind)


def _clashes(targets: Iterable[_Target]) -> list[list[_Target]]:
    groups: dict[str, list[_Target]] = defaultdict(list)
    for target in targets:
        groups[target.key].append(target)
    return [group for group in groups.values() if len(group) > 1]


def _settle_clashes(targets: list[_Target], labels: Mapping[Path, Path]) -> None:
    for group in _clashes(targets):
        if len({target.source.base for target in group}) > 1:
            for target in group:
                if target.folder == target.source.folder:
                    target.folder = labels[target.source.base] / target.folder
    for target in chain(*_clashes(targets)):
        target.stem = target.source.path.name
    for target in chain(*_clashes(targets)):
        place = target.source.base / target.source.folder / target.source.path.name
        target.stem += "~" + hashlib.sha256(os.fsencode(place)).hexdigest()[:8]


def _conversions(targets: Iterable[_Target]) -> list[str]:
    """Say once of each format that cannot be kept what its photos become."""
    kinds = Counter((target.source.format, target.format) for target in targets)
    return [
        f"{count_text(count, 'photo')} in {FORMATS[kind].title} become {FORMATS[other].title}, "
        "which can hold colour without loss"
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
