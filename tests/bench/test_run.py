"""The command: what it says, writes, compares and refuses, mostly with made-up figures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made.benched import Failing, InThisProcess, MadeUp
from made.pictures import color, encode, grey

Bench = Callable[..., tuple[int, str, str]]


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


def test_the_json_has_the_machine_the_model_and_the_photos(colorize_bench: Bench) -> None:
    code, out, err = colorize_bench("--batch", "2,1,2", "--samples", "3", "--json", "-")
    assert code == 0, err
    found = json.loads(out)
    assert list(found["stages"]) == ["decode", "prepare", "render", "encode", "write"]
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


def test_json_that_cannot_be_written_does_not_cost_the_tables(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("colorize_cli.system.figures_file.write_atomic", full)
    code, _, err = colorize_bench("--json", "bench.json")
    assert code == 2
    assert "From file to file" in err
    assert "bench.json cannot be written: No space left" in err


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


def test_photographs_are_measured_and_left_alone(
    colorize_bench: Bench, tmp_path: Path, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    stand_in(InThisProcess())
    scans = tmp_path / "scans [1]"
    scans.mkdir()
    (scans / "a.png").write_bytes(encode(color(), "PNG"))
    (scans / "b.jpg").write_bytes(encode(np.tile(grey(), (1, 3)), "JPEG"))
    (scans / "bad.png").write_bytes(encode(grey(), "PNG")[:60])
    (scans / "notes.txt").write_text("no photograph")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in scans.iterdir()}
    code, out, err = colorize_bench(str(scans), "--json", "-", "--batch", "2")
    assert code == 0, err
    assert "scans [1]/bad.png: " in err
    assert "2 of 3 photos" in err
    assert "jpeg, png" in err
    photos = json.loads(out)["photos"]
    assert (photos["found"], photos["used"], photos["is_built_in"]) == (3, 2, False)
    assert photos["formats"] == ["jpeg", "png"]
    assert photos["megapixels_max"] == pytest.approx(3 * photos["megapixels_min"], abs=2e-4)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in scans.iterdir()}
    assert after == before
    assert list(tmp_path.iterdir()) == [scans]


def test_photographs_none_of_which_can_be_read_are_an_error(
    colorize_bench: Bench, tmp_path: Path, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    stand_in(InThisProcess())
    (tmp_path / "bad.png").write_bytes(encode(grey(), "PNG")[:60])
    code, _, err = colorize_bench("bad.png")
    assert code == 1
    assert "none of the photographs can be read" in err


def test_nothing_is_left_behind(
    colorize_bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stand_in: Callable[[MadeUp], MadeUp],
) -> None:
    stand_in(InThisProcess())
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert colorize_bench("--samples", "2", "--batch", "1")[0] == 0
    assert list(folder.iterdir()) == []


def test_an_interruption_ends_with_130_and_leaves_nothing(
    colorize_bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stand_in: Callable[[MadeUp], MadeUp],
) -> None:
    stand_in(Failing(2, KeyboardInterrupt()))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = colorize_bench("--batch", "2")
    assert code == 130
    assert "From file to file" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_shows_what_was_measured(
    colorize_bench: Bench, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    stand_in(Failing(2, KeyboardInterrupt()))
    code, out, err = colorize_bench("--batch", "1,2,3", "--json", "bench.json")
    assert (code, out) == (130, "")
    assert "From file to file" in err
    assert "interrupted: 1 of 3 configurations measured, nothing written" in err
    assert not Path("bench.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "1,,2"), "--batch"),
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
