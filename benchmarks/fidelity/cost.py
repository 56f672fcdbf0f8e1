"""Time what a photo costs beside the network, as the least CPU time of several runs."""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.gamut import chroma_table
from colorize_cli.imaging.lab import Pixels
from colorize_cli.imaging.render import render

from ..page import table
from .ab_fields import SIZE, field_of, grey_of, random_field
from .lightness import JPEG


def cost(photos: Sequence[Pixels]) -> dict[str, dict[str, float]]:
    """Time every step on one photo, enlarged to several sizes: core milliseconds a megapixel."""
    chroma_table()
    photo = max(photos, key=lambda rgb: rgb.size)
    return {f"{megapixels} megapixels": cost_at(megapixels, photo) for megapixels in (0.5, 2, 24)}


def cost_at(megapixels: float, photo: Pixels) -> dict[str, float]:
    """Time every step on a photo enlarged to that size, with grain."""
    scale = (megapixels * 1e6 / (photo.shape[0] * photo.shape[1])) ** 0.5
    rgb = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(-8, 9, rgb.shape[:2])
    grey = np.clip(grey_of(rgb, np.uint8) + grain, 0, 255).astype(np.uint8)
    frame = frame_for(*grey.shape, SIZE)
    own, strong = field_of(rgb, frame), random_field("smooth", 40, frame, 0)
    working, picture = to_working(grey, frame), render(grey, own, frame)
    deep = grey.astype(np.uint16) * 257
    bgr = np.ascontiguousarray(picture[..., ::-1])
    runs: dict[str, Callable[[], object]] = {
        "photo to working size": lambda: to_working(grey, frame),
        "render": lambda: render(grey, own, frame, working=working),
        "render, 16 bit": lambda: render(deep, own, frame, working=working),
        "render, colour input": lambda: render(picture, own, frame, working=working),
        "render, smooth field, sigma 40": lambda: render(grey, strong, frame, working=working),
        "JPEG": lambda: cv2.imencode(".jpg", bgr, JPEG),
    }
    return {name: least(run) / grey.size * 1e9 for name, run in runs.items()}


def least(run: Callable[[], object], runs: int = 5) -> float:
    """Return the least CPU time of a few runs in seconds."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


def cost_table_of(costs: dict[str, dict[str, float]]) -> str:
    """Write a row for each step, with a column for each size."""
    steps = next(iter(costs.values()))
    rows = [[step, *(f"{of[step]:.1f}" for of in costs.values())] for step in steps]
    return table(["step", *costs], rows)
