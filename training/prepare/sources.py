"""Photographs as they are distributed: folders, tar shards, CelebA, Labelled Faces in the Wild.

CelebA (Liu et al. 2015) comes as `img_align_celeba` and a list of its official partition, 0 to
train, 1 to validate, 2 to test, which lies beside it or in a folder `Eval`. LFW (Huang et al. 2007)
has a folder for each person, `NAME/NAME_0001.jpg`; it is one set here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorize_cli.errors import UsageError

from ..data.prepared import PARTS, Part
from ..data.shards import iter_photos

_PARTITION = "list_eval_partition.txt"
_CELEBA = re.compile(r"(?:.*/)?img_align_celeba/(?:.*/)?(\d{6}\.\w+)")
_LFW = re.compile(r"(?:.*/)?([^/]+)/(\1_\d{4}\.\w+)")


@dataclass(frozen=True)
class Candidate:
    """A photograph that may be taken.

    Attributes:
        name: `SET/STEM.suffix`.
        data: the bytes of its file.
        part: where it officially belongs; None where nobody says so.
    """

    name: str
    data: bytes
    part: Part | None = None


def iter_candidates(paths: Sequence[Path]) -> Iterator[Candidate]:
    """Read the photographs of all sources, in the fixed order of `iter_photos`.

    Raises:
        UsageError: as of `iter_photos`, or a list of CelebA's partition that cannot be read.
    """
    for path in paths:
        partition = _partition_of(path)
        for name, data in iter_photos([path]):
            if partition and (found := _CELEBA.fullmatch(name)):
                yield Candidate(f"celeba/{found[1]}", data, partition.get(found[1]))
            elif found := _LFW.fullmatch(name):
                yield Candidate(f"lfw/{found[2]}", data)
            else:
                yield Candidate(name, data)


def _partition_of(path: Path) -> dict[str, Part]:
    """Find and read CelebA's list beside a folder, above or below it; empty where there is none."""
    around = (path, path.parent, path.parent.parent) if path.is_dir() else ()
    places = (place / below / _PARTITION for place in around for below in (".", "Eval"))
    table = next((place for place in places if place.is_file()), None)
    if table is None:
        return {}
    try:
        rows = (line.split() for line in table.read_text("ascii").splitlines() if line.strip())
        return {name: PARTS[int(part)] for name, part in rows}
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(
            f"{table} is not CelebA's list of lines like '000001.jpg 0' ({error}); get it again, "
            "or move it away to split by content."
        ) from error
