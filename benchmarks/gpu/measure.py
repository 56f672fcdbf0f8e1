"""Measure configurations: each way through the steps, for each batch, against the first way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.imaging.lab import Float, lightness
from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.runtime import Device

from .ways import OnDevice, OpenedModel, RoundTrip, Way

LAYOUTS = {
    "NCHW": {},
    "NHWC": {"prefer_nhwc": "1"},
    "NHWC, all algorithms tried": {"prefer_nhwc": "1", "cudnn_conv_algo_search": "EXHAUSTIVE"},
}
ROUND_TRIP, DEVICE, GRAPH = "round trip", "on the device", "on the device, CUDA graph"
_LEAST_RUNS, _MOST_RUNS = 3, 50


@dataclass(frozen=True)
class Series:
    """What is measured for all batches with one opening of the network.

    Attributes:
        precision: The precision of the bundle.
        layout: A key of `LAYOUTS`; "NCHW" where it is not CUDA that runs.
        ways: The ways besides the round trip, which is always measured and compared with.
    """

    precision: str
    layout: str
    ways: tuple[str, ...]


class Batch:
    """A batch of photos whose conditions are known, and the ways to draw their ab fields."""

    def __init__(self, model: OpenedModel, size: int, seconds: float) -> None:
        """Encode the photos.

        Args:
            model: The model on its device.
            size: The number of photos that go through together.
            seconds: For how long the encoder is timed, about.
        """
        self._model, bundle = model, model.bundle
        L = photos(bundle.working_size, bundle.multiple, size)
        self._condition = model.condition(L)
        self.encoder_ms = 1000 * float(np.median(_repeat(lambda: model.condition(L), seconds)))
        shape = (size, 2, *(side // bundle.grid for side in L.shape[2:]))
        self._x_T = np.random.default_rng(0).standard_normal(shape, np.float32)
        self._right: Float | None = None

    def time(self, name: str, seconds: float) -> dict[str, float]:
        """Time a way through the steps, the round trip first."""
        family, clock = self._model.family, self._model.clock
        way = self._open(name)
        found = way.draw(self._x_T)
        self._right = found if self._right is None else self._right
        apart = np.sqrt(((found - self._right) ** 2).sum(axis=1)).mean()
        insides: list[float] = []

        def draw() -> None:
            clock.inside = 0.0
            way.draw(self._x_T)
            insides.append(clock.inside)

        walls = _repeat(draw, seconds)
        shares = [1 - inside / wall for inside, wall in zip(insides[1:], walls, strict=True)]
        steps_ms = 1000 * float(np.median(walls))
        return {
            "encoder_ms": self.encoder_ms,
            "steps_ms": steps_ms,
            "outside": float(np.median(shares)),
            "photos_per_second": 1000 * len(found) / (self.encoder_ms + steps_ms),
            "difference": float(apart) * family.ab_scale * family.gains[0],
        }

    def _open(self, name: str) -> Way:
        if name == ROUND_TRIP:
            return RoundTrip(self._model, self._condition)
        shape = self._x_T.shape
        return OnDevice(self._model, self._condition, shape, in_graph=name == GRAPH)


def measure(
    series: Series,
    bundle: Bundle,
    steps: int,
    device: Device,
    sizes: Sequence[int],
    seconds: float,
) -> Iterator[dict[str, Any]]:
    """Measure a series, one batch after the other.

    Args:
        series: What to measure.
        bundle: The model in the series' precision.
        steps: The number of sampling steps.
        device: What it runs on.
        sizes: The numbers of photos that go through together.
        seconds: For how long each way runs, about.

    Yields:
        The settings `precision`, `layout`, `way` and `batch` with `encoder_ms` (a call of the
        encoder), `steps_ms` (all steps), `outside` (part of the steps' time outside the runtime's
        calls), `photos_per_second` (encoder and steps) and `difference` (mean distance of the ab
        fields from the round trip's, Lab units); or with `failure` in words: too little memory,
        or something that the device cannot do.
    """
    model: OpenedModel | None = None
    for size in sizes:
        settings = {"precision": series.precision, "layout": series.layout, "batch": size}
        try:
            if model is None or device.name == "tensorrt":  # whose engines are for one batch
                model = OpenedModel(bundle, steps, device, LAYOUTS[series.layout], photos=size)
            batch = Batch(model, size, seconds / 4)
        except Exception as error:  # whatever it was, the next batch may do
            yield settings | {"way": ROUND_TRIP, "failure": _reason(error)}
            continue
        for way in (ROUND_TRIP, *series.ways):
            try:
                figures: dict[str, Any] = dict(batch.time(way, seconds))
            except Exception as error:  # as above
                figures = {"failure": _reason(error)}
            yield settings | {"way": way} | figures
            if way == ROUND_TRIP and "failure" in figures:
                break  # there is nothing to compare the other ways with


def photos(size: int, multiple: int, count: int) -> Float:
    """Cut square photos from the built-in one: (count, 1, side, side) L, the size rounded up."""
    side = -(-size // multiple) * multiple
    data = np.frombuffer(synthetic_photo(), np.uint8)
    whole = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    least = min(whole.shape)
    rng = np.random.default_rng(0)
    cuts = []
    for _ in range(count):
        edge = int(rng.integers(least // 2, least + 1))
        top, left = (int(rng.integers(0, length - edge + 1)) for length in whole.shape)
        cut = whole[top : top + edge, left : left + edge]
        cuts.append(cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA))
    return np.stack([lightness(cut) for cut in cuts])[:, None]


def _repeat(run: Callable[[], object], seconds: float) -> list[float]:
    """Time each run in seconds, after one that does not count."""
    run()
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < _LEAST_RUNS or (perf_counter() < end and len(times) < _MOST_RUNS):
        started = perf_counter()
        run()
        times.append(perf_counter() - started)
    return times


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
