"""Measure the shipped runtime on colour photographs.

The protocol: a photo's L, as neutral 8-bit sRGB at the photo's own size, goes in; what the
runtime gives back is compared with the photo, in 8-bit sRGB at that size, nothing resampled.
Every figure is the mean over the photos of a set, then over the sets; ratios are ratios of those
means. Choices are made on the half "tune", published figures come from the half "report".
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from colorize_cli.colorizer import Colorizer, Prepared
from colorize_cli.errors import ImageError, UsageError
from colorize_cli.images import Photo, read_photo
from colorize_cli.lab import Float, lightness, lightness_table
from colorize_cli.render import render_samples

from .lpips import Lpips
from .metrics import (
    RGB,
    Means,
    PhotoFigures,
    PictureFigures,
    colourfulness,
    means_of_photos,
    means_of_sets,
    psnr,
)
from .shards import Half, half_of, iter_photos, set_of

Split: TypeAlias = Half | Literal["all"]

# Batches' worth of photos that may wait for others of their shape.
_LOOK_AHEAD = 4


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured.

    Attributes:
        mean_ab: (a, b) of the row "mean colour", in Lab units.
        samples: colourings a photo.
        split: the half of the photos, or all.
        seed: of the noise.
        limit: photos of a set, at most; the first ones.
    """

    mean_ab: tuple[float, float]
    samples: int = 4
    split: Split = "report"
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        photos: the figures of each photo, in the order of reading.
        left_out: why a photo was not measured, by name.
    """

    photos: tuple[PhotoFigures, ...]
    left_out: Mapping[str, str]

    @cached_property
    def sets(self) -> Mapping[str, Means]:
        """Means by set, sorted by name."""
        names = sorted({set_of(photo.name) for photo in self.photos})
        return {
            name: means_of_photos([p for p in self.photos if set_of(p.name) == name])
            for name in names
        }

    @cached_property
    def overall(self) -> Means:
        """Means over the sets."""
        return means_of_sets(self.sets)


@dataclass(frozen=True, eq=False)
class _Subject:
    index: int
    name: str
    truth: RGB
    grey: Photo
    prepared: Prepared


def select(
    paths: Sequence[Path], split: Split, limit: int | None = None
) -> tuple[frozenset[int], int]:
    """Choose the photos to measure, without decoding them.

    Returns:
        Their positions in the order of `iter_photos`, and how many photos there are in all.

    Raises:
        UsageError: the choice is empty, or the paths cannot be read.
    """
    indices: list[int] = []
    taken: dict[str, int] = {}
    found = 0
    for index, (name, data) in enumerate(iter_photos(paths)):
        found += 1
        if split not in ("all", half_of(data)):
            continue
        taken[set_of(name)] = count = taken.get(set_of(name), 0) + 1
        if limit is None or count <= limit:
            indices.append(index)
    if not indices:
        raise UsageError(
            f"none of the {found} photographs belongs to the half {split!r}; --split all takes all."
        )
    return frozenset(indices), found


def evaluate(
    paths: Sequence[Path],
    indices: frozenset[int],
    colorizer: Colorizer,
    lpips: Lpips | None,
    settings: EvaluationSettings,
    advance: Callable[[], None],
) -> Evaluation:
    """Colorize and measure photographs.

    Args:
        paths: folders, tar shards, files.
        indices: of the photos to measure, from `select`.
        colorizer: the shipped runtime.
        lpips: the metric's network, or None to leave it out.
        settings: what is measured.
        advance: called once for each photo that is done or left out.

    Raises:
        UsageError: all photos had to be left out, or the paths cannot be read.
    """
    left_out: dict[str, str] = {}

    def leave_out(name: str, reason: str) -> None:
        left_out[name] = reason
        advance()

    subjects = _subjects(paths, indices, colorizer, leave_out)
    measured: dict[int, PhotoFigures] = {}
    for index, figures in _measured(subjects, colorizer, lpips, settings):
        measured[index] = figures
        advance()
    if not measured:
        raise UsageError("none of the photographs could be measured: they have to be in colour.")
    return Evaluation(tuple(measured[index] for index in sorted(measured)), left_out)


def _measured(
    subjects: Iterable[_Subject],
    colorizer: Colorizer,
    lpips: Lpips | None,
    settings: EvaluationSettings,
) -> Iterator[tuple[int, PhotoFigures]]:
    """Colorize in this thread and measure in others, one core each: two photos a core in flight."""
    measure = partial(_measure, grid=colorizer.bundle.grid, mean_ab=settings.mean_ab, lpips=lpips)
    workers = colorizer.device.threads or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    pending: deque[Future[tuple[int, PhotoFigures]]] = deque()
    try:
        for group in _batches(subjects, colorizer.batch):
            prepared = [subject.prepared for subject in group]
            fields = colorizer.colorize(prepared, settings.samples, settings.seed)
            for subject, ab in zip(group, fields, strict=True):
                pending.append(pool.submit(measure, subject, ab))
            while len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def grey_of(truth: RGB) -> NDArray[np.uint8]:
    """Take the colour out: (H, W, 3) sRGB to the (H, W) neutral levels of the nearest L*."""
    levels = lightness_table(256)
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, lightness(truth)).astype(np.uint8)


def _subjects(
    paths: Sequence[Path],
    indices: frozenset[int],
    colorizer: Colorizer,
    leave_out: Callable[[str, str], None],
) -> Iterator[_Subject]:
    for index, (name, data) in enumerate(iter_photos(paths)):
        if index not in indices:
            continue
        try:
            photo = read_photo(data)
        except ImageError as error:
            leave_out(name, str(error))
            continue
        if not photo.is_color:
            leave_out(name, "it is grey")
            continue
        truth = _to_8_bit(photo.pixels)
        # The noise goes by the digest of the file, as for any photo.
        grey = replace(photo, pixels=grey_of(truth), alpha=None, is_color=False)
        yield _Subject(index, name, truth, grey, colorizer.prepare(grey))


def _to_8_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> RGB:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return ((pixels.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)


def _batches(subjects: Iterable[_Subject], batch: int) -> Iterator[list[_Subject]]:
    """Group by the network's shape, up to `batch`; those that wait too long go as they are."""
    waiting: dict[tuple[int, ...], list[_Subject]] = {}
    for subject in subjects:
        shape = subject.prepared.L.shape
        waiting.setdefault(shape, []).append(subject)
        if len(waiting[shape]) == batch:
            yield waiting.pop(shape)
        elif sum(map(len, waiting.values())) >= _LOOK_AHEAD * batch:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()


def _measure(
    subject: _Subject,
    ab: Float,
    *,
    grid: int,
    mean_ab: tuple[float, float],
    lpips: Lpips | None,
) -> tuple[int, PhotoFigures]:
    """Render the samples and the mean colour as the command line would, and compare."""
    mean = np.broadcast_to(np.asarray(mean_ab, np.float32)[:, None, None], ab.shape[1:])
    fields = np.concatenate([mean[None], ab])
    frame, working = subject.prepared.frame, subject.prepared.L
    rendered = render_samples(subject.grey.pixels, fields, frame, grid, working=working)
    grey = np.repeat(subject.grey.pixels[..., None], 3, axis=2).astype(np.uint8, copy=False)
    pictures: list[RGB] = [grey, *(rgb.astype(np.uint8, copy=False) for rgb in rendered)]
    distances, diversity = _lpips_figures(lpips, subject.truth, pictures)
    of_grey, of_mean, *of_samples = (
        PictureFigures(distance, psnr(subject.truth, picture), colourfulness(picture))
        for distance, picture in zip(distances, pictures, strict=True)
    )
    height, width = grey.shape[:2]
    return subject.index, PhotoFigures(
        name=subject.name,
        sha256=subject.grey.digest.hex(),
        height=height,
        width=width,
        truth_colourfulness=colourfulness(subject.truth),
        grey=of_grey,
        mean_colour=of_mean,
        samples=tuple(of_samples),
        diversity=diversity,
    )


def _lpips_figures(
    lpips: Lpips | None, truth: RGB, pictures: Sequence[RGB]
) -> tuple[Sequence[float | None], float | None]:
    """LPIPS of each picture to the truth, and among the samples, which begin at the third."""
    if lpips is None:
        return [None] * len(pictures), None
    to_truth = [(0, i + 1) for i in range(len(pictures))]
    among = list(combinations(range(3, len(pictures) + 1), 2))
    images = torch.from_numpy(np.stack([truth, *pictures])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        distances = lpips(images.float() / 127.5 - 1, to_truth + among).tolist()
    between = distances[len(to_truth) :]
    return distances[: len(to_truth)], sum(between) / len(between) if between else None
