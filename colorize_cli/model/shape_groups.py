"""Photographs wait for others of their shape and steps, which one call of a network shares."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from .colorizer import Colorizer, Prepared

Item = TypeVar("Item")

# Batches' worth of photos that may overtake one that waits for others of its shape.
LOOK_AHEAD = 4


class ShapeGroups(Generic[Item]):
    """Photographs that wait to go through a colorizer together, up to its batch at a time."""

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer
        self._full: deque[list[Item]] = deque()
        # What is to become a full group, by way, with how many photos had arrived before its
        # first; the one that has waited longest comes first.
        self._waiting: dict[tuple[Hashable, ...], tuple[int, list[Item]]] = {}
        self._arrived = 0

    def add(self, item: Item, prepared: Prepared) -> None:
        """Let a photograph wait for others that are seen in the same way."""
        way = () if self._colorizer.mixes_shapes else prepared.way
        _, group = self._waiting.setdefault(way, (self._arrived, []))
        group.append(item)
        self._arrived += 1
        if len(group) == self._colorizer.batch:
            self._full.append(self._waiting.pop(way)[1])

    def take(self, *, at_once: bool) -> list[Item]:
        """Take out a full group, or the one that has waited longest if that is too long.

        With `at_once` any wait is too long, because nothing else can arrive before. The group is
        empty where all are to wait on.
        """
        if self._full:
            return self._full.popleft()
        if not self._waiting:
            return []
        way, (since, _) = next(iter(self._waiting.items()))
        is_late = self._arrived - since >= LOOK_AHEAD * self._colorizer.batch
        return self._waiting.pop(way)[1] if at_once or is_late else []
