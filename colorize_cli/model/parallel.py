"""Several calls of the network at once, one thread each, as one call leaves some cores idle."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_POLL_SECONDS = 0.5


class HaltedError(Exception):
    """Raised in a lane whose result nobody waits for any more."""


class Lanes:
    """Threads to run calls in; a second caller waits for the first."""

    def __init__(self, count: int) -> None:
        """Make `count` lanes; with one, everything runs in the caller's thread."""
        self._pool = ThreadPoolExecutor(count, "network") if count > 1 else None
        self._halt = Event()
        self._caller = Lock()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply a function to all items, several at a time; results in the order of the items.

        What one of them raises is raised here, KeyboardInterrupt in the caller's thread too, after
        all lanes have come to rest: those that ask `check` do so soon.
        """
        if self._pool is None:
            return [function(item) for item in items]
        futures: list[Future[R]] = []
        with self._caller:
            try:
                for item in items:
                    futures.append(self._pool.submit(function, item))
                done, left = wait(futures, 0, FIRST_EXCEPTION)
                # A timeout, because on Windows only that lets Ctrl-C through.
                while left and not any(future.exception() for future in done):
                    done, left = wait(futures, _POLL_SECONDS, FIRST_EXCEPTION)
            finally:
                self._halt.set()
                for future in futures:
                    future.cancel()
                wait(futures)
                self._halt.clear()
        for future in futures:
            error = None if future.cancelled() else future.exception()
            if error and not isinstance(error, HaltedError):
                raise error
        return [future.result() for future in futures]

    def check(self) -> None:
        """Raise HaltedError where the call that this is part of is no longer wanted."""
        if self._halt.is_set():
            raise HaltedError
