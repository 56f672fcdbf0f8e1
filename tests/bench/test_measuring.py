"""What is measured one after the other, and what is compared with what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.benched import BLACK, Failing, InThisProcess, MadeUp, measurement
from made.benched import figures as made_figures
from made.tiny_bundles import other_graphs, tiny_fields

from colorize_cli.bench import run as bench
from colorize_cli.bench.configurations import Configuration
from colorize_cli.bench.figures import Measurement
from colorize_cli.bench.worker import Budget, Colours, Reference
from colorize_cli.cli.app import main
from colorize_cli.cli.terminal import Terminal
from colorize_cli.errors import DeviceError
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.fastest_device import MAX_DIFFERENCE
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.system.own_process import run_apart

Bench = Callable[..., tuple[int, str, str]]


def int8_fields() -> dict[str, Any]:
    precision = {"weights": "int8", "compute": "int8"}
    return tiny_fields("encoder") | {"name": "int8", "precision": precision}


def test_each_configuration_has_a_process_of_its_own(
    colorize_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "run_apart", run_apart)
    code, out, err = colorize_bench("--json", "-", "--batch", "1")
    assert code == 0, err
    (one,) = json.loads(out)["configurations"]
    peak = one["pipeline"]["peak_memory_mb"]
    assert peak is None or 30 < peak < 1000
    assert one["ciede2000"] == 0


def test_colours_are_compared_with_those_of_single_precision(
    colorize_bench: Bench, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    class Off(MadeUp):
        def measure(self, configuration: Configuration, *rest: Any) -> tuple[Measurement, Colours]:
            measured, colours = super().measure(configuration, *rest)
            by = np.array([0, 0, 0.4 * configuration.batch], np.float32)
            return measured, tuple(lab + by for lab in colours)

    stand_in(Off())
    code, out, _ = colorize_bench("--batch", "1,9", "--json", "-")
    assert code == 0
    one, nine = (one["ciede2000"] for one in json.loads(out)["configurations"])
    assert 0 < one < MAX_DIFFERENCE < nine
    assert json.loads(out)["recommendation"]["batch"] == 1


def test_exports_of_one_checkpoint_are_compared_with_the_one_in_single_precision(
    colorize_bench: Bench, tmp_path: Path, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    stand_in(InThisProcess())
    write_bundle(tmp_path / "int8", int8_fields(), other_graphs())
    code, out, err = colorize_bench("--model", "int8", "--batch", "1", "--json", "-")
    assert code == 0, err
    assert "several networks" not in err
    first, second = json.loads(out)["configurations"]
    assert (first["precision"], second["precision"]) == ("fp32", "int8")
    assert first["ciede2000"] == 0
    assert second["ciede2000"] > 0


def test_one_model_alone_in_another_precision_is_its_own_measure(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, stand_in: object, no_time: None
) -> None:
    write_bundle(tmp_path / "int8", int8_fields(), other_graphs())
    assert main(["bench", "--model", "int8", "--device", "cpu", "--batch", "1"]) == 0
    err = capfd.readouterr().err
    assert "compared with its own on the CPU, in int8" in err
    assert "colours off by 0.00" in err


def test_a_model_without_the_right_colours_is_measured_all_the_same(
    colorize_bench: Bench, tmp_path: Path, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    class Refusing(MadeUp):
        def take_reference(self, model: str, *rest: Any) -> Reference:
            if Path(model).name == "int8":
                raise DeviceError("no such operator")
            return super().take_reference(model, *rest)

    stand_in(Refusing())
    write_bundle(tmp_path / "int8", int8_fields() | {"training": {"samples": 7}}, other_graphs())
    code, out, err = colorize_bench("--model", "int8", "--batch", "1", "--json", "-")
    assert code == 0
    assert "no colours to compare those of int8 with: no such operator" in err
    assert [one["ciede2000"] for one in json.loads(out)["configurations"]] == [0.0, None]
    assert "several networks" in err


def test_a_configuration_that_fails_does_not_stop_the_others(
    colorize_bench: Bench, stand_in: Callable[[MadeUp], MadeUp]
) -> None:
    stand_in(Failing(2, DeviceError("out of [memory]")))
    code, out, err = colorize_bench("--batch", "1,2,3", "--json", "-")
    assert code == 0
    assert "cpu fp32, batch 2 does not run: out of [memory]" in err
    found = json.loads(out)
    assert [one["batch"] for one in found["configurations"]] == [1, 3]
    assert [one["reason"] for one in found["failures"]] == ["out of [memory]"]
    code, _, err = colorize_bench("--batch", "2")
    assert code == 3
    assert "nothing could be measured. cpu fp32, batch 2: out of [memory]" in err


def test_what_takes_long_to_open_is_announced(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Runtime:
        def announcement(self, graphs: Any) -> str:
            return f"building for {graphs.best}"

    monkeypatch.setattr(bench, "run_apart", MadeUp())
    monkeypatch.setattr(bench, "runtime_of", lambda name: Runtime())
    made = made_figures(tiny_bundle, ())
    digest = made.models[0].bundle.digest
    wanted = [measurement("tensorrt fp32", n, digest=digest).configuration for n in (8, 32)]
    references = {digest: Reference(made.photos, [], BLACK, 0.1, {})}
    result = bench._measure_all(made, wanted, references, bench.BUDGET, Terminal())
    assert [one.configuration.batch for one in result.measurements] == [8, 32]
    err = capfd.readouterr().err
    assert err.index("building for (8,") < err.index("1/2") < err.index("building for (32,")


def test_a_precision_that_no_option_leads_to_is_told(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    digest = load_bundle(tiny_bundle).digest
    ones = [
        measurement("cpu fp32", 2, 1.7, digest=digest),
        measurement("openvino bf16", 4, 3.9, digest=digest),
        measurement("openvino bf16", 2, 4.0, digest=digest),
    ]
    monkeypatch.setattr(bench, "choose_device", lambda name, bundle, note: resolve("cpu"))
    assert bench._best(made_figures(tiny_bundle, ones), Terminal()) is ones[0]
    assert capfd.readouterr().err.count("openvino bf16 is not recommended") == 1


def test_quick_takes_less_time(
    colorize_bench: Bench,
    stand_in: Callable[[MadeUp], MadeUp],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made_up = stand_in(MadeUp())
    assert bench.QUICK.network < Budget(4, 5, 15).network
    monkeypatch.setattr(bench, "QUICK", Budget(stages=0, network=0.01, pipeline=0.02))
    assert colorize_bench("--batch", "1")[0] == 0
    assert colorize_bench("--batch", "1", "--quick")[0] == 0
    assert made_up.budgets == [bench.BUDGET, bench.QUICK]
