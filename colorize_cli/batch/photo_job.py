"""What is done to one photograph: reading it and preparing it, then judging, rendering, writing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import perf_counter
from typing import TypeAlias

from ..errors import OutputError, reason_of
from ..imaging.choose_samples import Choice
from ..imaging.lab import Float
from ..imaging.photo_kind import Kind, kind_of
from ..imaging.thumbnail import thumbnail
from ..model.colorizer import Colorizer, Prepared
from ..model.memory_ladder import Drawn
from ..photos.growing_files import GrowingFiles
from ..photos.read import Photo, measure, read_pages
from ..photos.transparency import GREY, laid_on
from ..photos.write import encode_photo, ground_in, losses
from ..system.files import NO_MORE_FILES, make_folders, write_atomic
from .asked.treatment import Treatment
from .outcome import Outcome, Status, output_error
from .output_names import Job
from .sheet.thumbnails import SIDE, Smalls
from .traces.recorder import Sampled

# Writes a file, and the folders above it, in any thread: of a job, the number of the sample, from
# 0, the content, the digest (hex) of the photo, and whether it is degraded, for want of memory.
Put: TypeAlias = Callable[[Job, int, bytes, str, bool], None]


@dataclass
class Item:
    """A photograph in flight, which one thread at a time has; fields are as in `Outcome`.

    A file of several pages is in flight as one page after the other, until there is none.
    """

    job: Job
    put: Put
    seconds: float = 0.0
    stamp: tuple[int, int] | None = None
    expected: int = 0  # bytes of memory, before it is decoded
    data: bytes = b""  # of the file, while there may be pages to come
    pages: Iterator[Photo] | None = None  # that are to come
    photo: Photo | None = None  # the page in hand
    files: GrowingFiles | None = None  # of the pages that are done, where there are several
    said: dict[str, list[int]] = field(default_factory=dict)  # warnings, and of which pages
    page: int = 0  # the number of the one in hand, from 1
    kind: Kind | None = None  # of the first page
    prepared: Prepared | None = None  # None where it is not to be coloured
    sampled: Sampled | None = None  # how its samples came about, where that is to be shown
    smalls: Smalls | None = None  # of the first page, for a sheet
    choice: Choice | None = None
    written: list[int] = field(default_factory=list)
    reason: str | None = None
    status: Status | None = None  # None while it is in flight, or when the run ended before
    ends_run: OutputError | None = None
    less: str = ""
    is_degraded: bool = False

    @property
    def memory(self) -> int:
        """Bytes of memory that it takes, one rendered sample included."""
        if self.photo is None:
            return self.expected
        pixels = self.photo.pixels
        height, width = pixels.shape[:2]
        return int(pixels.nbytes + 3 * height * width * pixels.itemsize + len(self.data))

    def drawn_as(self, drawn: Drawn) -> None:
        """Keep what the fields of the page in hand were drawn with."""
        self.prepared = drawn.prepared
        self.less = drawn.less or self.less
        self.is_degraded = drawn.is_degraded or self.is_degraded

    def fail(self, error: BaseException) -> None:
        """Keep why it failed, or why the run ends here, which is no fault of the photo."""
        if isinstance(error, OutputError):
            self.ends_run = error
        else:
            self.reason, self.status = reason_of(error), "failed"
        self.prepared = None
        if self.files:
            self.files.close()

    def outcome(self) -> Outcome | None:
        """Say what became of it; None without a status."""
        photo = self.photo
        return self.status and Outcome(
            self.job.source,
            self.status,
            self.reason,
            self.job,
            self.seconds,
            digest=photo.digest.hex() if photo else None,
            stamp=self.stamp,
            kind=self.kind,
            choice=self.choice,
            warnings=tuple(self._warnings()),
            written=tuple(self.written),
            less=self.less,
            is_degraded=self.is_degraded,
        )

    def take_in(self, photo: Photo) -> None:
        """Take a page in hand."""
        self.photo, self.page = photo, self.page + 1
        for warning in (*photo.warnings, *losses(photo, self.job.format)):
            self.said.setdefault(warning, []).append(self.page)
        if photo.pages > 1 and self.files is None:
            self.files = GrowingFiles(self.job.format, photo.pages, self.job.folder)

    def _warnings(self) -> Iterator[str]:
        """Say what goes for all pages once, and of the rest for how many or which it does."""
        for warning, pages in self.said.items():
            if len(pages) == self.page:
                yield warning
            elif len(pages) == 1:
                yield f"page {pages[0]}: {warning}"
            else:
                yield f"{len(pages)} pages, the first {pages[0]}: {warning}"
        if self.is_degraded:
            yield f"for want of memory: {self.less}"

    def keep(self, k: int, data: bytes) -> None:
        """Write the file of a sample, or keep a page of it until there are all."""
        if not self.files:
            self.write(k, data)
            return
        try:
            self.files.add(k, data)
        except OSError as error:
            if error.errno in NO_MORE_FILES:
                raise output_error(self.job.folder, error) from error
            raise

    def write(self, k: int, data: bytes) -> None:
        """Have the file of a sample written."""
        assert self.photo is not None
        self.put(self.job, k, data, self.photo.digest.hex(), self.is_degraded)
        self.written.append(k)
        if self.smalls:
            self.smalls.digests[k] = sha256(data).hexdigest()


def write_file(job: Job, k: int, data: bytes, digest: str, is_degraded: bool = False) -> None:
    """Write the file of a sample, and note nothing: a `Put`."""
    make_folders(job.folder)
    write_atomic(job.outputs[k], data)


def expect(item: Item) -> None:
    """Reckon from a photo's header what memory it takes, or fail one that is over the limits."""
    with _recorded(item), item.job.source.open("rb") as file:
        item.expected = measure(file, os.fstat(file.fileno()).st_size)


def decode(item: Item, colorizer: Colorizer, treatment: Treatment) -> None:
    """Read the next page of a photo that is to be coloured, and prepare it for the network.

    Most photos have one. Those in colour are dealt with here, and so is the end of the file.
    """
    with _recorded(item):
        item.prepared = None
        if item.pages is None:
            item.data = _read(item)
            item.pages = read_pages(item.data, salvages=treatment.salvages, white=treatment.white)
        for photo in item.pages:
            item.take_in(photo)
            kind = kind_of(photo.pixels, photo.is_colour)
            item.kind = item.kind or kind
            if kind != "colour" or treatment.on_colour == "recolour":
                item.prepared = colorizer.prepare(photo)
                if photo.pages == 1:
                    item.data, item.pages = b"", iter(())
                return
            if item.files:
                quality = treatment.quality
                page = encode_photo(photo.pixels, photo, item.job.format, quality=quality)
                for k in item.job.missing:
                    item.keep(k, page)
        _end(item, treatment)


def _end(item: Item, treatment: Treatment) -> None:
    """Write the files of several pages, or deal with a photo in colour."""
    photo, job = item.photo, item.job
    assert photo is not None
    if item.choice is None and treatment.on_colour == "skip":
        item.status = "left out"
    elif item.choice is None and job.format == photo.format:  # byte for byte
        for k in job.missing:
            item.write(k, item.data)
        item.status = "copied"
    elif item.files:
        for k in job.missing:
            item.write(k, item.files.take(k))
        item.status = "copied" if item.choice is None else "done"
    else:
        data = encode_photo(photo.pixels, photo, job.format, quality=treatment.quality)
        for k in job.missing:
            item.write(k, data)
        item.status = "copied"
    if item.files:
        item.files.close()


def _read(item: Item) -> bytes:
    """Read a photo's bytes, and before them what tells that it is written to meanwhile."""
    with item.job.source.open("rb") as file:
        status = os.fstat(file.fileno())
        item.stamp = status.st_size, status.st_mtime_ns
        return file.read()


def write(
    item: Item, ab: Float, colorizer: Colorizer, treatment: Treatment, is_halted: Callable[[], bool]
) -> None:
    """Choose from the samples drawn, render and write those that are missing.

    Their fields are `ab`, (K, 2, h, w), as `Colorizer.colorize` gave them for the item.
    `is_halted` is asked before every file; the rest is left when it says so. Of a file of several
    pages the next one is read, or the files are written.
    """
    with _recorded(item):
        job, photo, prepared = item.job, item.photo, item.prepared
        assert photo is not None
        assert prepared is not None
        _, first = treatment.drawn
        count, choosing = treatment.samples - first, bool(treatment.candidates)
        choice = colorizer.choose(prepared, ab, count, choosing=choosing, first=first)
        numbers = [k - first for k in job.missing]
        if treatment.traces and item.sampled and item.page == 1 and not is_halted():
            order = choice.order if treatment.only is None else [choice.order[k] for k in numbers]
            shown = treatment.traces.write(job, prepared, item.sampled, order)
            item.said.update({warning: [1] for warning in shown})
        item.sampled = None
        if treatment.thumbnails and item.page == 1:
            item.smalls = Smalls(thumbnail(laid_on(GREY, photo.pixels, photo.alpha), SIDE))
        pictures = colorizer.pictures(
            photo.pixels, prepared, choice.take(ab, numbers), treatment.saturation
        )
        choice = choice if treatment.only is None else _of_one(choice, treatment.only, first)
        item.choice = _of_both(item.choice, choice) if item.choice else choice
        for k, rgb in zip(job.missing, pictures, strict=True):
            if is_halted():
                return
            if item.smalls and item.page == 1:
                seen = laid_on(ground_in(job.format), rgb, photo.alpha)
                item.smalls.samples[k] = thumbnail(seen, SIDE)
            item.keep(k, encode_photo(rgb, photo, job.format, treatment.mark(k), treatment.quality))
        item.prepared = None
        if not item.files:
            item.status = "done"
    if item.files and item.status is None and item.ends_run is None:
        decode(item, colorizer, treatment)
    if treatment.thumbnails and item.smalls and item.status == "done":
        is_whole = len(job.missing) == job.samples
        treatment.thumbnails.keep(photo.digest.hex(), item.smalls, is_whole=is_whole)


def _of_one(choice: Choice, only: int, first: int) -> Choice:
    """Say what is to be said of the one sample that is made, with its number among all."""
    k = only - first
    grey = (only,) if k in choice.grey else ()
    return replace(choice, order=(choice.order[k] + first,), grey=grey, is_alike=False)


def _of_both(first: Choice, later: Choice) -> Choice:
    """Say of all pages so far what is to be said of one of them."""
    grey = tuple(sorted({*first.grey, *later.grey}))
    return replace(first, grey=grey, is_alike=first.is_alike or later.is_alike)


@contextmanager
def _recorded(item: Item) -> Iterator[None]:
    """Count the time, and keep a failure with the item, of any kind: it stops nothing else."""
    started = perf_counter()
    try:
        yield
    except BaseException as error:  # in a thread of a pool, where no interrupt comes
        item.fail(error)
    finally:
        item.seconds += perf_counter() - started
