"""Requests of the page: a visit has one, with a folder, and a new one takes its place."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from ..batch.outcome import Outcome
from ..errors import reason_of
from .studio import Studio, Wish
from .views import Shown, shown_of

_POLL_SECONDS = 0.25


@dataclass
class State:
    """How far a request is."""

    share: float = 0.0
    of: str = ""
    shown: list[Shown] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    is_new: bool = False  # whether there are pictures or messages since the last time


@dataclass(frozen=True)
class _Request:
    folder: Path
    is_cancelled: Event


class Desk:
    """Keeps the requests of all visits, one each."""

    def __init__(self, studio: Studio, folder: Path) -> None:
        """Take whoever colours, and a folder for what is made."""
        self.studio = studio
        self._folder = folder
        self._requests: dict[str, _Request] = {}
        self._lock = Lock()

    def open(self, visit: str) -> None:
        """Begin a request of a visit; an earlier one is cancelled and its files go."""
        request = _Request(self._folder / uuid.uuid4().hex, Event())
        request.folder.mkdir(parents=True)
        with self._lock:
            before = self._requests.get(visit)
            self._requests[visit] = request
        _clear(before)

    def cancel(self, visit: str) -> bool:
        """End a visit's request between two steps of the network; False where there is none."""
        with self._lock:
            request = self._requests.get(visit)
        if request is None:
            return False
        request.is_cancelled.set()
        return True

    def close(self, visit: str) -> None:
        """End a visit: its request is cancelled and its files go."""
        with self._lock:
            request = self._requests.pop(visit, None)
        _clear(request)

    def folder_of(self, visit: str) -> Path:
        """The folder of a visit's request."""
        return self._requests[visit].folder

    def is_cancelled(self, visit: str) -> bool:
        """Whether a visit's request was cancelled, or is gone with the visit."""
        request = self._requests.get(visit)
        return request is None or request.is_cancelled.is_set()

    def work(self, visit: str, wish: Wish) -> Iterator[State]:
        """Carry out the request of a visit, and tell some times a second how far it is."""
        request = self._requests.get(visit)
        if request is None or request.is_cancelled.is_set():
            return
        inbox: SimpleQueue[Outcome | str] = SimpleQueue()
        state = State()

        def progress(share: float, of: str) -> None:
            state.share, state.of = share, of

        def run() -> None:
            try:
                cancelled, put = request.is_cancelled, inbox.put
                for note in self.studio.colour(wish, request.folder, cancelled, put, progress):
                    put(note)
            except Exception as error:
                inbox.put(reason_of(error))

        thread = Thread(target=run, name="colour", daemon=True)
        thread.start()
        views = request.folder / "views"
        views.mkdir(exist_ok=True)
        while thread.is_alive() or not inbox.empty():
            state.is_new = _take(inbox, views, state)
            yield state


def _take(inbox: "SimpleQueue[Outcome | str]", views: Path, state: State) -> bool:
    """Take in what has come, after a wait for it; False where nothing has."""
    try:
        item = inbox.get(timeout=_POLL_SECONDS)
    except Empty:
        return False
    if isinstance(item, str):
        state.messages.append(item)
        return True
    name = item.source.name
    if item.status == "failed":
        state.messages.append(f"{name}: {item.reason}")
    state.messages += [f"{name}: {warning}" for warning in item.warnings]
    try:
        state.shown += shown_of(item, views)
    except Exception as error:
        state.messages.append(f"{name} cannot be shown: {reason_of(error)}")
    return True


def _clear(request: _Request | None) -> None:
    """Cancel a request, and remove its files once nobody works on them."""
    if request:
        request.is_cancelled.set()
        shutil.rmtree(request.folder, ignore_errors=True)
