"""What is tried where memory is too little, with graphs that take only so much at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from made.pictures import encode, grey
from made.watched import Watched

from colorize_cli.errors import OutOfMemoryError
from colorize_cli.model import memory_ladder
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.model.memory_ladder import Drawn, MemoryLadder
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Device, Feeds, Graph

CPU = resolve("cpu", threads=1)
# What is a GPU in the eyes of whoever makes batches.
GPU = replace(CPU, name="cuda", description="a GPU", photos_a_call=8)


class Small(Watched):
    """A graph of a device with memory for so many pixels at once, in all calls together."""

    def __init__(self, graph: Graph, pixels: int, error: Exception | None) -> None:
        super().__init__(graph)
        self._error = error
        self._pixels = pixels
        self._used = 0
        self._lock = Lock()
        self.calls: list[tuple[int, ...]] = []

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Any]]:
        run = self.graph.bind(feeds)

        def limited(others: Feeds) -> dict[str, Any]:
            shape = others["L"].shape if "L" in others else others["noisy_ab"].shape
            pixels = int(np.prod(shape)) * (1 if "L" in others else 8)
            with self._lock:
                self.calls.append(shape)
                self._used += pixels
                is_too_much = self._used > self._pixels
            try:
                if is_too_much:
                    raise self._error or OutOfMemoryError(f"no room for {self._used} pixels")
                return run(others)
            finally:
                with self._lock:
                    self._used -= pixels

        return limited


def photos(count: int) -> list[Photo]:
    return [read_photo(encode(np.roll(grey(), number, axis=1), "PNG")) for number in range(count)]


class Painter:
    """A ladder of a tiny model on a device whose memory is `pixels`."""

    def __init__(
        self,
        bundle: Bundle,
        device: Device,
        pixels: int,
        batch: int = 1,
        error: Exception | None = None,
    ) -> None:
        opened = open_graphs(bundle, CPU)
        self.graphs = {name: Small(graph, pixels, error) for name, graph in opened.items()}
        self.colorizer = Colorizer(bundle, device, steps=2, batch=batch, graphs=self.graphs)

    def draw(self, lot: list[Photo], *, falls_to_cpu: bool = False) -> list[Drawn]:
        self.ladder = MemoryLadder(self.colorizer, falls_to_cpu=falls_to_cpu)
        return self.again(lot)

    def again(self, lot: list[Photo]) -> list[Drawn]:
        return self.ladder.draw(lot, [self.colorizer.prepare(photo) for photo in lot], 2, seed=3)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture
def a_photo(bundle: Bundle) -> int:
    """Pixels of a photo in the working size."""
    (photo,) = photos(1)
    return int(Colorizer(bundle, CPU).prepare(photo).L.size)


def same(a: list[Drawn], b: list[Drawn]) -> bool:
    return all(np.array_equal(x.fields, y.fields) for x, y in zip(a, b, strict=True))


def test_with_enough_memory_nothing_is_less(bundle: Bundle, a_photo: int) -> None:
    found = Painter(bundle, GPU, 4 * a_photo, batch=4).draw(photos(3))
    assert [(one.less, one.is_degraded) for one in found] == [("", False)] * 3


def test_the_batch_is_halved_first_and_that_is_kept_for_the_shape(
    bundle: Bundle, a_photo: int
) -> None:
    painter, lot = Painter(bundle, GPU, a_photo, batch=4), photos(4)
    found = painter.draw(lot)
    assert {one.less for one in found} == {"batch 1 instead of 4"}
    assert all(one.is_degraded for one in found), "on a GPU bits depend on the batch"
    whole = Painter(bundle, GPU, a_photo, batch=1).draw
    assert same(found, [whole([photo])[0] for photo in lot])
    calls = painter.graphs["encoder.onnx"].calls
    assert [shape[0] for shape in calls[:4]] == [4, 2, 1, 1]
    calls.clear()
    painter.again(lot)
    assert {shape[0] for shape in calls} == {1}


def test_fewer_calls_at_a_time_on_the_cpu_change_no_bits_and_degrade_nothing(
    bundle: Bundle, a_photo: int
) -> None:
    device = replace(CPU, lanes=4)
    painter, lot = Painter(bundle, device, a_photo, batch=2), photos(2)
    found = painter.draw(lot)
    whole = Painter(bundle, device, 100 * a_photo, batch=2).draw(lot)
    assert same(found, whole)
    assert not any(one.is_degraded for one in found)
    assert {one.less for one in found} <= {
        "",
        *(f"calls at a time {n} instead of 4" for n in (1, 2)),
    }


def test_then_the_size_is_halved_and_the_photo_is_prepared_in_it(
    bundle: Bundle, a_photo: int
) -> None:
    painter, lot = Painter(bundle, GPU, a_photo - 1, batch=2), photos(2)
    found = painter.draw(lot)
    assert {one.less for one in found} == {"batch 1 instead of 2, size 32 instead of 64"}
    assert all(one.is_degraded for one in found)
    half = Colorizer(bundle, CPU, steps=2, size=32)
    for one, photo in zip(found, lot, strict=True):
        assert one.prepared.frame == half.prepare(photo).frame
        picture = next(painter.colorizer.pictures(photo.pixels, one.prepared, one.fields))
        assert picture.shape[:2] == photo.pixels.shape[:2]
        assert np.array_equal(one.fields, half.colorize([one.prepared], 2, 3)[0])


def test_photos_of_a_size_that_fits_are_not_made_smaller_for_the_sake_of_one_that_does_not(
    bundle: Bundle, a_photo: int
) -> None:
    wide = read_photo(encode(np.tile(grey(), (1, 20)), "PNG"))
    small, *_ = lot = [*photos(1), wide]
    painter = Painter(bundle, CPU, a_photo, batch=2)
    assert painter.colorizer.prepare(wide).L.size > a_photo
    found = painter.draw(lot)
    assert [one.is_degraded for one in found] == [False, True]
    assert same(found[:1], Painter(bundle, CPU, a_photo).draw([small]))


@pytest.mark.parametrize("error", [None, MemoryError()])
def test_then_the_cpu_draws_what_was_asked_for(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    monkeypatch.setattr(memory_ladder, "resolve", lambda name: replace(CPU, name=name))
    painter, lot = Painter(bundle, GPU, 0, batch=2, error=error), photos(2)
    found = painter.draw(lot, falls_to_cpu=True)
    assert {one.less for one in found} == {f"device {CPU.description} instead of a GPU"}
    assert all(one.is_degraded for one in found)
    assert same(found, [Painter(bundle, CPU, 10**9).draw([photo])[0] for photo in lot])


def test_a_device_that_was_named_is_never_left(bundle: Bundle, a_photo: int) -> None:
    painter = Painter(bundle, GPU, 0, batch=2)
    with pytest.raises(OutOfMemoryError, match="no room"):
        painter.draw(photos(2))
    assert min(map(np.prod, painter.graphs["encoder.onnx"].calls)) < a_photo, "all was tried"


def test_other_errors_are_nobody_s_want_of_memory(bundle: Bundle, a_photo: int) -> None:
    painter = Painter(bundle, GPU, a_photo)

    def broken(*given: Any) -> Any:
        raise ValueError("broken")

    painter.graphs["encoder.onnx"].bind = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="broken"):
        painter.draw(photos(1))
