"""The calls of the networks are timed one by one, and change no pixel."""

from pathlib import Path

import numpy as np
import pytest
from made.benched import JOB, Clock
from made.pictures import encode, grey
from made.watched import Watched

from colorize_cli.bench import network_timing
from colorize_cli.bench.network_timing import NetworkLaps, time_network
from colorize_cli.bench.stage_timing import DrawnPhoto
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import read_photo
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Feeds, Graph

STEPS = 3


class Late(Watched):
    """A graph each call of which takes so long, on one core."""

    def __init__(self, graph: Graph, clock: Clock, seconds: float) -> None:
        super().__init__(graph)
        self.clock, self.seconds = clock, seconds

    def called(self, feeds: Feeds) -> None:
        self.clock.work(self.seconds)


@pytest.mark.parametrize("family", ["tiny_bundle", "tiny_palette_bundle"])
def test_timing_changes_no_pixel(family: str, request: pytest.FixtureRequest) -> None:
    bundle, device = load_bundle(request.getfixturevalue(family)), resolve("cpu")
    laps = NetworkLaps()
    graphs = laps.timed(open_graphs(bundle, device))
    plain, timed = Colorizer(bundle, device), Colorizer(bundle, device, graphs=graphs)
    prepared = plain.prepare(read_photo(encode(grey(), "PNG")))
    expected, found = plain.colorize([prepared], 2, 0), timed.colorize([prepared], 2, 0)
    assert np.array_equal(expected[0], found[0])
    assert len(laps.encoder) == (family == "tiny_bundle")
    assert [len(steps) for _, steps in laps.samples] == [20, 20]


def test_the_parts_of_the_network_take_what_they_take(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, seconds = Clock(monkeypatch), {"encoder.onnx": 5.0, "denoiser.onnx": 2.0}
    monkeypatch.setattr(network_timing, "seconds_without_core", lambda: clock.wall / 4)
    bundle, device = load_bundle(tiny_bundle), resolve("cpu", threads=1)
    laps, opened = NetworkLaps(), open_graphs(bundle, device)
    late = {name: Late(graph, clock, seconds[name]) for name, graph in opened.items()}
    colorizer = Colorizer(bundle, device, steps=STEPS, graphs=laps.timed(late))
    prepared = colorizer.prepare(read_photo(encode(grey(), "PNG")))
    fields = colorizer.colorize([prepared], 2, 0)[0]
    timing = time_network([DrawnPhoto(JOB, 1.0, prepared, fields)], colorizer, laps, 0)
    assert (timing.rows, timing.side_by_side) == (1, 1)
    runs = timing.photo.runs
    assert runs == 3
    assert (timing.encoder.runs, timing.encoder.median_ms) == (runs, 5000)
    assert (timing.step.runs, timing.step.core_ms) == (2 * STEPS * runs, 2000)
    assert (timing.sampler.runs, timing.sampler.median_ms) == (2 * runs, 2000 * STEPS)
    assert timing.arithmetic.median_ms == 0
    assert timing.photo.median_ms == 5000 + 2 * 2000 * STEPS
    assert timing.photos_per_second == pytest.approx(1 / 17)
    assert timing.waiting == pytest.approx(0.25 / 1.25)


def test_a_system_that_does_not_tell_who_waits_is_left_alone(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_timing, "seconds_without_core", lambda: None)
    bundle, device, laps = load_bundle(tiny_bundle), resolve("cpu"), NetworkLaps()
    graphs = laps.timed(open_graphs(bundle, device))
    colorizer = Colorizer(bundle, device, steps=1, batch=4, graphs=graphs)
    prepared = colorizer.prepare(read_photo(encode(grey(), "PNG")))
    fields = colorizer.colorize([prepared], 1, 0)[0]
    timing = time_network([DrawnPhoto(JOB, 1.0, prepared, fields)], colorizer, laps, 0)
    assert timing.waiting is None
    assert timing.side_by_side == min(device.lanes, 4)
    assert timing.encoder.runs == 4 * timing.photo.runs
