"""The benchmark of GPUs, rehearsed on the CPU, and the page that it writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.tiny_bundles import tiny_fields, tiny_graphs

from benchmarks.gpu import page
from benchmarks.gpu.__main__ import _asked
from benchmarks.gpu.measure import DEVICE, GRAPH, ROUND_TRIP, Series, measure, photos
from benchmarks.gpu.page import append, section
from benchmarks.gpu.ways import RoundTrip
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.runtimes.find_device import resolve


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    fields: dict[str, Any] = tiny_fields("encoder")
    fields["sampling"] |= {"eta": 0.0, "clamp": {"kind": "none"}}
    return write_bundle(tmp_path / "tiny", fields, tiny_graphs("encoder"))


def measured(bundle: Bundle, ways: tuple[str, ...], sizes: list[int]) -> list[dict[str, Any]]:
    device = resolve("cpu", threads=1)
    return list(measure(Series("fp32", "NCHW", ways), bundle, 3, device, sizes, 0.0))


def test_both_ways_end_at_the_same_colours(bundle: Bundle) -> None:
    figures = measured(bundle, (DEVICE,), [1, 3])
    assert [(f["way"], f["batch"]) for f in figures] == [
        (way, size) for size in (1, 3) for way in (ROUND_TRIP, DEVICE)
    ]
    for figure in figures:
        assert figure["difference"] < 1e-3
        assert figure["photos_per_second"] > 0
        assert 0 <= figure["outside"] < 1


def test_a_random_sampler_is_a_failure_of_that_way_alone(tiny_bundle: Path) -> None:
    trip, device = measured(load_bundle(tiny_bundle), (DEVICE,), [1])
    assert "failure" not in trip
    assert "without noise" in device["failure"]


def test_where_the_round_trip_fails_no_other_way_is_compared_with_itself(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(way: RoundTrip, x_T: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(RoundTrip, "draw", fails)
    (figure,) = measured(bundle, (DEVICE,), [1])
    assert figure["failure"] == "out of memory"


def test_the_command_names_no_files() -> None:
    words = "--batches 1 2 --json=a/b.json --json c.json --record --half d --commit=abc --steps=2"
    assert list(_asked(words.split())) == ["--batches", "1", "2", "--steps=2"]
    for given in (["--model", "/home/me/tiny"], ["--model=/home/me/tiny"], ["--model", "tiny"]):
        assert list(_asked(given)) == ["--model", "tiny"]


def test_photos_are_lightness_at_the_size_of_the_network() -> None:
    L = photos(60, 32, 3)
    assert L.shape == (3, 1, 64, 64)
    assert 0 <= L.min() < L.max() <= 100
    assert not np.array_equal(L[0], L[1])


def result(figures: list[dict[str, Any]]) -> dict[str, Any]:
    machine = {"cpu": "CPU", "usable_cpus": 2, "cpus": 2, "flags": ["avx2"], "python": "3.12"}
    return {
        "date": "2026-01-02",
        "commit": "abc1234",
        "command": "python -m benchmarks.gpu",
        "machine": machine | {"packages": {"numpy": "2"}, "gpu": "NVIDIA H200", "torch": "2.11"},
        "device": "CUDA (NVIDIA H200)",
        "tensorrt": "libnvinfer.so.10 is missing\nmore",
        "model": {"name": "default", "digest": "0" * 64, "side": 192, "steps": 20},
        "gflop": {"encoder": 2.0, "step": 4.9},
        "ceiling": {"side": 8192, "tflop_per_s": {"bf16": 800.0}},
        "figures": figures,
    }


def figure(way: str, batch: int, rate: float, **changes: Any) -> dict[str, Any]:
    settings = {"provider": "cuda", "precision": "fp16", "layout": "NHWC", "way": way}
    steps = {"encoder_ms": 1.0, "steps_ms": 1000 * batch / rate, "outside": 0.04}
    rates = {"photos_per_second": rate, "difference": 0.01}
    return settings | {"batch": batch} | steps | rates | changes


def test_a_section_holds_the_best_against_the_ceiling_and_the_loops_cost() -> None:
    figures = [figure(ROUND_TRIP, 256, 2000.0), figure(GRAPH, 256, 4000.0), figure(GRAPH, 1, 50.0)]
    failed = {"provider": "cuda", "precision": "fp32", "layout": "NCHW", "way": DEVICE}
    text = section(result([*figures, failed | {"batch": 256, "failure": "out of memory"}]))
    assert "## 2026-01-02, NVIDIA H200" in text
    # 100 GFLOP a photo, 4,000 photos: half of 800 TFLOP/s.
    assert "**4000 photos a second, 50% of the bf16 product**" in text
    assert "gives 2000 and spends 4.0%" in text
    assert "| cuda | fp16 | NHWC | on the device, CUDA graph | 50 (1%) | 4000 (50%) |" in text
    assert "| 256 | 1.00 | 128.00 | 4.0% | 50.0% | 0.010 |" in text
    assert "cuda fp32 NCHW, on the device, batch 256: out of memory" in text
    assert "TensorRT was not measured: libnvinfer.so.10 is missing\n" in text
    assert "Other colours" not in text


def test_wrong_colours_stand_out() -> None:
    figures = [figure(ROUND_TRIP, 1, 10.0), figure(GRAPH, 1, 20.0, difference=float("nan"))]
    assert "**Other colours than the round trip:**" in section(result(figures))


def test_a_run_where_nothing_worked_is_a_section_too() -> None:
    failed = {"provider": "cuda", "precision": "fp32", "layout": "NCHW", "way": ROUND_TRIP}
    assert "out of memory" in section(result([failed | {"batch": 1, "failure": "out of memory"}]))


def test_the_newest_section_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "gpu.md"
    path.write_text(f"# Words\n\n{page._MARKER}\nNothing yet.\n")
    append(path, "## One\n")
    append(path, "## Two\n")
    text = path.read_text()
    assert text.index("# Words") < text.index("## Two") < text.index("## One")
    assert "Nothing yet." in text
