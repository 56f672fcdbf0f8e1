"""The benchmark measures what it says, with a tiny bundle and little time."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil, isclose
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import color, encode, grey
from rich.console import Console

from colorize_cli import bench, bench_network, bench_report, bench_stages
from colorize_cli.app import main
from colorize_cli.bench import Budget
from colorize_cli.bench_network import NetworkTiming, TimedNetwork
from colorize_cli.bench_stages import Stage
from colorize_cli.bundle import load_bundle
from colorize_cli.colorizer import Colorizer
from colorize_cli.console import Reporter
from colorize_cli.devices import resolve
from colorize_cli.images import read_photo
from colorize_cli.network import OnnxNetwork
from colorize_cli.stopwatch import Lap, Stopwatch, Timing
from colorize_cli.synthetic import synthetic_photo

Bench = Callable[..., tuple[int, str, str]]

STAGES = ["decode", "prepare", "render", "encode", "write"]
SLOW = 0.02


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run everything as few times as the benchmark does at least, with a small built-in photo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "BUDGET", Budget(stages=0, network=0, pipeline=0))
    monkeypatch.setattr(bench, "synthetic_photo", lambda: synthetic_photo(320, 240))


@pytest.fixture
def colorize_bench(tiny_bundle: Path, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Run the command; return its exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["bench", "--model", str(tiny_bundle), "--device", "cpu", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def figures(colorize_bench: Bench) -> Callable[..., Any]:
    """Run the command; return what it writes as JSON."""

    def run(*words: str) -> Any:
        code, out, err = colorize_bench(*words, "--json", "-")
        assert code == 0, err
        return json.loads(out)

    return run


@pytest.fixture
def result(tiny_bundle: Path) -> bench_report.Figures:
    return bench.run([], model=str(tiny_bundle), device="cpu")


# What it says.


def test_the_tables_go_to_standard_error_and_fit_80_columns(colorize_bench: Bench) -> None:
    code, out, err = colorize_bench("--batch", "1,2")
    assert (code, out) == (0, "")
    words = (
        *("device: CPU", "tiny-encoder", "size 64", "20 steps", "built-in", "1 sample each"),
        *("read and decode", "denoiser step", "end to end, photos/s", "peak memory"),
        *("render + encode, target 30", "from file to file with batch"),
    )
    assert [word for word in words if word not in err] == []
    tables = err[err.index("Each stage") : err.index("peak memory")]
    assert max(map(len, tables.splitlines())) <= 80


def test_the_target_is_marked_only_when_it_is_missed(
    result: bench_report.Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        console = Console(width=80, force_terminal=True, color_system="standard")
        with console.capture() as capture:
            bench_report.print_tables(result, Reporter(console=console))
        return next(line for line in capture.get().splitlines() if "target" in line)

    measured = result.after_network_core_ms
    assert f"{measured:.1f}" in shown()
    yellow = "\x1b[33m"
    monkeypatch.setattr(bench_report, "TARGET_CORE_MS", measured + 1)
    assert yellow not in shown()
    monkeypatch.setattr(bench_report, "TARGET_CORE_MS", measured - 0.1)
    assert yellow in shown()


def test_the_json_has_every_figure_and_the_machine(figures: Callable[..., Any]) -> None:
    found = figures("--batch", "2,1,2", "--samples", "3")
    assert list(found["stages"]) == STAGES
    assert [batch["batch"] for batch in found["batches"]] == [1, 2]
    assert found["samples"] == 3
    assert found["device"]["name"] == "cpu"
    assert found["machine"]["cpu"]
    assert found["machine"]["usable_cpus"] >= 1
    assert found["machine"]["packages"]["numpy"] == np.__version__
    assert len(found["model"]["digest"]) == 64
    assert found["photos"]["is_built_in"]
    assert found["after_network"]["target"] == 30


def test_the_json_goes_to_a_file_too(colorize_bench: Bench) -> None:
    assert colorize_bench("--json", "bench.json")[:2] == (0, "")
    assert json.loads(Path("bench.json").read_text())["format"] == 1


@pytest.mark.parametrize(
    ("core", "waiting", "share"),
    [(50, 0.0, 50), (99, 0.4, 40), (50, None, 50), (99, 0.1, None), (180, None, None)],
)
def test_cores_that_others_held_meanwhile_are_told(
    core: float,
    waiting: float | None,
    share: int | None,
    result: bench_report.Figures,
    capfd: pytest.CaptureFixture[str],
) -> None:
    render = replace(result.stages["render"], wall_ms_per_megapixel=100, core_ms_per_megapixel=core)
    (batch,) = result.batches
    batch = replace(batch, network=replace(batch.network, waiting=waiting))
    capfd.readouterr()
    stages = {**result.stages, "render": render}
    bench_report.print_tables(replace(result, stages=stages, batches=(batch,)), Reporter())
    told = re.findall(r"held the cores for up to (\d+)%", capfd.readouterr().err)
    assert told == ([] if share is None else [str(share)])


# What it measures.


def test_the_figures_agree_with_each_other(figures: Callable[..., Any]) -> None:
    found = figures("--batch", "2", "--samples", "3")
    (batch,) = found["batches"]
    network, pipeline = batch["network"], batch["pipeline"]
    calls = network["photo"]["runs"]
    # On the CPU one photo and one sample a call: two photos of three samples of 20 steps.
    assert network["rows"] == 1
    assert network["encoder"]["runs"] == 2 * calls
    assert network["step"]["runs"] == 2 * 3 * 20 * calls
    # The photo's time is made of samplers, of 20 steps and the rest, side by side as it may be.
    sampler = 20 * network["step"]["min_ms"] + network["arithmetic"]["min_ms"]
    assert network["sampler"]["min_ms"] >= 0.99 * sampler
    rounds = ceil(2 * 3 / network["side_by_side"]) / 2
    photo = rounds * network["sampler"]["min_ms"]
    assert network["photo"]["median_ms"] >= 0.99 * photo
    assert isclose(network["photos_per_second"], 1000 / network["photo"]["median_ms"], rel_tol=0.01)
    photos = pipeline["photos"]
    assert photos % 2 == 0
    assert isclose(pipeline["photos_per_second"], photos / pipeline["seconds"], rel_tol=0.01)
    assert isclose(pipeline["samples_per_second"], 3 * pipeline["photos_per_second"], rel_tol=0.01)
    share = pipeline["photos_per_second"] / network["photos_per_second"]
    assert isclose(pipeline["share_of_network"], share, rel_tol=0.01)
    after = sum(found["stages"][name]["core_ms_per_megapixel"] for name in ("render", "encode"))
    assert isclose(found["after_network"]["core_ms_per_megapixel_and_sample"], after, rel_tol=0.01)


@pytest.mark.parametrize(
    ("slow", "stage"),
    [("read_photo", "decode"), ("encode_photo", "encode"), ("write_atomic", "write")],
)
def test_a_slow_stage_shows_in_its_own_row(
    slow: str, stage: str, figures: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_stages, slow, late(getattr(bench_stages, slow)))
    stages = figures("--samples", "2")["stages"]
    wall = {name: stages[name]["timing"]["min_ms"] for name in STAGES}
    assert wall[stage] >= 1000 * SLOW
    # Sleeping is no work of a core: the other rows, and the core time of this one, stay as short
    # as a picture of 0.08 megapixels makes them.
    assert stages[stage]["timing"]["core_ms"] < 1000 * SLOW / 2
    assert max(stages[name]["timing"]["core_ms"] for name in STAGES) < 1000 * SLOW


def test_a_slow_network_shows_in_its_own_row(
    figures: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OnnxNetwork._run
    monkeypatch.setattr(OnnxNetwork, "_run", late(run, 0.002))
    (batch,) = figures()["batches"]
    network = batch["network"]
    assert network["step"]["min_ms"] >= 2
    assert network["sampler"]["min_ms"] >= 40
    assert network["photo"]["min_ms"] >= 40
    assert network["arithmetic"]["min_ms"] <= network["sampler"]["min_ms"] - 40
    lanes = resolve("cpu").lanes
    assert batch["pipeline"]["seconds"] >= 0.040 * batch["pipeline"]["photos"] / lanes


def test_timing_changes_no_pixel(tiny_bundle: Path) -> None:
    bundle, device = load_bundle(tiny_bundle), resolve("cpu")
    network = TimedNetwork(OnnxNetwork(bundle, device))
    plain, timed = Colorizer(bundle, device), Colorizer(bundle, device, network=network)
    prepared = plain.prepare(read_photo(encode(grey(), "PNG")))
    expected, found = plain.colorize([prepared], 2, 0), timed.colorize([prepared], 2, 0)
    assert np.array_equal(expected[0], found[0])
    assert (len(network.encoder_laps), len(network.step_laps)) == (1, 40)


def test_the_pipeline_runs_about_as_long_as_wanted() -> None:
    def stage(core_ms: float) -> Stage:
        return Stage(Timing.of([Lap(wall=1.0, core=core_ms / 1000)]), 0, 0)

    timing = Timing.of([Lap(wall=0.5, core=0.01)])
    network = NetworkTiming(1, 1, timing, timing, timing, timing, timing, None)
    quick = dict.fromkeys(STAGES, stage(1))
    assert bench_network.photos_for(10, quick, network, samples=1, batch=1) == 20
    assert bench_network.photos_for(10, quick, network, samples=1, batch=8) == 32
    # Where the cores have more to do than the network, on a GPU say, they decide.
    slow = quick | {"encode": stage(100_000)}
    assert bench_network.photos_for(10, slow, network, samples=4, batch=2) == 8


# What it is given.


def test_photographs_are_measured_and_left_alone(colorize_bench: Bench, tmp_path: Path) -> None:
    scans = tmp_path / "scans [1]"
    scans.mkdir()
    (scans / "a.png").write_bytes(encode(color(), "PNG"))
    (scans / "b.jpg").write_bytes(encode(np.tile(grey(), (1, 3)), "JPEG"))
    (scans / "notes.txt").write_text("no photograph")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in scans.iterdir()}
    code, out, err = colorize_bench(str(scans), "--json", "-", "--batch", "2")
    assert code == 0
    assert "2 of 2 photos" in err
    assert "jpeg, png" in err
    photos = json.loads(out)["photos"]
    assert (photos["found"], photos["used"], photos["is_built_in"]) == (2, 2, False)
    assert photos["formats"] == ["jpeg", "png"]
    assert photos["megapixels_max"] == pytest.approx(3 * photos["megapixels_min"], abs=2e-4)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in scans.iterdir()}
    assert after == before
    assert list(tmp_path.iterdir()) == [scans]


def test_of_many_photographs_some_are_taken_from_all_over() -> None:
    assert bench._spread(list(range(3))) == [0, 1, 2]
    assert bench._spread(list(range(80))) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_nothing_is_left_behind(
    colorize_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert colorize_bench("--samples", "2")[0] == 0
    assert list(folder.iterdir()) == []


def test_a_photograph_that_cannot_be_read_is_named_and_left_out(
    colorize_bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(encode(grey(), "PNG"))
    (tmp_path / "bad.png").write_bytes(encode(grey(), "PNG")[:60])
    code, _, err = colorize_bench("good.png", "bad.png")
    assert code == 0
    assert "failed bad.png" in err
    assert "1 of 2 photos" in err
    code, _, err = colorize_bench("bad.png")
    assert code == 1
    assert "none of the photographs can be read" in err


def test_a_failure_to_write_is_told(colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("colorize_cli.work.write_atomic", full)
    code, _, err = colorize_bench()
    assert code == 1
    assert "No space left on device" in err


def test_an_interruption_ends_with_130_and_leaves_nothing(
    colorize_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(bench, "time_network", interrupted)
    assert colorize_bench()[0] == 130
    assert list(tmp_path.iterdir()) == []


def test_json_that_cannot_be_written_does_not_cost_the_tables(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench_report, "write_atomic", full)
    code, _, err = colorize_bench("--json", "bench.json")
    assert code == 2
    assert "end to end" in err
    assert "bench.json cannot be written: No space left" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "0"), "--batch"),
        (("--batch", "1,,2"), "--batch"),
        (("--batch", "many"), "--batch"),
        (("--json", "gone/bench.json"), "--json"),
        (("--json", "."), "--json"),
        (("gone.jpg",), "gone.jpg"),
        (("empty",), "no photographs in empty"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_measured(
    words: tuple[str, ...], said: str, colorize_bench: Bench
) -> None:
    Path("empty").mkdir()
    code, out, err = colorize_bench(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "measuring" not in err


# The instruments.


def test_laps_tell_work_from_waiting() -> None:
    with Stopwatch() as waiting:
        time.sleep(0.05)
    assert waiting.lap.wall >= 0.05
    assert waiting.lap.core < 0.04
    with Stopwatch() as working:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    assert 0.049 <= working.lap.core <= working.lap.wall + 0.01


def test_laps_add_up() -> None:
    assert Lap(3, 2) + Lap(1, 1) == Lap(4, 3)
    assert Lap(3, 2) - Lap(1, 1) == Lap(2, 1)
    assert Lap(3, 2) / 2 == Lap(1.5, 1)


def test_timings_sum_up_laps() -> None:
    timing = Timing.of([Lap(wall=n / 1000, core=n / 500) for n in range(101)])
    expected = Timing(runs=101, median_ms=50, p95_ms=95, min_ms=0, core_ms=100)
    for name in ("runs", "median_ms", "p95_ms", "min_ms", "core_ms"):
        assert getattr(timing, name) == pytest.approx(getattr(expected, name))


def test_stages_are_told_for_each_megapixel_too() -> None:
    laps = [Lap(wall=0.2, core=0.1), Lap(wall=0.7, core=0.2)]
    stage = bench_stages._stage(laps, megapixels=1.0 + 2.0)
    assert stage.wall_ms_per_megapixel == pytest.approx(300)
    assert stage.core_ms_per_megapixel == pytest.approx(100)


def test_the_built_in_photograph_is_like_one() -> None:
    data = synthetic_photo()
    photo = read_photo(data)
    assert photo.pixels.shape == (1224, 1632)  # 2 megapixels, grey
    assert not photo.is_color
    # Old photographs of 0.4 to 1.1 megapixels take 0.10 to 0.44 bytes a pixel at this quality.
    assert 0.1 < len(data) / photo.pixels.size < 0.44
    assert photo.pixels.std() > 40
    assert synthetic_photo(320, 240) == synthetic_photo(320, 240)


def late(function: Callable[..., Any], seconds: float = SLOW) -> Callable[..., Any]:
    """The function, after a sleep."""

    def slowed(*arguments: Any) -> Any:
        time.sleep(seconds)
        return function(*arguments)

    return slowed
