"""What is done to one photograph: reading it and preparing it, then judging, rendering, writing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from ..errors import ColorizeError
from ..imaging.choose_samples import Choice
from ..imaging.lab import Float
from ..imaging.photo_kind import Kind, kind_of
from ..model.colorizer import Colorizer, Prepared
from ..photos.read import Photo, measure, read_photo
from ..photos.write import encode_photo, losses
from ..system.files import write_atomic
from .outcome import Outcome, Status
from .output_names import Job
from .settings import OnColour

# Writes a file in any thread: of a job, the number of the sample, from 0, the content, and the
# digest (hex) of the photo.
Put: TypeAlias = Callable[[Job, int, bytes, str], None]


@dataclass(frozen=True)
class Treatment:
    """How every photograph is treated, as in `Options`; 0 candidates are no choice."""

    samples: int = 1
    seed: int = 0
    candidates: int = 0
    on_colour: OnColour = "recolour"
    fail_fast: bool = False


@dataclass
class Item:
    """A photograph in flight, which one thread at a time has; fields are as in `Outcome`."""

    job: Job
    put: Put
    seconds: float = 0.0
    stamp: tuple[int, int] | None = None
    expected: int = 0  # bytes of memory, before it is decoded
    photo: Photo | None = None
    kind: Kind | None = None
    prepared: Prepared | None = None  # None where it is not to be coloured
    choice: Choice | None = None
    written: list[int] = field(default_factory=list)
    reason: str | None = None
    status: Status | None = None  # None while it is in flight, or when the run ended before

    @property
    def memory(self) -> int:
        """Bytes of memory that it takes, one rendered sample included."""
        if self.photo is None:
            return self.expected
        pixels = self.photo.pixels
        height, width = pixels.shape[:2]
        return int(pixels.nbytes + 3 * height * width * pixels.itemsize)

    def fail(self, error: Exception) -> None:
        """Keep why it failed."""
        self.reason, self.status = _reason(error), "failed"

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
            warnings=(*photo.warnings, *losses(photo, self.job.format)) if photo else (),
            written=tuple(self.written),
        )

    def write(self, k: int, data: bytes) -> None:
        """Have the file of a sample written."""
        assert self.photo is not None
        self.put(self.job, k, data, self.photo.digest.hex())
        self.written.append(k)


def write_file(job: Job, k: int, data: bytes, digest: str) -> None:
    """Write the file of a sample, and note nothing: a `Put`."""
    write_atomic(job.outputs[k], data)


def expect(item: Item) -> None:
    """Reckon from a photo's header what memory it takes, or fail one that is over the limits."""
    with _recorded(item), item.job.source.open("rb") as file:
        item.expected = measure(file, os.fstat(file.fileno()).st_size)


def decode(item: Item, colorizer: Colorizer, on_colour: OnColour) -> None:
    """Read a photo and prepare it for the network, or deal with it as one in colour."""
    with _recorded(item):
        data = _read(item)
        item.photo = photo = read_photo(data)
        item.kind = kind_of(photo.pixels, photo.is_colour)
        if item.kind != "colour" or on_colour == "recolour":
            item.prepared = colorizer.prepare(photo)
        elif on_colour == "skip":
            item.status = "left out"
        else:  # byte for byte where the format stays
            if item.job.format != photo.format:
                data = encode_photo(photo.pixels, photo, item.job.format)
            item.job.folder.mkdir(parents=True, exist_ok=True)
            for k in item.job.missing:
                item.write(k, data)
            item.status = "copied"


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
    `is_halted` is asked before every file; the rest is left when it says so.
    """
    with _recorded(item):
        job, photo, prepared = item.job, item.photo, item.prepared
        assert photo is not None
        assert prepared is not None
        choosing = bool(treatment.candidates)
        item.choice = colorizer.choose(prepared, ab, treatment.samples, choosing=choosing)
        wanted = item.choice.take(ab, job.missing)
        job.folder.mkdir(parents=True, exist_ok=True)
        pictures = colorizer.pictures(photo.pixels, prepared, wanted)
        for k, rgb in zip(job.missing, pictures, strict=True):
            if is_halted():
                return
            item.write(k, encode_photo(rgb, photo, job.format))
        item.status = "done"


def _reason(error: Exception) -> str:
    """Put an error in one line for people."""
    if isinstance(error, ColorizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def _recorded(item: Item) -> Iterator[None]:
    """Count the time, and keep a failure with the item: it stops nothing else."""
    started = perf_counter()
    try:
        yield
    except Exception as error:
        item.fail(error)
    finally:
        item.seconds += perf_counter() - started
