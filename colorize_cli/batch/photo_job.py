"""What is done to one photograph: reading it and preparing it, then judging, rendering, writing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, TypeAlias

from ..errors import ColorizeError
from ..imaging.choose import Choice, judge
from ..imaging.kinds import Kind, kind_of
from ..imaging.lab import Float
from ..imaging.render import render_samples
from ..model.colorizer import Colorizer, Prepared
from ..photos.read import Photo, read_photo
from ..photos.write import encode_photo, losses
from ..system.files import write_atomic
from .plan import Job

OnColour: TypeAlias = Literal["recolour", "skip", "copy"]
Status: TypeAlias = Literal["done", "failed", "skipped", "copied"]
# Called with a job, the digest (hex) of its photo and the number, from 0, of a sample just before
# its file appears, in any thread.
Announce: TypeAlias = Callable[[Job, str, int], None]


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes:
        samples: Colourings a photo, 1 or more.
        seed: Of the noise.
        candidates: Samples to draw and choose from, at least `samples`; 0 to take them as they
            come.
        on_colour: What becomes of photographs in colour: made anew from their lightness, left out,
            or copied.
        fail_fast: Whether the first failure ends the run.
        gains: The bundle's, which are no reason to call a sample grey.
    """

    samples: int = 1
    seed: int = 0
    candidates: int = 0
    on_colour: OnColour = "recolour"
    fail_fast: bool = False
    gains: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Result:
    """What became of a photograph.

    Attributes:
        job: What was to be done.
        reason: Why it failed; None when it did not.
        status: "done" | "failed", or "skipped" | "copied" because it is in colour.
        seconds: Of work on it: reading, its share of the network, writing.
        digest: SHA-256 (hex) of the file's bytes; None when it was not read.
        kind: What the photo is; None when it was not read.
        choice: Which samples were kept, and how they look; None when none was drawn.
        warnings: What the user should know about the files written.
        written: Numbers, from 0, of the samples whose files were written.
    """

    job: Job
    reason: str | None
    status: Status
    seconds: float
    digest: str | None = None
    kind: Kind | None = None
    choice: Choice | None = None
    warnings: tuple[str, ...] = ()
    written: tuple[int, ...] = ()


@dataclass
class Item:
    """A photograph in flight; one thread at a time has it.

    Attributes:
        job: What is to be done.
        seconds: Of work on it so far.
        photo: The photograph, once read.
        kind: What it is.
        prepared: What the network sees; None until then, and where it is not to be coloured.
        choice: Which samples are kept.
        written: Numbers, from 0, of the samples whose files have been written.
        failure: Why it failed.
        status: What became of it; None while it is in flight, or when the run ended before.
    """

    job: Job
    seconds: float = 0.0
    photo: Photo | None = None
    kind: Kind | None = None
    prepared: Prepared | None = None
    choice: Choice | None = None
    written: list[int] = field(default_factory=list)
    failure: str | None = None
    status: Status | None = None

    @property
    def bytes(self) -> int:
        """Memory that it takes, one rendered sample included."""
        if self.photo is None:
            return 0
        pixels = self.photo.pixels
        height, width = pixels.shape[:2]
        return int(pixels.nbytes + 3 * height * width * pixels.itemsize)

    def fail(self, error: Exception) -> None:
        """Keep why it failed."""
        self.failure, self.status = _reason(error), "failed"

    def result(self, status: Status) -> Result:
        """Say what became of it."""
        photo = self.photo
        return Result(
            self.job,
            self.failure,
            status,
            self.seconds,
            digest=photo.digest.hex() if photo else None,
            kind=self.kind,
            choice=self.choice,
            warnings=(*photo.warnings, *losses(photo, self.job.format)) if photo else (),
            written=tuple(self.written),
        )


def decode(item: Item, colorizer: Colorizer, on_colour: OnColour, announce: Announce) -> None:
    """Read a photo and prepare it for the network, or deal with it as one in colour."""
    with _recorded(item):
        data = item.job.source.read_bytes()
        item.photo = read_photo(data)
        item.kind = kind_of(item.photo)
        if item.kind != "colour" or on_colour == "recolour":
            item.prepared = colorizer.prepare(item.photo)
            return
        if on_colour == "copy":
            _copy(item, item.photo, data, announce)
        item.status = "copied" if on_colour == "copy" else "skipped"


def write(
    item: Item,
    ab: Float,
    settings: Settings,
    is_halted: Callable[[], bool],
    announce: Announce,
) -> None:
    """Choose from the samples drawn, render and write those that are missing.

    Args:
        item: A prepared photo.
        ab: (K, 2, h, w), as `Colorizer.colorize` gives it.
        settings: How many samples, and whether they are chosen.
        is_halted: Asked before every file; the rest is left when it says so.
        announce: Told of every file of the job that is about to be written.
    """
    with _recorded(item):
        job, photo, prepared = item.job, item.photo, item.prepared
        assert photo is not None
        assert prepared is not None
        item.choice = judge(
            prepared.L,
            prepared.frame,
            ab,
            settings.samples,
            choosing=bool(settings.candidates),
            gains=settings.gains,
        )
        wanted = item.choice.take(ab, job.missing)
        grid = prepared.L.shape[0] // ab.shape[2]
        job.folder.mkdir(parents=True, exist_ok=True)
        rendered = render_samples(photo.pixels, wanted, prepared.frame, grid, working=prepared.L)
        for k, rgb in zip(job.missing, rendered, strict=True):
            if is_halted():
                return
            _put(item, photo, k, encode_photo(rgb, photo, job.format), announce)
        item.status = "done"


def _reason(error: Exception) -> str:
    """Put an error in one line for people."""
    if isinstance(error, ColorizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _copy(item: Item, photo: Photo, data: bytes, announce: Announce) -> None:
    """Put the photo itself in the place of its colourings: byte for byte where the format stays."""
    job = item.job
    if job.format != photo.format:
        data = encode_photo(photo.pixels, photo, job.format)
    job.folder.mkdir(parents=True, exist_ok=True)
    for k in job.missing:
        _put(item, photo, k, data, announce)


def _put(item: Item, photo: Photo, k: int, data: bytes, announce: Announce) -> None:
    """Write the file of a sample, in an order that is right wherever it ends.

    A file to be replaced may be another photo's. It goes before this photo is announced, or an end
    between the two would leave it with this photo's name, and the next run would take it for done.
    """
    path = item.job.outputs[k]

    def give_way() -> None:
        path.unlink(missing_ok=True)
        announce(item.job, photo.digest.hex(), k)

    write_atomic(path, data, give_way)
    item.written.append(k)


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
