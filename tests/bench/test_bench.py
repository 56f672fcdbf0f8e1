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
import onnx
import pytest
from made.benched import figures as made_figures
from made.benched import outcome
from made.pictures import color, encode, grey
from made.tiny_bundles import tiny_fields, tiny_graphs
from rich.console import Console

from colorize_cli.bench import configurations as bench_plan
from colorize_cli.bench import document as bench_document
from colorize_cli.bench import network_timing as bench_network
from colorize_cli.bench import photos as bench_photos
from colorize_cli.bench import run as bench
from colorize_cli.bench import stages as bench_stages
from colorize_cli.bench import tables as bench_report
from colorize_cli.bench import worker as bench_worker
from colorize_cli.bench.compare import Change
from colorize_cli.bench.figures import Figures, Rate, rate_of
from colorize_cli.bench.network_timing import NetworkTiming, TimedNetwork
from colorize_cli.bench.own_process import run_apart
from colorize_cli.bench.run import Budget
from colorize_cli.bench.stages import Stage
from colorize_cli.bench.stopwatch import Lap, Stopwatch, Timing
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.cli.app import main
from colorize_cli.cli.terminal import Terminal
from colorize_cli.errors import DeviceError
from colorize_cli.model import fastest_device as auto
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.fastest_device import MAX_DIFFERENCE
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.photos.read import read_photo
from colorize_cli.runtimes.device import Device, resolve
from colorize_cli.runtimes.ort import OnnxNetwork

Bench = Callable[..., tuple[int, str, str]]

STAGES = ["decode", "prepare", "render", "encode", "write"]
SLOW = 0.02


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run everything as few times as the benchmark does at least, with a small built-in photo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "BUDGET", Budget(stages=0, network=0, pipeline=0))
    monkeypatch.setattr(bench_photos, "synthetic_photo", lambda: synthetic_photo(320, 240))
    # Processes of their own have a test of their own.
    monkeypatch.setattr(bench, "run_apart", lambda function, argument: function(argument))


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
def made(tiny_bundle: Path) -> Figures:
    """Made-up figures of three configurations, one of them with wrong colours."""
    digest = load_bundle(tiny_bundle).digest
    return made_figures(
        tiny_bundle,
        [
            outcome("cpu fp32", 2, 1.7, digest=digest),
            outcome("openvino int8+bf16", 8, 3.1, digest=digest, is_default_batch=False),
            outcome("openvino bf16", 2, 4.0, digest=digest, difference=2.5),
        ],
    )


def shown(made: Figures, width: int = 80) -> str:
    """What the tables look like on a terminal in colour."""
    console = Console(width=width, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        bench_report.print_tables(made, made.outcomes[0], Terminal(console=console))
    return capture.get()


# What it says.


def test_the_tables_go_to_standard_error_and_end_with_what_to_do(
    colorize_bench: Bench, tiny_bundle: Path
) -> None:
    code, out, err = colorize_bench("--batch", "1,2")
    assert (code, out) == (0, "")
    words = (
        *("machine: ", "model: tiny-encoder (fp32)", "MB on disk", "size 64", "20 steps"),
        *("measuring 2 configurations, about", "1/2 ", "cpu fp32, batch 2: ", "built-in"),
        *("1 sample each", "read and decode", "render + encode, target 30", "step", "p95"),
        *("From file to file", "network", "peak", "colours", "fastest with the right colours"),
    )
    assert [word for word in words if word not in err] == []
    last = err.splitlines()[-1]
    assert last.startswith(f"use --model {tiny_bundle} --device cpu")


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit(width: int, made: Figures) -> None:
    found = re.sub(r"\x1b\[[\d;]*m", "", shown(made, width=width))
    tables = found[found.index("Stages") : found.index("p50, p95: ms")]
    assert max(map(len, tables.splitlines())) <= width
    assert "…" not in tables
    assert len(re.findall(r"^openvino int8\+bf16 +8 ", tables, re.MULTILINE)) == 2


def test_the_recommended_stands_out_and_wrong_colours_do(made: Figures) -> None:
    lines = shown(made).partition("From file to file")[2].splitlines()
    style = {
        word: line.count("\x1b[1;32m") - line.count("\x1b[33m")
        for line in lines
        for word in ("cpu fp32", "int8+bf16", "openvino bf16")
        if word in line
    }
    assert style["cpu fp32"] > 0
    assert style["int8+bf16"] == 0
    assert style["openvino bf16"] < 0


def test_the_target_is_marked_only_when_it_is_missed(
    made: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row() -> str:
        return next(line for line in shown(made).splitlines() if "target" in line)

    measured = made.after_network_core_ms
    assert f"{measured:.1f}" in row()
    yellow = "\x1b[33m"
    monkeypatch.setattr(bench_report, "TARGET_CORE_MS", measured + 1)
    assert yellow not in row()
    monkeypatch.setattr(bench_report, "TARGET_CORE_MS", measured - 0.1)
    assert yellow in row()


def test_the_json_has_every_figure_and_the_machine(figures: Callable[..., Any]) -> None:
    found = figures("--batch", "2,1,2", "--samples", "3")
    assert list(found["stages"]) == STAGES
    ones = found["configurations"]
    assert [(one["device"], one["precision"], one["batch"]) for one in ones] == [
        ("cpu", "fp32", 1),
        ("cpu", "fp32", 2),
    ]
    assert [one["ciede2000"] for one in ones] == [0.0, 0.0]
    assert found["samples"] == 3
    assert found["machine"]["cpu"]
    assert found["machine"]["usable_cpus"] >= 1
    assert found["machine"]["packages"]["numpy"] == np.__version__
    (model,) = found["models"]
    assert len(model["digest"]) == 64
    assert model["digest"] == ones[0]["model"]
    assert 0 < model["megabytes"] < 1
    assert found["photos"]["is_built_in"]
    assert found["after_network"]["target"] == 30
    assert found["recommendation"]["device"] == "cpu"
    assert (found["comparison"], found["failures"]) == ([], [])


def test_the_json_goes_to_a_file_too(colorize_bench: Bench) -> None:
    assert colorize_bench("--json", "bench.json")[:2] == (0, "")
    assert json.loads(Path("bench.json").read_text())["format"] == 2


@pytest.mark.parametrize(
    ("core", "waiting", "share"),
    [(50, 0.0, 50), (99, 0.4, 40), (50, None, 50), (99, 0.1, None), (180, None, None)],
)
def test_cores_that_others_held_meanwhile_are_told(
    core: float, waiting: float | None, share: int | None, made: Figures
) -> None:
    render = replace(made.stages["render"], wall_ms_per_megapixel=100, core_ms_per_megapixel=core)
    one = made.outcomes[0]
    one = replace(one, network=replace(one.network, waiting=waiting))
    stages = {**made.stages, "render": render}
    text = shown(replace(made, stages=stages, outcomes=(one,)), width=200)
    told = re.findall(r"held the cores for up to (\d+)%", text)
    assert told == ([] if share is None else [str(share)])


def test_nothing_is_recommended_where_the_right_colours_are_not_known(
    made: Figures, capfd: pytest.CaptureFixture[str]
) -> None:
    bench_report.print_recommendation(None, made, Terminal())
    assert "nothing to recommend" in capfd.readouterr().err


# What it compares.


def test_a_later_run_is_compared_with_an_earlier_one(colorize_bench: Bench) -> None:
    assert colorize_bench("--json", "before.json", "--batch", "2")[0] == 0
    earlier = json.loads(Path("before.json").read_text())
    (one,) = earlier["configurations"]
    one["pipeline"]["photos_per_second"] *= 1000
    one["pipeline"]["part_seconds"] = [1.0, 1.0, 1.0, 1.0]
    earlier["machine"]["cpu"] = "Abacus"
    earlier["waiting"] = 0.987
    Path("before.json").write_text(json.dumps(earlier))
    code, out, err = colorize_bench("--compare", "before.json", "--batch", "2,3", "--json", "-")
    assert code == 0
    assert "Since before.json" in err
    assert "1 configuration not in before.json" in err
    assert "another machine (CPU Abacus" in err
    assert "held the cores for up to 99% of the time: the verdicts are on them" in err
    (change,) = json.loads(out)["comparison"]
    assert change["batch"] == 2
    assert change["ratio"] < 0.1
    assert change["verdict"] in err


def test_verdicts_have_their_colours(made: Figures) -> None:
    console = Console(width=120, force_terminal=True, color_system="standard")
    changes = [
        Change(out.configuration, Rate(rate, (1 / rate,) * 5), rate_of(out))
        for out, rate in zip(made.outcomes, (1.0, 6.0, 4.0), strict=True)
    ]
    with console.capture() as capture:
        bench_report.print_comparison(changes, made, Path("a/b.json"), Terminal(console=console))
    lines = capture.get().splitlines()
    (faster,) = (line for line in lines if "faster" in line)
    (slower,) = (line for line in lines if "slower" in line)
    (same,) = (line for line in lines if "the same within noise" in line)
    assert "\x1b[32m" in faster
    assert "+70%" in faster
    assert "\x1b[31m" in slower
    assert "-48%" in slower
    assert "\x1b[3" not in same


# What it measures.


def test_the_figures_agree_with_each_other(figures: Callable[..., Any]) -> None:
    found = figures("--batch", "2", "--samples", "3")
    (batch,) = found["configurations"]
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
    assert 0 < pipeline["p50_ms"] <= pipeline["p95_ms"]
    assert sum(pipeline["part_seconds"]) * 2 < pipeline["seconds"]
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
    batch = figures("--batch", "1")["configurations"][0]
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
    # Each photo comes as often, or a part of the run is not like the next.
    assert bench_network.photos_for(10, quick, network, samples=1, batch=8, subjects=3) == 96
    # Where the cores have more to do than the network, on a GPU say, they decide.
    slow = quick | {"encode": stage(100_000)}
    assert bench_network.photos_for(10, slow, network, samples=4, batch=2) == 8


def test_colours_are_compared_with_those_of_single_precision(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = bench_worker.measure

    def off(task: bench_worker.Task) -> bench_worker.Measured:
        measured = measure(task)
        by = np.array([0, 0, 0.4 * task.configuration.batch], np.float32)
        return replace(measured, colours=tuple(lab + by for lab in measured.colours))

    monkeypatch.setattr(bench, "measure", off)
    code, out, _ = colorize_bench("--batch", "1,9", "--json", "-")
    assert code == 0
    one, nine = (one["ciede2000"] for one in json.loads(out)["configurations"])
    assert 0 < one < MAX_DIFFERENCE < nine
    assert json.loads(out)["recommendation"]["batch"] == 1


def test_each_configuration_has_a_process_of_its_own(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "run_apart", run_apart)
    code, out, err = colorize_bench("--json", "-", "--batch", "1")
    assert code == 0, err
    (one,) = json.loads(out)["configurations"]
    peak = one["pipeline"]["peak_memory_mb"]
    assert peak is None or 30 < peak < 1000


def test_a_configuration_that_fails_does_not_stop_the_others(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = bench_worker.measure

    def failing(task: bench_worker.Task) -> bench_worker.Measured:
        if task.configuration.batch == 2:
            raise DeviceError("out of [memory]")
        return measure(task)

    monkeypatch.setattr(bench, "measure", failing)
    code, out, err = colorize_bench("--batch", "1,2,3", "--json", "-")
    assert code == 0
    assert "cpu fp32, batch 2 does not run: out of [memory]" in err
    found = json.loads(out)
    assert [one["batch"] for one in found["configurations"]] == [1, 3]
    assert [one["reason"] for one in found["failures"]] == ["out of [memory]"]
    code, _, err = colorize_bench("--batch", "2")
    assert code == 3
    assert "nothing could be measured. cpu fp32, batch 2: out of [memory]" in err


def test_a_model_without_the_right_colours_is_measured_all_the_same(
    colorize_bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = bench_worker.take_reference

    def failing(task: bench_worker.ReferenceTask) -> bench_worker.Reference:
        if Path(task.model).name == "int8":
            raise DeviceError("no such operator")
        return draw(task)

    monkeypatch.setattr(bench, "take_reference", failing)
    write_bundle(tmp_path / "int8", int8_fields() | {"training": {"samples": 7}}, other_graphs())
    code, out, err = colorize_bench("--model", "int8", "--batch", "1", "--json", "-")
    assert code == 0
    assert "no colours to compare those of int8 with: no such operator" in err
    assert [one["ciede2000"] for one in json.loads(out)["configurations"]] == [0.0, None]
    assert "several networks" in err


# What it is given.


def test_exports_of_one_checkpoint_are_compared_with_the_one_in_single_precision(
    tiny_bundle: Path, colorize_bench: Bench, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "int8", int8_fields(), other_graphs())
    code, out, err = colorize_bench("--model", "int8", "--batch", "1", "--json", "-")
    assert code == 0
    assert "several networks" not in err
    first, second = json.loads(out)["configurations"]
    assert (first["precision"], second["precision"]) == ("fp32", "int8")
    assert first["ciede2000"] == 0
    assert second["ciede2000"] > 0


def test_exports_are_told_apart_by_their_weights_and_not_by_their_names(tmp_path: Path) -> None:
    def origin(name: str, weights: str) -> str:
        training = {"weights": weights, "recipe": {"name": name}}
        fields = int8_fields() | {"name": name, "training": training}
        write_bundle(tmp_path / name, fields, other_graphs())
        return bench_plan.load_models([str(tmp_path / name)])[0].origin

    assert origin("mine", "0a") == origin("mine-int8", "0a")
    assert origin("mine", "0a") != origin("another", "0b")


def test_one_model_alone_in_another_precision_is_its_own_measure(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_bundle(tmp_path / "int8", int8_fields(), other_graphs())
    assert main(["bench", "--model", "int8", "--device", "cpu", "--batch", "1"]) == 0
    err = capfd.readouterr().err
    assert "compared with its own on the CPU, in int8" in err
    assert "colours off by 0.00" in err


def test_all_devices_that_work_are_measured_and_tensorrt_only_by_name(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def device(name: Any, precision: Any = None) -> Device:
        return Device(name, (), 1, "", lanes=4, precision=precision)

    openvino = [device("openvino", "fp32"), device("openvino", "bf16")]
    monkeypatch.setattr(auto, "candidates", lambda: [device("cpu"), *openvino])
    monkeypatch.setattr(bench_plan, "problem", lambda name: None)
    for module in (auto, bench_plan):
        monkeypatch.setattr(module, "resolve", device)
    models = bench_plan.load_models([str(tiny_bundle), str(tiny_bundle)])

    def planned(*devices: str, samples: int = 2, batch: str | None = None) -> list[tuple[str, int]]:
        found = bench_plan.configurations(models, devices, batch, samples, lambda text: None)
        return [(one.runs_on, one.batch) for one in found]

    assert planned(batch="3") == [
        ("cpu fp32", 3),
        ("openvino fp32", 3),
        ("openvino bf16", 3),
        ("cuda fp32", 3),
    ]
    assert planned("tensorrt") == [("tensorrt fp32", 8), ("tensorrt fp32", 32)]
    assert planned("openvino", "cpu", batch="3") == [
        ("openvino fp32", 3),
        ("openvino bf16", 3),
        ("cpu fp32", 3),
    ]
    assert planned("cpu", "cpu") == [("cpu fp32", 2), ("cpu fp32", 4)]
    # What `colorize` takes by itself, which depends on the samples, and more.
    assert planned("cpu", samples=1) == [("cpu fp32", 4), ("cpu fp32", 8)]


def test_engines_that_are_to_be_built_are_announced(
    made: Figures, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = bench_plan.configurations(made.models, ["cpu"], "2", 1, lambda text: None)
    wanted = [replace(one, device="tensorrt", batch=batch) for one in found for batch in (8, 32)]
    monkeypatch.setattr(bench, "building", lambda *what: f"building {what[1:]}")
    monkeypatch.setattr(bench, "run_apart", lambda function, task: made_measured(made))
    work = bench._Work((), 1, True, Budget())
    reference = bench_worker.Reference(
        (np.zeros((1, 2, 2, 3), np.float32),), (2.0,), ("jpeg",), (), 0.1, {}
    )
    digest = made.models[0].bundle.digest
    result = bench._measure_all(made, wanted, {digest: reference}, work, Terminal())
    assert [out.configuration.batch for out in result.outcomes] == [8, 32]
    err = capfd.readouterr().err
    assert err.index("building (8, 64)") < err.index("1/2") < err.index("building (32, 64)")


def test_a_precision_that_no_option_leads_to_is_told(
    made: Figures, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ones = (made.outcomes[0], replace(made.outcomes[2], difference=0.1))
    monkeypatch.setattr(bench, "choose", lambda name, bundle, note: resolve("cpu"))
    assert bench._recommended(replace(made, outcomes=ones), Terminal()) is ones[0]
    assert "openvino bf16 is not recommended" in capfd.readouterr().err


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


def test_quick_takes_less_time(colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    measure = bench_worker.measure

    def seen(task: bench_worker.Task) -> bench_worker.Measured:
        found.append((task.network_seconds, task.pipeline_seconds))
        return measure(task)

    monkeypatch.setattr(bench, "measure", seen)
    monkeypatch.setattr(bench, "QUICK", Budget(stages=0, network=0.01, pipeline=0.02))
    assert colorize_bench("--batch", "1")[0] == 0
    assert colorize_bench("--batch", "1", "--quick")[0] == 0
    assert found == [(0, 0), (0.01, 0.02)]


def test_of_many_photographs_some_are_taken_from_all_over() -> None:
    assert bench_photos.spread([*range(3)]) == (0, 1, 2)  # type: ignore[list-item]
    assert bench_photos.spread([*range(80)]) == (0, 20, 40, 60)  # type: ignore[list-item]


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

    monkeypatch.setattr("colorize_cli.batch.photo_job.write_atomic", full)
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
    monkeypatch.setattr(bench, "measure", interrupted)
    assert colorize_bench()[0] == 130
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_shows_what_was_measured(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = bench_worker.measure

    def interrupted(task: bench_worker.Task) -> bench_worker.Measured:
        if task.configuration.batch == 2:
            raise KeyboardInterrupt
        return measure(task)

    monkeypatch.setattr(bench, "measure", interrupted)
    code, out, err = colorize_bench("--batch", "1,2,3", "--json", "bench.json")
    assert (code, out) == (130, "")
    assert "From file to file" in err
    assert "interrupted: 1 of 3 configurations measured, nothing written" in err
    assert not Path("bench.json").exists()


def test_json_that_cannot_be_written_does_not_cost_the_tables(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench_document, "write_atomic", full)
    code, _, err = colorize_bench("--json", "bench.json")
    assert code == 2
    assert "From file to file" in err
    assert "bench.json cannot be written: No space left" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "0"), "--batch"),
        (("--batch", "1,,2"), "--batch"),
        (("--batch", "many"), "--batch"),
        (("--json", "gone/bench.json"), "--json"),
        (("--json", "."), "--json"),
        (("--compare", "gone.json"), "--compare gone.json cannot be read"),
        (("--device", "abacus"), "unknown device 'abacus'"),
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


def test_colours_are_judged_by_photographs_where_none_is_given(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    jobs = tuple(bench_photos.find_photos((), tmp_path, 2, lambda path, reason: None))

    def colours(*, is_built_in: bool) -> tuple[Any, ...]:
        task = bench_worker.ReferenceTask(str(tiny_bundle), jobs, 2, is_built_in, None)
        return bench_worker.take_reference(task).colours

    assert len(colours(is_built_in=True)) == len(reference_photos()) > 1
    assert len(colours(is_built_in=False)) == 1


def test_the_built_in_photograph_is_like_one() -> None:
    data = synthetic_photo()
    photo = read_photo(data)
    assert photo.pixels.shape == (1224, 1632)  # 2 megapixels, grey
    assert not photo.is_colour
    # Old photographs of 0.4 to 1.1 megapixels take 0.10 to 0.44 bytes a pixel at this quality.
    assert 0.1 < len(data) / photo.pixels.size < 0.44
    assert photo.pixels.std() > 40
    assert synthetic_photo(320, 240) == synthetic_photo(320, 240)


def made_measured(made: Figures) -> bench_worker.Measured:
    one = made.outcomes[0]
    black = (np.zeros((1, 2, 2, 3), np.float32),)
    return bench_worker.Measured("a device", one.network, one.pipeline, black)


def int8_fields() -> dict[str, object]:
    precision = {"weights": "int8", "compute": "int8"}
    return tiny_fields("encoder") | {"name": "int8", "precision": precision}


def other_graphs() -> dict[str, bytes]:
    """The graphs, with weights that are a little off."""
    graphs = tiny_graphs("encoder")
    model = onnx.load_from_string(graphs["denoiser.onnx"])
    for tensor in model.graph.initializer:
        if tensor.name == "conv_out":
            value = onnx.numpy_helper.to_array(tensor) * np.float32(1.05)
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    return graphs | {"denoiser.onnx": model.SerializeToString()}


def late(function: Callable[..., Any], seconds: float = SLOW) -> Callable[..., Any]:
    """The function, after a sleep."""

    def slowed(*arguments: Any) -> Any:
        time.sleep(seconds)
        return function(*arguments)

    return slowed
