"""Run many photographs through the network: decoding, network and encoding at the same time.

Two pools of threads decode and encode; the calling thread runs the network and does the
bookkeeping. What is in flight is bounded in photographs and in bytes, however many files there
are, and nothing is kept of a photo once its files are written.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Condition, Event
from time import perf_counter
from typing import Any, TypeAlias

from ..errors import OutputError
from ..imaging.lab import Float
from ..model.colorizer import Colorizer
from ..model.memory_ladder import MemoryLadder
from ..model.shape_groups import LOOK_AHEAD, ShapeGroups
from ..system.cpus import usable_cpus
from .asked.treatment import Treatment
from .outcome import Outcome
from .output_names import Job
from .photo_job import Item, Put, decode, expect, write, write_file
from .traces.recorder import Recorder

_IN_FLIGHT_BYTES = 1 << 31  # but for one photo that takes more
_MAX_DECODERS = 4
_MAX_ENCODERS = 16
_POLL_SECONDS = 0.5


Report: TypeAlias = Callable[[Outcome], None]
_Message: TypeAlias = tuple[Callable[[Item], None], Future[Item]]


def run(
    jobs: Iterable[Job],
    colorizer: Colorizer,
    treatment: Treatment,
    report: Report,
    put: Put = write_file,
    is_stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Colorize the photographs of a plan.

    A photo that cannot be read, colorized or written has a failed outcome and stops nothing but
    itself. Once `is_stopping`, the photographs in the network and behind it are finished, all
    files of each, the rest is dropped, and KeyboardInterrupt is raised. One that comes by itself
    ends the run between two steps of the sampler: the files being written are finished, what was
    done is reported, and it is raised again.

    Jobs without missing samples are left alone. `report` is called in the calling thread, in the
    order of completion; `put`, which fails the photo by raising, and of the colorizer `prepare`,
    `choose` and `pictures` are called in any.

    Raises:
        OutputError: `put` raised it. The photographs in flight have no outcome.
    """
    pipeline = _Pipeline(colorizer, treatment, report, put, is_stopping)
    pipeline.run(job for job in jobs if job.missing)


class _Pipeline:
    """The state of a run, which belongs to the calling thread."""

    def __init__(
        self,
        colorizer: Colorizer,
        treatment: Treatment,
        report: Report,
        put: Put,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._colorizer = colorizer
        self._ladder = MemoryLadder(colorizer, falls_to_cpu=treatment.falls_to_cpu)
        self._treatment = treatment
        self._report = report
        self._put = put
        self._is_stopping = is_stopping
        cpus = usable_cpus()
        decoders, encoders = min(cpus, _MAX_DECODERS), min(cpus, _MAX_ENCODERS)
        self._decoder_count = decoders
        self._decoders = ThreadPoolExecutor(decoders, "decode")
        self._encoders = ThreadPoolExecutor(encoders, "encode")
        self._max_in_flight = (LOOK_AHEAD + 1) * colorizer.batch + decoders + 2 * encoders
        self._inbox: SimpleQueue[_Message] = SimpleQueue()
        self._halt = Event()
        self._waiting = ShapeGroups[Item](colorizer)
        self._decoding = 0
        self._in_flight = 0
        self._writing = 0
        self._ends_run: OutputError | None = None
        self._bytes = 0  # of the photographs in flight, reckoned before they are decoded
        self._blocked = 0  # decoders that wait for room
        self._freed = Condition()

    def run(self, jobs: Iterator[Job]) -> None:
        try:
            self._feed(jobs)
            while self._in_flight and not self._halt.is_set():
                if self._is_stopping():
                    self._finish_writing()
                    raise KeyboardInterrupt
                # Where nothing is being decoded, or may be for want of memory, nothing can arrive
                # before something leaves.
                is_stuck = min(self._decoding, self._decoder_count) <= self._blocked
                if group := self._waiting.take(at_once=is_stuck):
                    self._colorize(group)
                self._receive(wait=not group)
                self._feed(jobs)
            # A wish to stop that came while nothing was in flight has kept the rest from beginning.
            if not self._halt.is_set() and self._is_stopping() and next(jobs, None) is not None:
                raise KeyboardInterrupt
        finally:
            self._halt.set()
            self._count_bytes(0)  # which wakes whoever waits for room
            self._decoders.shutdown(cancel_futures=True)
            self._encoders.shutdown(cancel_futures=True)
            self._receive(wait=False)
        if self._ends_run:
            raise self._ends_run

    def _finish_writing(self) -> None:
        """Let the photographs that the network has coloured come to their end."""
        while self._writing and not self._halt.is_set():
            self._receive(wait=True)

    def _feed(self, jobs: Iterator[Job]) -> None:
        """Hand the next photos to the decoders."""
        while self._in_flight < self._max_in_flight and not self._is_over():
            job = next(jobs, None)
            if job is None:
                return
            self._in_flight += 1
            self._decoding += 1
            future = self._decoders.submit(self._decode, Item(job, self._put))
            future.add_done_callback(lambda done: self._inbox.put((self._on_decoded, done)))

    def _receive(self, *, wait: bool) -> None:
        """Take in what the threads have finished; with `wait`, something, or a wish to stop."""
        while True:
            try:
                # A timeout, because on Windows only that lets Ctrl-C through.
                handler, future = self._inbox.get(block=wait, timeout=_POLL_SECONDS)
            except Empty:
                if wait and not (self._is_stopping() and not self._writing):
                    continue
                return
            wait = False
            if not future.cancelled():
                handler(future.result())

    def _colorize(self, group: list[Item]) -> None:
        """Run the network; what fails together is tried again one by one."""
        if self._is_over():
            return
        started = perf_counter()
        photos = [item.photo for item in group if item.photo]
        prepared = [item.prepared for item in group if item.prepared]
        recorder = Recorder() if self._treatment.traces else None
        try:
            samples, first = self._treatment.drawn
            seed = self._treatment.seed
            drawn = self._ladder.draw(photos, prepared, samples, seed, recorder, first)
        except Exception as error:
            if len(group) > 1:
                for item in group:
                    self._colorize([item])
            else:
                group[0].fail(error)
                self._finish(group[0])
            return
        seconds = (perf_counter() - started) / len(group)
        for item, one in zip(group, drawn, strict=True):
            item.seconds += seconds
            item.drawn_as(one)
            item.sampled = recorder.of(one.prepared.key) if recorder else None
            self._writing += 1
            future = self._encoders.submit(self._write, item, one.fields)
            future.add_done_callback(lambda done: self._inbox.put((self._on_written, done)))

    def _on_decoded(self, item: Item) -> None:
        self._decoding -= 1
        self._on_page(item)

    def _on_page(self, item: Item) -> None:
        """Go on with the page that is next, where there is one."""
        if item.prepared is None:
            self._finish(item)
        else:
            self._waiting.add(item, item.prepared)

    def _on_written(self, item: Item) -> None:
        self._writing -= 1
        self._on_page(item)

    def _finish(self, item: Item) -> None:
        self._in_flight -= 1
        self._count_bytes(-item.memory)
        if item.ends_run:
            self._halt.set()
            self._ends_run = self._ends_run or item.ends_run
        if item.reason and self._treatment.fail_fast:
            if self._halt.is_set():  # the first failure ends the run: what others met is not told
                return
            self._halt.set()
        if outcome := item.outcome():
            self._report(outcome)

    def _is_over(self) -> bool:
        return self._halt.is_set() or self._is_stopping()

    def _has_room(self, memory: int) -> bool:
        return self._bytes == 0 or self._bytes + memory <= _IN_FLIGHT_BYTES

    def _look_around(self) -> None:
        """Send the calling thread a message that says nothing, so that it looks who waits."""
        nothing: Future[Any] = Future()
        nothing.set_result(None)
        self._inbox.put((lambda _: None, nothing))

    def _count_bytes(self, more: int) -> None:
        with self._freed:
            self._bytes += more
            self._freed.notify_all()

    # What follows runs in the pools' threads.

    def _decode(self, item: Item) -> Item:
        expect(item)
        if item.reason:
            return item
        self._take_room(item.memory)
        if not self._halt.is_set():
            expected = item.memory
            decode(item, self._colorizer, self._treatment)
            self._count_bytes(item.memory - expected)
        return item

    def _take_room(self, memory: int) -> None:
        """Wait until there is room for so much more, or nothing that takes any."""
        with self._freed:
            if not self._has_room(memory):
                self._blocked += 1
                self._look_around()
                self._freed.wait_for(lambda: self._halt.is_set() or self._has_room(memory))
                self._blocked -= 1
            self._bytes += memory

    def _write(self, item: Item, ab: Float) -> Item:
        before = item.memory
        write(item, ab, self._colorizer, self._treatment, self._halt.is_set)
        self._count_bytes(item.memory - before)
        return item
