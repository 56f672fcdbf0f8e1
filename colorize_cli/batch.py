"""Run many photographs through the network: decoding, network and encoding at the same time.

Two pools of threads decode and encode; the calling thread runs the network and does the
bookkeeping. What is in flight is bounded in photographs and in bytes, however many files there
are, and nothing is kept of a photo once its files are written.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Condition, Event
from time import perf_counter
from typing import TypeAlias

from .colorizer import Colorizer, Prepared
from .cpus import usable_cpus
from .encode import encode_photo, losses
from .errors import ColorizeError
from .files import write_atomic
from .images import Photo, read_photo
from .lab import Float
from .plan import Job
from .render import render_samples

_IN_FLIGHT_BYTES = 1 << 30
# Batches' worth of photos that may overtake one that waits for others of its shape.
_LOOK_AHEAD = 4
_MAX_DECODERS = 4
_MAX_ENCODERS = 16
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes:
        samples: Colourings a photo, 1 or more.
        seed: Of the noise.
        fail_fast: Whether the first failure ends the run.
    """

    samples: int = 1
    seed: int = 0
    fail_fast: bool = False


@dataclass(frozen=True)
class Result:
    """What became of a photograph.

    Attributes:
        job: What was to be done.
        reason: Why it failed; None when all its files are written.
        seconds: Of work on it: reading, its share of the network, writing.
        digest: SHA-256 (hex) of the file's bytes; None when it was not read.
        is_color: Whether it was in colour; None when it was not read.
        warnings: What the user should know about the files written.
    """

    job: Job
    reason: str | None
    seconds: float
    digest: str | None = None
    is_color: bool | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class _Item:
    """A photograph in flight; one thread at a time has it."""

    job: Job
    seconds: float = 0.0
    photo: Photo | None = None
    prepared: Prepared | None = None
    failure: str | None = None
    is_written: bool = False

    @property
    def bytes(self) -> int:
        """Memory that it takes, one rendered sample included."""
        if self.photo is None:
            return 0
        pixels = self.photo.pixels
        height, width = pixels.shape[:2]
        return int(pixels.nbytes + 3 * height * width * pixels.itemsize)

    def result(self) -> Result:
        if self.photo is None:
            return Result(self.job, self.failure, self.seconds)
        return Result(
            self.job,
            self.failure,
            self.seconds,
            digest=self.photo.digest.hex(),
            is_color=self.photo.is_color,
            warnings=(*self.photo.warnings, *losses(self.photo, self.job.format)),
        )


@dataclass
class _Group:
    """Photographs of one shape, and how many had arrived before the first of them."""

    since: int
    items: list[_Item] = field(default_factory=list)


class _Memory:
    """Bytes that the photographs in flight take; no decoding starts while they are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._is_open = False
        self._changed = Condition()

    @property
    def is_full(self) -> bool:
        return self._used >= self._limit

    def wait_for_room(self) -> None:
        """Wait until there is room, or until it does not matter any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_open or not self.is_full)

    def add(self, bytes: int) -> None:
        with self._changed:
            self._used += bytes
            self._changed.notify_all()

    def open(self) -> None:
        """Let everybody through."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()


_Message: TypeAlias = tuple[Callable[[_Item], None], Future[_Item]]


def run(
    jobs: Iterable[Job],
    colorizer: Colorizer,
    settings: Settings,
    report: Callable[[Result], None],
) -> None:
    """Colorize the photographs of a plan.

    A photo that cannot be read, colorized or written is a failed result and stops nothing but
    itself. KeyboardInterrupt ends the run between two steps of the sampler: the files being
    written are finished, the rest is dropped, what was done is reported, and it is raised again.

    Args:
        jobs: What to do; jobs without missing samples are left alone.
        colorizer: The network; used from the calling thread alone, but for `prepare`.
        settings: How to run.
        report: Called in the calling thread with each result, in the order of completion.
    """
    _Pipeline(colorizer, settings, report).run(job for job in jobs if job.missing)


class _Pipeline:
    """The state of a run, which belongs to the calling thread."""

    def __init__(
        self, colorizer: Colorizer, settings: Settings, report: Callable[[Result], None]
    ) -> None:
        self._colorizer = colorizer
        self._settings = settings
        self._report = report
        cpus = usable_cpus()
        decoders, encoders = min(cpus, _MAX_DECODERS), min(cpus, _MAX_ENCODERS)
        self._decoders = ThreadPoolExecutor(decoders, "decode")
        self._encoders = ThreadPoolExecutor(encoders, "encode")
        self._max_waiting = _LOOK_AHEAD * colorizer.batch
        self._max_in_flight = self._max_waiting + colorizer.batch + decoders + 2 * encoders
        self._inbox: SimpleQueue[_Message] = SimpleQueue()
        self._halt = Event()
        # Photos that wait for the network: full batches, and by padded shape what is to become
        # one, of which the first has waited longest.
        self._full: deque[list[_Item]] = deque()
        self._waiting: dict[tuple[int, ...], _Group] = {}
        self._arrived = 0
        self._memory = _Memory(_IN_FLIGHT_BYTES)
        self._decoding = 0
        self._in_flight = 0

    def run(self, jobs: Iterator[Job]) -> None:
        try:
            self._feed(jobs)
            while self._in_flight and not self._halt.is_set():
                group = self._next_group()
                if group:
                    self._colorize(group)
                self._receive(wait=not group)
                self._feed(jobs)
        finally:
            self._halt.set()
            self._memory.open()
            self._decoders.shutdown(cancel_futures=True)
            self._encoders.shutdown(cancel_futures=True)
            self._receive(wait=False)

    def _feed(self, jobs: Iterator[Job]) -> None:
        """Hand the next photos to the decoders."""
        while self._in_flight < self._max_in_flight and not self._halt.is_set():
            job = next(jobs, None)
            if job is None:
                return
            self._in_flight += 1
            self._decoding += 1
            future = self._decoders.submit(self._decode, _Item(job))
            future.add_done_callback(lambda done: self._inbox.put((self._on_decoded, done)))

    def _receive(self, *, wait: bool) -> None:
        """Take in what the threads have finished; with `wait`, at least something."""
        while True:
            try:
                # A timeout, because on Windows only that lets Ctrl-C through.
                handler, future = self._inbox.get(block=wait, timeout=_POLL_SECONDS)
            except Empty:
                if wait:
                    continue
                return
            wait = False
            if not future.cancelled():
                handler(future.result())

    def _next_group(self) -> list[_Item]:
        """Photos of one shape for the network: a full batch, or whoever has waited too long.

        Where nothing is being decoded, or may be for want of memory, nothing can arrive before
        something leaves, so the group that has waited longest goes as it is.
        """
        if self._full:
            return self._full.popleft()
        if not self._waiting:
            return []
        shape, oldest = next(iter(self._waiting.items()))
        is_late = self._arrived - oldest.since >= self._max_waiting
        if is_late or self._decoding == 0 or self._memory.is_full:
            return self._waiting.pop(shape).items
        return []

    def _colorize(self, group: list[_Item]) -> None:
        """Run the network; what fails together is tried again one by one."""
        if self._halt.is_set():
            return
        started = perf_counter()
        prepared = [item.prepared for item in group if item.prepared]
        try:
            fields = self._colorizer.colorize(prepared, self._settings.samples, self._settings.seed)
        except Exception as error:
            if len(group) > 1:
                for item in group:
                    self._colorize([item])
            else:
                group[0].failure = _reason(error)
                self._finish(group[0])
            return
        seconds = (perf_counter() - started) / len(group)
        for item, ab in zip(group, fields, strict=True):
            item.seconds += seconds
            future = self._encoders.submit(self._encode, item, ab)
            future.add_done_callback(lambda done: self._inbox.put((self._finish, done)))

    def _on_decoded(self, item: _Item) -> None:
        self._decoding -= 1
        if item.prepared is None:
            self._finish(item)
        else:
            shape = item.prepared.L.shape
            group = self._waiting.setdefault(shape, _Group(self._arrived))
            group.items.append(item)
            self._arrived += 1
            if len(group.items) == self._colorizer.batch:
                self._full.append(self._waiting.pop(shape).items)

    def _finish(self, item: _Item) -> None:
        self._in_flight -= 1
        self._memory.add(-item.bytes)
        if item.failure and self._settings.fail_fast:
            if self._halt.is_set():  # the first failure ends the run: what others met is not told
                return
            self._halt.set()
        if item.failure or item.is_written:
            self._report(item.result())

    # What follows runs in the pools' threads.

    def _decode(self, item: _Item) -> _Item:
        self._memory.wait_for_room()
        if self._halt.is_set():
            return item
        started = perf_counter()
        try:
            item.photo = read_photo(item.job.source.read_bytes())
            item.prepared = self._colorizer.prepare(item.photo)
        except Exception as error:
            item.failure = _reason(error)
        item.seconds += perf_counter() - started
        self._memory.add(item.bytes)
        return item

    def _encode(self, item: _Item, ab: Float) -> _Item:
        started = perf_counter()
        try:
            item.is_written = self._write(item, ab)
        except Exception as error:
            item.failure = _reason(error)
        item.seconds += perf_counter() - started
        return item

    def _write(self, item: _Item, ab: Float) -> bool:
        """Render and write the missing samples; False when the run ended before the last."""
        job, photo, prepared = item.job, item.photo, item.prepared
        assert photo is not None
        assert prepared is not None
        outputs = job.outputs
        job.folder.mkdir(parents=True, exist_ok=True)
        grid = prepared.L.shape[0] // ab.shape[2]
        rendered = render_samples(
            photo.pixels, ab[list(job.missing)], prepared.frame, grid, working=prepared.L
        )
        for k, rgb in zip(job.missing, rendered, strict=True):
            if self._halt.is_set():
                return False
            write_atomic(outputs[k], encode_photo(rgb, photo, job.format))
        return True


def _reason(error: Exception) -> str:
    """One line for people."""
    if isinstance(error, ColorizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
