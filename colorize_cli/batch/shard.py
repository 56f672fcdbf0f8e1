"""A part of a run's photographs, for one of several processes or machines that share the work."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Self

from ..errors import UsageError
from ..system.paths import composed


class Shard(NamedTuple):
    """One of so many parts; which photographs it has depends on their places alone."""

    number: int  # from 1
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    @property
    def name(self) -> str:
        """What its ledger and its unfinished files are named by."""
        return f"{self.number}-of-{self.parts}"

    @classmethod
    def named(cls, name: str) -> Self:
        """Give the shard of a `name`."""
        number, _, parts = name.partition("-of-")
        return cls(int(number), int(parts))

    def holds(self, place: Path) -> bool:
        """Whether it has the photograph at a place below the named folder.

        The same on every machine, wherever the folder is mounted, and in either Unicode form.
        """
        text = composed(place.as_posix()).encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(text).digest()
        return int.from_bytes(digest[:8]) % self.parts == self.number - 1


def parse_shard(text: str) -> Shard:
    """Read a shard as a user writes it; UsageError where it is none."""
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal():
        shard = Shard(int(number), int(count))
        if 1 <= shard.number <= shard.parts:
            return shard
    raise UsageError(
        f"--shard {text} is no shard: write 1/4 for the first of four, and so on to 4/4, one for "
        "each process."
    )
