"""Memory that threads share, each of which has a picture of any size in hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Room:
    """So many bytes for all threads together, but for one picture that takes more, alone."""

    def __init__(self, total: int) -> None:
        """Take the bytes that there are."""
        self._total = total
        self._taken = 0
        self._freed = Condition()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        """Wait until there is room for so many bytes, or nothing that takes any; then take it."""
        with self._freed:
            self._freed.wait_for(lambda: not self._taken or self._taken + needed <= self._total)
            self._taken += needed
        try:
            yield
        finally:
            with self._freed:
                self._taken -= needed
                self._freed.notify_all()
