"""Photographs wait for others of their shape, since one call of a network takes one shape."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .colorizer import Colorizer, Prepared

Item = TypeVar("Item")

# Batches' worth of photos that may overtake one that waits for others of its shape.
LOOK_AHEAD = 4


@dataclass
class _Group(Generic[Item]):
    """Photographs of one shape, and how many had arrived before the first of them."""

    since: int
    items: list[Item] = field(default_factory=list)


class ShapeGroups(Generic[Item]):
    """Groups of up to a colorizer's batch of photographs that go through together."""

    def __init__(self, colorizer: Colorizer) -> None:
        """Begin without photographs."""
        self._colorizer = colorizer
        self._full: deque[list[Item]] = deque()
        self._waiting: dict[tuple[int, ...], _Group[Item]] = {}  # the longest-waiting first
        self._arrived = 0

    def add(self, item: Item, prepared: Prepared) -> None:
        """Let a photograph wait for others."""
        shape = () if self._colorizer.mixes_shapes else prepared.L.shape
        group = self._waiting.setdefault(shape, _Group(self._arrived))
        group.items.append(item)
        self._arrived += 1
        if len(group.items) == self._colorizer.batch:
            self._full.append(self._waiting.pop(shape).items)

    def take(self, *, at_once: bool = False) -> list[Item]:
        """Take out a full group, or the one that has waited longest if that is too long.

        With `at_once` it is too long already, since nothing else can arrive. There may be none:
        then the list is empty.
        """
        if self._full:
            return self._full.popleft()
        for shape, oldest in self._waiting.items():
            if at_once or self._arrived - oldest.since >= LOOK_AHEAD * self._colorizer.batch:
                return self._waiting.pop(shape).items
            break
        return []
