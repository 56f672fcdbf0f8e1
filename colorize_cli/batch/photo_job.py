"""What is done to one photograph: reading it and preparing it, then judging, rendering, writing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from ..errors import OutputError, reason_of
from ..imaging.choose_samples import Choice
from ..imaging.lab import Float
from ..imaging.photo_kind import Kind, kind_of
from ..model.colorizer import Colorizer, Prepared
from ..model.memory_ladder import Drawn
from ..photos.read import Photo, read_photo
from ..photos.write import encode_photo, losses
from ..system.files import write_atomic
from .outcome import Outcome, Status
from .output_names import Job
from .settings import OnColour

# Writes a file, and the folders above it, in any thread: of a job, the number of the sample, from
# 0, the content, the digest (hex) of the photo, and whether it is degraded, for want of memory.
Put: TypeAlias = Callable[[Job, int, bytes, str, bool], None]


@dataclass(frozen=True)
class Treatment:
    """How every photograph is treated, as in `Options`; 0 candidates are no choice."""

    samples: int = 1
    seed: int = 0
    candidates: int = 0
    on_colour: OnColour = "recolour"
    fail_fast: bool = False
    falls_to_cpu: bool = False  # where the device has too little memory


@dataclass
class Item:
    """A photograph in flight, which one thread at a time has; fields are as in `Outcome`."""

    job: Job
    put: Put
    seconds: float = 0.0
    stamp: tuple[int, int] | None = None
    photo: Photo | None = None
    kind: Kind | None = None
    prepared: Prepared | None = None  # None where it is not to be coloured
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
            return 0
        pixels = self.photo.pixels
        height, width = pixels.shape[:2]
        return int(pixels.nbytes + 3 * height * width * pixels.itemsize)

    def drawn_as(self, drawn: Drawn) -> None:
        """Keep what its fields were drawn with."""
        self.prepared, self.less = drawn.prepared, drawn.less
        self.is_degraded = drawn.is_degraded

    def fail(self, error: BaseException) -> None:
        """Keep why it failed, or why the run ends here, which is no fault of the photo."""
        if isinstance(error, OutputError):
            self.ends_run = error
        else:
            self.reason, self.status = reason_of(error), "failed"

    def outcome(self) -> Outcome | None:
        """Say what became of it; None without a status."""
        photo = self.photo
        warnings = (*photo.warnings, *losses(photo, self.job.format)) if photo else ()
        if self.is_degraded:
            warnings = (*warnings, f"for want of memory: {self.less}")
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
            warnings=warnings,
            written=tuple(self.written),
            less=self.less,
            is_degraded=self.is_degraded,
        )

    def write(self, k: int, data: bytes) -> None:
        """Have the file of a sample written."""
        assert self.photo is not None
        self.put(self.job, k, data, self.photo.digest.hex(), self.is_degraded)
        self.written.append(k)


def write_file(job: Job, k: int, data: bytes, digest: str, is_degraded: bool = False) -> None:
    """Write the file of a sample, and note nothing: a `Put`."""
    job.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(job.outputs[k], data)


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
        pictures = colorizer.pictures(photo.pixels, prepared, wanted)
        for k, rgb in zip(job.missing, pictures, strict=True):
            if is_halted():
                return
            item.write(k, encode_photo(rgb, photo, job.format))
        item.status = "done"


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
