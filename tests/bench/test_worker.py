"""What a process of its own measures: a configuration, and the colours of a model."""

from math import ceil
from pathlib import Path
from typing import Any

import pytest
from made.benched import STAGES, measurement
from made.pictures import encode, grey

from colorize_cli.bench import photos as bench_photos
from colorize_cli.bench.configurations import BenchOptions, combine, load_models
from colorize_cli.bench.photos import PhotoSet, find_photos
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.bench.worker import Budget, measure, take_reference
from colorize_cli.errors import ImageError
from colorize_cli.imaging.ciede2000 import mean_difference
from colorize_cli.model.reference_photos import reference_photos

NO_TIME = Budget(0, 0, 0)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhotoSet:
    """Three colourings of a small built-in photo."""
    monkeypatch.setattr(bench_photos, "synthetic_photo", lambda: synthetic_photo(320, 240))
    return find_photos((), tmp_path, 3, lambda path, reason: None)


def measured(bundle: Path, photos: PhotoSet, batch: int = 2) -> Any:
    options = BenchOptions(batch=str(batch), devices=("cpu",))
    (one,) = combine(load_models([str(bundle)]), options, lambda text: None)
    return measure(one, photos, STAGES, NO_TIME)


def test_the_figures_agree_with_each_other(tiny_bundle: Path, photos: PhotoSet) -> None:
    one, colours = measured(tiny_bundle, photos)
    network, pipeline = one.network, one.pipeline
    calls = network.photo.runs
    # On the CPU one photo and one sample a call: two photos of three samples of 20 steps.
    assert network.rows == 1
    assert network.encoder.runs == 2 * calls
    assert network.step.runs == 2 * 3 * 20 * calls
    # The photo's time is made of samplers, of 20 steps and the rest, side by side as it may be.
    sampler = 20 * network.step.min_ms + network.arithmetic.min_ms
    assert network.sampler.min_ms >= 0.99 * sampler
    rounds = ceil(2 * 3 / network.side_by_side) / 2
    assert network.photo.median_ms >= 0.99 * rounds * network.sampler.min_ms
    assert pipeline.photos % 2 == 0
    assert pipeline.photos_per_second == pytest.approx(pipeline.photos / pipeline.seconds)
    assert pipeline.samples_per_second == pytest.approx(3 * pipeline.photos_per_second)
    assert 0 < pipeline.p50_ms <= pipeline.p95_ms
    assert sum(pipeline.part_seconds) * 2 < pipeline.seconds
    assert one.share_of_network == pipeline.photos_per_second / network.photos_per_second
    reference = take_reference(str(tiny_bundle), photos, None)
    assert reference.stages == {}
    assert mean_difference(colours, reference.colours) == 0
    larger = take_reference(str(tiny_bundle), photos, None, 96)
    assert [lab.shape[1] for lab in larger.colours] > [lab.shape[1] for lab in colours]


def test_colours_are_judged_by_photographs_where_none_is_given(
    tiny_bundle: Path, photos: PhotoSet, tmp_path: Path
) -> None:
    built_in = take_reference(str(tiny_bundle), photos, None)
    assert len(built_in.colours) == len(reference_photos()) > 1
    (tmp_path / "mine.png").write_bytes(encode(grey(), "PNG"))
    mine = find_photos([tmp_path / "mine.png"], tmp_path / "mine", 2, lambda path, reason: None)
    found = take_reference(str(tiny_bundle), mine, 0)
    assert [lab.shape[0] for lab in found.colours] == [2]
    assert list(found.stages) == list(STAGES)
    assert found.photos.megapixels == (grey().size / 1e6,)


def test_a_failure_to_write_is_told(
    tiny_bundle: Path, photos: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("colorize_cli.batch.photo_job.write_atomic", full)
    with pytest.raises(ImageError, match="No space left on device"):
        measured(tiny_bundle, photos)


def test_what_it_will_take_is_estimated_from_the_network() -> None:
    budget, one = Budget(4, 5, 15), measurement(batch=2).configuration
    assert budget.expected(one, photos=3, photo_seconds=0.001) == pytest.approx(2 + 20.003)
    # A slow network has its least runs all the same: 3 x 2 photos alone, 4 x 6 in the pipeline.
    assert budget.expected(one, photos=3, photo_seconds=10) == 2 + 10 * (3 + 6 + 24)
