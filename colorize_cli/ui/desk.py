"""Requests of the page: a visit has one at a time, and one of all is worked on, the others wait."""

import shutil
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Self, TypeAlias

from ..batch.outcome import Outcome
from ..errors import UsageError, reason_of
from ..photos.read import SALVAGE_HINT
from ..system.paths import shown
from ..system.wording import count_text
from .studio import Progress, Wish
from .views import Shown, shown_of, zipped

# `Studio.colour`, or what stands for it.
Colour: TypeAlias = Callable[[Wish, Path, Event, Callable[[Outcome], None], Progress], list[str]]


@dataclass(eq=False)
class Request:
    """What a visit asked for, and how far it is; any thread may look at it."""

    visit: str
    wish: Wish
    folder: Path
    is_cancelled: Event = field(default_factory=Event)
    is_begun: bool = False
    is_over: Event = field(default_factory=Event)
    is_left: bool = False  # whether its visit has ended
    share: float = 0.0
    of: str = "opening"  # of what that is the share; plain words
    files: list[Path] = field(default_factory=list)  # colourings
    shown: list[Shown] = field(default_factory=list)
    everything: Path | None = None  # all files in a zip, once it is over
    messages: list[str] = field(default_factory=list)

    @property
    def news(self) -> int:
        """A number that grows with what there is to show."""
        return len(self.shown) + len(self.messages)


class Desk:
    """Keeps the requests of all visits, and works on them in the order in which they came."""

    def __init__(self, colour: Colour, folder: Path, queued: int) -> None:
        """Take what colours, a folder for what is made, and how many requests may wait."""
        self._colour, self._folder, self._queued = colour, folder, queued
        self._waiting: list[Request] = []
        self._open: dict[str, Request] = {}  # by visit, those that are not over
        self._kept: dict[str, Request] = {}  # by visit, those that are over and still on its page
        self._changed = Condition()
        self._is_closed = False
        self._worker = Thread(target=self._work, name="desk", daemon=True)

    def __enter__(self) -> Self:
        """Begin to work."""
        self._worker.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Cancel all requests, and wait for the one that is worked on to end."""
        with self._changed:
            self._is_closed = True
            for visit in [*self._open]:
                self.cancel(visit)
            self._changed.notify()
        self._worker.join()

    def open(self, visit: str, wish: Wish) -> Request:
        """Let a visit wait for its turn; what it has on its page stays until then.

        Raises:
            UsageError: It has a request that is not over, or as many wait as may.
        """
        with self._changed:
            if visit in self._open:
                raise UsageError("one request at a time: wait for it to end, or cancel it")
            if len(self._waiting) >= self._queued:
                waits = count_text(len(self._waiting), "request")
                raise UsageError(f"the queue is full ({waits}): press Colorize again later")
            request = Request(visit, wish, self._folder / uuid.uuid4().hex)
            self._open[visit] = request
            self._waiting.append(request)
            self._changed.notify()
        return request

    def before(self, request: Request) -> int:
        """How many requests are worked on before one that waits; 0 where it waits no more."""
        with self._changed:
            if request not in self._waiting:
                return 0
            return self._waiting.index(request) + (len(self._open) > len(self._waiting))

    def seen(self, visit: str) -> Request | None:
        """The request whose colourings a visit has on its page."""
        with self._changed:
            request = self._open.get(visit)
            return request if request and request.is_begun else self._kept.get(visit)

    def cancel(self, visit: str) -> bool:
        """End a visit's request, between two steps of the network; False where none is open."""
        with self._changed:
            request = self._open.get(visit)
            if request is None:
                return False
            request.is_cancelled.set()
            if not request.is_begun:
                self._waiting.remove(request)
                self._end(request)
            return True

    def close(self, visit: str) -> None:
        """End a visit: its request is cancelled, and its files go as soon as nobody writes them."""
        with self._changed:
            kept = self._kept.pop(visit, None)
            if request := self._open.get(visit):
                request.is_left = True
        self.cancel(visit)
        _remove(kept)

    def _end(self, request: Request) -> None:
        del self._open[request.visit]
        request.is_over.set()

    def _work(self) -> None:
        while request := self._next():
            _remove(self._kept.pop(request.visit, None))
            self._carry_out(request)
            with self._changed:
                if not request.is_left:
                    self._kept[request.visit] = request
                self._end(request)
            if request.is_left:
                _remove(request)

    def _next(self) -> Request | None:
        """Wait for a request; None once the desk is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            request = self._waiting.pop(0)
            request.is_begun = True
            return request

    def _carry_out(self, request: Request) -> None:
        views = request.folder / "views"

        def progress(share: float, of: str) -> None:
            request.share, request.of = share, of

        try:
            views.mkdir(parents=True)
            # What is shown is made beside the network, which does not wait for it.
            with ThreadPoolExecutor(1, "views") as viewer:

                def told(outcome: Outcome) -> None:
                    viewer.submit(self._take, outcome, views, request)

                wish, folder = request.wish, request.folder
                notes = self._colour(wish, folder, request.is_cancelled, told, progress)
            request.messages += notes
        except Exception as error:
            request.messages.append(reason_of(error))
        if request.files and self._is_wanted(request):
            _gather(request, takewhile(lambda _: self._is_wanted(request), request.files))

    def _take(self, outcome: Outcome, views: Path, request: Request) -> None:
        if self._is_wanted(request):
            _take(outcome, views, request)

    def _is_wanted(self, request: Request) -> bool:
        """Whether anybody may see what is made of a request, whose folder else goes at once."""
        return not (self._is_closed or request.is_left)


def _take(outcome: Outcome, views: Path, request: Request) -> None:
    """Take in what became of a photograph."""
    name, files = shown(outcome.source.name), [outcome.outputs[k] for k in outcome.written]
    if outcome.status == "failed":
        request.messages.append(f"{name}: {(outcome.reason or '').removesuffix(SALVAGE_HINT)}")
    if outcome.less:
        changed = ", so colours may differ" if outcome.is_degraded else ""
        request.messages.append(f"{name}: too little memory, so with {outcome.less}{changed}")
    request.messages += [f"{name}: {warning}" for warning in outcome.warnings]
    request.files += files
    try:
        for each in shown_of(outcome.source, files, views):
            request.shown.append(each)
    except Exception as error:
        request.messages.append(
            f'{name} was coloured, and is in "Download all", but cannot be shown: '
            f"{reason_of(error)}"
        )


def _gather(request: Request, files: Iterable[Path]) -> None:
    """Put the files of a request, as far as they come, into a zip."""
    target = request.folder / "colourings.zip"
    try:
        request.everything = zipped(files, request.folder / "out", target)
    except Exception as error:
        request.messages.append(f"there is no zip of all: {reason_of(error)}")


def _remove(request: Request | None) -> None:
    if request:
        shutil.rmtree(request.folder, ignore_errors=True)
