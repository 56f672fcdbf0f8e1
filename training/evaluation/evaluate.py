"""Measure the shipped runtime on colour photographs.

The protocol: a photo's L, as neutral 8-bit sRGB at the photo's own size, goes in; what the
runtime gives back is compared with the photo, in 8-bit sRGB at that size, nothing resampled.
Degraded, the L of an old print of it goes in instead. Choices are made on the half "tune",
published figures come from the half "report".
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from colorize_cli.errors import ImageError, UsageError
from colorize_cli.imaging.choose import judge
from colorize_cli.imaging.depth import eight_bits
from colorize_cli.imaging.lab import Float, lightness, lightness_table
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import read_photo

from ..degrade import grey as degraded_lightness
from ..shards import Half, half_of, iter_photos, set_of
from .distances import MAX_PHOTOS
from .figures import MeasuredPhoto
from .lpips import Lpips
from .measure import Subject, Yardsticks, measure
from .metrics import RGB
from .summary import Summary, summarise

Split: TypeAlias = Half | Literal["all"]

# Batches' worth of photos that may wait for others of their shape.
_LOOK_AHEAD = 4
# Share of the degraded photos, of those not on orthochromatic film, whose grey is luma.
_LUMA = 0.5


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured.

    Attributes:
        mean_ab: (a, b) of the row "mean colour", in Lab units.
        samples: colourings a photo.
        split: the half of the photos, or all.
        seed: of the noise.
        limit: photos of a set, at most; the first ones.
        degraded: whether the inputs are degraded like old prints.
        candidates: samples to draw and choose from, as `colorize --candidates` does; 0 for none.
    """

    mean_ab: tuple[float, float]
    samples: int = 4
    split: Split = "report"
    seed: int = 0
    limit: int | None = None
    degraded: bool = False
    candidates: int = 0


@dataclass(frozen=True)
class Selection:
    """The photos to measure.

    Attributes:
        indices: their positions in the order of `iter_photos`.
        digests: the SHA-256 of their files, in hex.
        found: how many photos there are in all.
    """

    indices: frozenset[int]
    digests: frozenset[str]
    found: int


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        photos: what was measured of each photo, in the order of reading.
        left_out: why a photo was not measured, by name.
    """

    photos: tuple[MeasuredPhoto, ...]
    left_out: Mapping[str, str]

    @cached_property
    def summary(self) -> Summary:
        """Figures by set and of all sets together, with their intervals."""
        return summarise(self.photos)


def select(paths: Sequence[Path], split: Split, limit: int | None = None) -> Selection:
    """Choose the photos to measure, without decoding them.

    Raises:
        UsageError: the choice is empty, or the paths cannot be read.
    """
    indices: list[int] = []
    digests: set[str] = set()
    taken: dict[str, int] = {}
    found = 0
    for index, (name, data) in enumerate(iter_photos(paths)):
        found += 1
        if split not in ("all", half_of(data)):
            continue
        taken[set_of(name)] = count = taken.get(set_of(name), 0) + 1
        if limit is None or count <= limit:
            indices.append(index)
            digests.add(hashlib.sha256(data).hexdigest())
    if not indices:
        raise UsageError(
            f"none of the {found} photographs belongs to the half {split!r}; --split all takes all."
        )
    return Selection(frozenset(indices), frozenset(digests), found)


def evaluate(
    paths: Sequence[Path],
    selection: Selection,
    colorizer: Colorizer,
    lpips: Lpips | None,
    inception: nn.Module | None,
    settings: EvaluationSettings,
    advance: Callable[[], None],
) -> Evaluation:
    """Colorize and measure photographs.

    Args:
        paths: folders, tar shards, files.
        selection: the photos to measure, from `select`.
        colorizer: the shipped runtime.
        lpips: the metric's network, or None to leave it out.
        inception: the network of Frechet and kernel distance, or None to leave them out.
        settings: what is measured.
        advance: called once for each photo that is done or left out.

    Raises:
        UsageError: all photos had to be left out, they are too many, or the paths cannot be read.
    """
    if inception is not None and len(selection.indices) > MAX_PHOTOS:
        raise UsageError(
            f"{len(selection.indices)} photographs are too many for Frechet and kernel distance, "
            f"which compare each with every other: at most {MAX_PHOTOS}. Take fewer with --limit, "
            "or leave the two out with --no-inception."
        )
    left_out: dict[str, str] = {}

    def leave_out(name: str, reason: str) -> None:
        left_out[name] = reason
        advance()

    subjects = _subjects(paths, selection, colorizer, settings.degraded, leave_out)
    yardsticks = Yardsticks(settings.mean_ab, colorizer.bundle.grid, lpips, inception)
    measured: dict[int, MeasuredPhoto] = {}
    for index, photo in _measured(subjects, colorizer, yardsticks, settings):
        measured[index] = photo
        advance()
    if not measured:
        raise UsageError("none of the photographs could be measured: they have to be in colour.")
    return Evaluation(tuple(measured[index] for index in sorted(measured)), left_out)


def _measured(
    subjects: Iterable[Subject],
    colorizer: Colorizer,
    yardsticks: Yardsticks,
    settings: EvaluationSettings,
) -> Iterator[tuple[int, MeasuredPhoto]]:
    """Colorize in this thread and measure in others, one core each: two photos a core in flight."""
    measure_with = partial(measure, yardsticks=yardsticks)
    workers = colorizer.device.threads * colorizer.device.lanes
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    pending: deque[tuple[int, Future[MeasuredPhoto]]] = deque()

    def next_done() -> tuple[int, MeasuredPhoto]:
        index, future = pending.popleft()
        return index, future.result()

    try:
        for group in _batches(subjects, colorizer.batch):
            prepared = [subject.prepared for subject in group]
            drawn = settings.candidates or settings.samples
            fields = colorizer.colorize(prepared, drawn, settings.seed)
            for subject, ab in zip(group, fields, strict=True):
                kept = _kept(subject, ab, settings, colorizer.family.gains)
                pending.append((subject.index, pool.submit(measure_with, subject, kept)))
            while len(pending) > 2 * workers:
                yield next_done()
        while pending:
            yield next_done()
    finally:
        pool.shutdown(cancel_futures=True)


def _kept(
    subject: Subject, ab: Float, settings: EvaluationSettings, gains: tuple[float, ...]
) -> Float:
    """Keep of the samples drawn (K, 2, h, w) those that `colorize` would."""
    L, frame = subject.prepared.L, subject.prepared.frame
    choosing = bool(settings.candidates)
    choice = judge(L, frame, ab, settings.samples, choosing=choosing, gains=gains)
    return choice.take(ab, range(settings.samples))


def grey_of(truth: RGB) -> NDArray[np.uint8]:
    """Take the colour out: (H, W, 3) sRGB to the (H, W) neutral levels of the nearest L*."""
    return _nearest_levels(lightness(truth))


def old_print_of(truth: RGB, digest: bytes) -> NDArray[np.uint8]:
    """Make the grey of an old print: (H, W, 3) sRGB to (H, W) neutral levels.

    As in training, with `training.degrade`: a third is on orthochromatic film; then each of soft
    focus, fading, hard paper, vignetting, grain and JPEG is drawn with a strength of its own.

    Args:
        truth: the colour photo.
        digest: of its file, which seeds the choices.
    """
    rng = np.random.default_rng(list(digest))
    return _nearest_levels(degraded_lightness(truth, lightness(truth), _LUMA, 1.0, rng))


def _nearest_levels(L: Float) -> NDArray[np.uint8]:
    levels = lightness_table(256)
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, L).astype(np.uint8)


def _subjects(
    paths: Sequence[Path],
    selection: Selection,
    colorizer: Colorizer,
    degraded: bool,
    leave_out: Callable[[str, str], None],
) -> Iterator[Subject]:
    for index, (name, data) in enumerate(iter_photos(paths)):
        if index not in selection.indices:
            continue
        try:
            photo = read_photo(data)
        except ImageError as error:
            leave_out(name, str(error))
            continue
        if not photo.is_colour:
            leave_out(name, "it is grey")
            continue
        truth = eight_bits(photo.pixels)
        levels = old_print_of(truth, photo.digest) if degraded else grey_of(truth)
        # The noise goes by the digest of the file, as for any photo.
        grey = replace(photo, pixels=levels, alpha=None, is_colour=False)
        yield Subject(index, name, truth, grey, colorizer.prepare(grey))


def _batches(subjects: Iterable[Subject], batch: int) -> Iterator[list[Subject]]:
    """Group by the network's shape, up to `batch`; those that wait too long go as they are."""
    waiting: dict[tuple[int, ...], list[Subject]] = {}
    for subject in subjects:
        shape = subject.prepared.L.shape
        waiting.setdefault(shape, []).append(subject)
        if len(waiting[shape]) == batch:
            yield waiting.pop(shape)
        elif sum(map(len, waiting.values())) >= _LOOK_AHEAD * batch:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
