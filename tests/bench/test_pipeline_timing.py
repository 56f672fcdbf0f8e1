"""The whole pipeline, from the files to the files: for how long, and how steady it is."""

from dataclasses import replace

import numpy as np
import pytest
from made.benched import NETWORK

from colorize_cli.bench.pipeline_timing import part_seconds, photos_for
from colorize_cli.bench.stage_timing import Stage
from colorize_cli.bench.stopwatch import Timing

NAMES = ("decode", "prepare", "render", "encode", "write")


def test_the_pipeline_runs_about_as_long_as_wanted() -> None:
    def stage(core_ms: float) -> Stage:
        return Stage(Timing.of([np.array([1.0, core_ms / 1000])]), 0, 0)

    network = replace(NETWORK, photo=Timing.of([np.array([0.5, 0.01])]))
    quick = dict.fromkeys(NAMES, stage(1))
    assert photos_for(10, quick, network, samples=1, unit=1) == 20
    assert photos_for(10, quick, network, samples=1, unit=8) == 32
    assert photos_for(10, quick, network, samples=1, unit=24) == 96
    # Where the cores have more to do than the network, on a GPU say, they decide.
    slow = quick | {"encode": stage(100_000)}
    assert photos_for(10, slow, network, samples=4, unit=2) == 8


@pytest.mark.parametrize(
    ("photos", "batch", "parts", "each"), [(4, 1, 3, 1), (8, 2, 3, 2), (41, 1, 10, 4), (2, 2, 0, 0)]
)
def test_a_run_is_cut_into_equal_parts_of_whole_batches(
    photos: int, batch: int, parts: int, each: int
) -> None:
    finished = [0.5 * number for number in range(photos)]
    assert part_seconds(finished, batch) == (0.5,) * parts
    # A part that takes longer shows where it is, divided by its photos.
    if parts:
        late = [*finished[:-1], finished[-1] + each]
        assert part_seconds(late, batch)[-1] == pytest.approx(1.5)
