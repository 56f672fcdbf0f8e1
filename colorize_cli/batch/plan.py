"""Decide what a run will do before it does anything: which photo becomes which files.

The rules, in the order in which they apply:

1. One named folder is mirrored directly below the output folder; several are mirrored each below
   its own name. A named file goes to the top of the output folder, or to its place in the tree
   when it lies in a named folder.
2. A photo's files are `stem.ext` for one sample and `stem.k.ext`, k from 1, for several.
3. Where two photos would share a file, all of them are renamed: below their folder's name when
   they come from different named folders, else with the extension of the source kept in the name
   (`x.png.jpg`), else with a few digits of a hash of their path. Names compare as on a file
   system that ignores case and Unicode form. No name depends on the order of things.
4. A file that exists stays as it is, unless everything is to be overwritten; a photo fails where
   it is known to be another photo's. Here names compare by Unicode form, but not by case as
   in 3: where the file system ignores case, a file whose name differs in it is not seen, and is
   written over.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from ..photos.formats import CHOICES, SUFFIXES
from ..photos.write import output_suffix
from ..system.paths import composed, folded, shown
from .origins import Made, Origins
from .scan import Problem, Source, scan

_NOTED_CLASHES = 5
_READING = "photographs may have moved: reading them to know them again"


@dataclass(frozen=True, slots=True)
class Job:
    """One photograph and the files that it becomes.

    Attributes:
        source: The photograph.
        folder: Where its colourings go.
        stem: File name without sample number and suffix.
        suffix: With the dot.
        format: Format to encode, a name in `photos.formats.FORMATS`.
        samples: Number of colourings.
        missing: Samples still to be made, from 0; empty when the photo is done.
    """

    source: Path
    folder: Path
    stem: str
    suffix: str
    format: str
    samples: int
    missing: tuple[int, ...]

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files, one a sample, in the order of the samples."""
        return tuple(self.folder / name for name in _names(self.stem, self.suffix, self.samples))


@dataclass(frozen=True)
class Plan:
    """All that a run will do.

    Attributes:
        jobs: The photographs in order, those that are done among them.
        problems: What cannot be worked on, and why.
        moved: What was made from photographs while they were elsewhere.
        notes: Sentences that the user should see.
        others: How many files are no photographs, by lower-case suffix.
        hidden: How many hidden entries were left out.
        unfollowed: How many links lead to folders that were visited already.
    """

    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...]
    moved: tuple[Made, ...]
    notes: tuple[str, ...]
    others: Counter[str]
    hidden: int
    unfollowed: int


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
        return folded(str(self.folder / (self.stem + self.suffix)))


def make_plan(
    paths: Sequence[Path],
    out: Path,
    *,
    samples: int = 1,
    format: str = "keep",
    recursive: bool = True,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda note: None,
) -> Plan:
    """Plan a run; reads folders and the first bytes of files, as a rule, and writes nothing.

    Args:
        paths: Files and folders as named by the user.
        out: Output folder; need not exist.
        samples: Colourings a photo, 1 or more.
        format: "keep" | "png" | "jpg" | "webp" | "tiff".
        recursive: Whether folders below a named folder are visited as well.
        overwrite: Whether existing outputs are made again.
        tell: Called with what the user should see at once: why this takes long.

    Returns:
        The plan; no two jobs share an output, and no output is one of the photographs.

    Raises:
        UsageError: The output folder holds the photographs themselves.
    """
    found = scan(paths, out, recursive=recursive)
    labels = _labels([*found.trees, *(source.base for source in found.sources)])
    prefixed = found.trees if len(found.trees) > 1 else ()
    targets = [
        _target(source, format, labels[source.base] if source.base in prefixed else Path())
        for source in found.sources
    ]
    notes = [*found.notes, *_settle_clashes(targets, labels)]
    origins = Origins(out, lambda: tell(_READING))
    jobs, problems = _jobs(targets, out, samples, overwrite, origins)
    return Plan(
        jobs=tuple(jobs),
        problems=(*found.problems, *problems),
        moved=tuple(origins.moved),
        notes=tuple(notes),
        others=found.others,
        hidden=found.hidden,
        unfollowed=found.unfollowed,
    )


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


def _split(name: str) -> tuple[str, str]:
    """Split off the suffix where it is one of a photograph: `letter.1925` has none."""
    stem, dot, suffix = name.rpartition(".")
    known = stem and f".{suffix.lower()}" in SUFFIXES
    return (stem, dot + suffix) if known else (name, "")


def _target(source: Source, format: str, label: Path) -> _Target:
    stem, suffix = _split(source.path.name)
    kind = source.format if format == "keep" else CHOICES[format]
    return _Target(source, label / source.folder, stem, output_suffix(kind, suffix), kind)


def _names(stem: str, suffix: str, samples: int) -> tuple[str, ...]:
    if samples == 1:
        return (stem + suffix,)
    return tuple(f"{stem}.{k}{suffix}" for k in range(1, samples + 1))


def _clashes(targets: Iterable[_Target]) -> list[list[_Target]]:
    groups: dict[str, list[_Target]] = defaultdict(list)
    for target in targets:
        groups[target.key].append(target)
    return [group for group in groups.values() if len(group) > 1]


def _by_folder(group: list[_Target], labels: Mapping[Path, Path]) -> None:
    if len({target.source.base for target in group}) > 1:
        for target in group:
            if target.folder == target.source.folder:
                target.folder = labels[target.source.base] / target.folder


def _by_extension(group: list[_Target]) -> None:
    for target in group:
        target.stem = target.source.path.name


def _by_hash(group: list[_Target]) -> None:
    for target in group:
        place = target.source.base / target.source.folder / target.source.path.name
        target.stem += "~" + hashlib.sha256(os.fsencode(place)).hexdigest()[:8]


def _settle_clashes(targets: list[_Target], labels: Mapping[Path, Path]) -> list[str]:
    """Rename photos that would share a file; return what to tell the user."""
    wanted = [(target.key, target.stem + target.suffix) for target in targets]
    for group in _clashes(targets):
        _by_folder(group, labels)
    for group in _clashes(targets):
        _by_extension(group)
    for group in _clashes(targets):
        _by_hash(group)
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


def _jobs(
    targets: Sequence[_Target], out: Path, samples: int, overwrite: bool, origins: Origins
) -> tuple[list[Job], list[Problem]]:
    """Turn settled names into jobs; one whose output is a photo, or another's, is a problem."""
    real = cache(os.path.realpath)
    inputs = {_place(real(t.source.path.parent), t.source.path.name) for t in targets}
    input_folders = {folder for folder, _ in inputs}
    listed = cache(_listed)
    every = tuple(range(samples))
    jobs, problems = [], []
    folders: dict[Path, Path] = {}  # one object a folder, not one a photo
    for target in targets:
        folder = folders.setdefault(target.folder, out / target.folder)
        names = _names(target.stem, target.suffix, samples)
        if folded(real(folder)) in input_folders and any(
            _place(real(folder), name) in inputs for name in names
        ):
            reason = f"its colouring would be written over a photograph in {shown(folder)}"
            problems.append(Problem(target.source.path, reason))
            continue
        there = frozenset() if overwrite else listed(folder)
        missing = tuple(k for k in every if composed(names[k]) not in there)
        existing = [names[k] for k in every if k not in missing]
        if other := _made_from_another(target.source.path, folder, existing, origins):
            problems.append(Problem(target.source.path, other))
            continue
        jobs.append(
            Job(
                source=target.source.path,
                folder=folder,
                stem=target.stem,
                suffix=target.suffix,
                format=target.format,
                samples=samples,
                missing=every if missing == every else missing,
            )
        )
    return jobs, problems


def _made_from_another(
    source: Path, folder: Path, existing: Sequence[str], origins: Origins
) -> str | None:
    """Say why a photo fails where a file in its place is known to be another photo's."""
    try:
        other = origins.find_other(source, folder, existing)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return other and (
        f"{shown(folder / other.names[0])} was made from another photograph, "
        f"{shown(other.origin.path)}: name another --out, or --overwrite to replace it"
    )


def _place(folder: str, name: str) -> tuple[str, str]:
    return folded(folder), folded(name)


def _listed(folder: Path) -> frozenset[str]:
    """Names in an output folder: one listing a folder is cheaper than one look a file."""
    try:
        return frozenset(composed(path.name) for path in folder.iterdir())
    except OSError:  # not there yet; a folder that cannot be written to is found when writing
        return frozenset()
