"""Which photographs are measured: a half of them or all, and so many of each set."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from colorize_cli.errors import UsageError

from ..data.shards import Half, half_of, iter_photos, set_of

Split: TypeAlias = Half | Literal["all"]


@dataclass(frozen=True)
class Selection:
    """The photographs to measure, and those that are left out by choice.

    Attributes:
        split: the half that was chosen, or all.
        indices: positions of the chosen in the order of `iter_photos`.
        digests: the SHA-256 of their files, in hex.
        other_half: names of the photos that belong to the other half.
        beyond_limit: names of the photos that are more than the limit of their set.
    """

    split: Split
    indices: frozenset[int]
    digests: frozenset[str]
    other_half: tuple[str, ...] = ()
    beyond_limit: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """How many photographs there are in all."""
        return len(self.indices) + len(self.other_half) + len(self.beyond_limit)

    @property
    def half(self) -> str:
        """Which half it is, for people."""
        return "both halves" if self.split == "all" else f"half {self.split}"

    def left_out(self, unusable: int) -> str:
        """Say how many photographs are not measured and why, for people; nothing if all are.

        Args:
            unusable: how many of the chosen could not be measured.
        """
        counts = {
            "of the other half": len(self.other_half),
            "beyond --limit": len(self.beyond_limit),
            "grey or damaged": unusable,
        }
        return ", ".join(f"{count} {why}" for why, count in counts.items() if count)


def select(paths: Sequence[Path], split: Split, limit: int | None = None) -> Selection:
    """Choose the photographs to measure, without decoding them.

    Args:
        paths: folders, tar shards, files.
        split: the half, or all.
        limit: photos of a set, at most; the first ones.

    Raises:
        UsageError: the choice is empty, or the paths cannot be read.
    """
    chosen: dict[int, str] = {}
    other_half: list[str] = []
    beyond_limit: list[str] = []
    taken: dict[str, int] = {}
    for index, (name, data) in enumerate(iter_photos(paths)):
        if split not in ("all", half_of(data)):
            other_half.append(name)
            continue
        taken[set_of(name)] = count = taken.get(set_of(name), 0) + 1
        if limit is None or count <= limit:
            chosen[index] = hashlib.sha256(data).hexdigest()
        else:
            beyond_limit.append(name)
    if not chosen:
        raise UsageError(
            f"none of the {len(other_half)} photographs belongs to the half {split!r}; "
            "--split all takes all."
        )
    digests = frozenset(chosen.values())
    return Selection(split, frozenset(chosen), digests, tuple(other_half), tuple(beyond_limit))
