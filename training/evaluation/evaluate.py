"""Measure the shipped runtime on colour photographs.

The protocol: a photo's L, as neutral 8-bit sRGB at the photo's own size, goes in; what the
runtime gives back is compared with the photo, in 8-bit sRGB at that size, nothing resampled. With
`judge_at` both are taken down to a common size first, where photos of all sizes can be compared.
Degraded, the L of an old print of it goes in instead. Choices are made on the half "tune",
published figures come from the half "report".
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import nn

from colorize_cli.errors import UsageError
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.shape_groups import ShapeGroups

from .distances import MAX_PHOTOS
from .figures import MeasuredPhoto
from .inputs import ColourPhoto, read_inputs
from .measure import Yardsticks, measure
from .pretrained.lpips import Lpips
from .selection import Selection, Split
from .summary import Summary, summarise


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
        judge_at: pixels of the short side that larger pictures are taken down to; None for none.
    """

    mean_ab: tuple[float, float]
    samples: int = 4
    split: Split = "all"
    seed: int = 0
    limit: int | None = None
    degraded: bool = False
    candidates: int = 0
    judge_at: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        selection: which photos were to be measured.
        photos: what was measured of each photo, in the order of reading.
        left_out: why a photo of the selection was not measured, by name.
    """

    selection: Selection
    photos: tuple[MeasuredPhoto, ...]
    left_out: Mapping[str, str]

    @cached_property
    def summary(self) -> Summary:
        """Figures by set and of all sets together, with their intervals."""
        return summarise(self.photos)


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

    inputs = read_inputs(paths, selection, colorizer, settings.degraded, leave_out)
    grid, side = colorizer.bundle.grid, settings.judge_at
    yardsticks = Yardsticks(settings.mean_ab, grid, lpips, inception, side)
    measured: dict[int, MeasuredPhoto] = {}
    for index, photo in _measured(inputs, colorizer, yardsticks, settings):
        measured[index] = photo
        advance()
    if not measured:
        raise UsageError("none of the photographs could be measured: they have to be in colour.")
    return Evaluation(selection, tuple(measured[index] for index in sorted(measured)), left_out)


def _measured(
    photos: Iterable[ColourPhoto],
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
        for group in _groups(photos, colorizer):
            prepared = [photo.prepared for photo in group]
            drawn = settings.candidates or settings.samples
            fields = colorizer.colorize(prepared, drawn, settings.seed)
            for photo, ab in zip(group, fields, strict=True):
                choosing = bool(settings.candidates)
                choice = colorizer.choose(photo.prepared, ab, settings.samples, choosing=choosing)
                kept = choice.take(ab, range(settings.samples))
                pending.append((photo.index, pool.submit(measure_with, photo, kept)))
            while len(pending) > 2 * workers:
                yield next_done()
        while pending:
            yield next_done()
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(photos: Iterable[ColourPhoto], colorizer: Colorizer) -> Iterator[list[ColourPhoto]]:
    """Give what goes through the network together."""
    groups = ShapeGroups[ColourPhoto](colorizer)
    for photo in photos:
        groups.add(photo, photo.prepared)
        while group := groups.take(at_once=False):
            yield group
    while group := groups.take(at_once=True):
        yield group
