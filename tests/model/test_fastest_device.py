"""What --device auto takes, and why."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from colorize_cli.errors import DeviceError
from colorize_cli.model import fastest_device as auto
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import _try_out, choose_device
from colorize_cli.model.fastest_device import Trial, fastest, kept_trials
from colorize_cli.runtimes import openvino_core as openvino_runtime
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Device

CANDIDATES = [
    resolve("cpu", threads=1),
    resolve("openvino", threads=1),
    resolve("openvino", threads=1, precision="bf16"),
]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(auto, "candidates", lambda *_: CANDIDATES)
    return load_bundle(tiny_bundle)


def found(
    monkeypatch: pytest.MonkeyPatch, *trials: tuple[float | None, float | None]
) -> list[Trial]:
    """Let a measurement find (step_ms, difference) for each candidate."""
    whole = [
        Trial(device.name, device.precision, *trial)
        for device, trial in zip(CANDIDATES, trials, strict=True)
    ]
    monkeypatch.setattr(auto, "_measure", lambda bundle, devices, try_out: whole)
    return whole


def chosen(requested: str, bundle: Bundle) -> tuple[str, str | None]:
    device = choose_device(requested, bundle, lambda text: None)
    return device.name, device.precision


def test_the_fastest_with_the_right_colours_is_taken(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, (40.0, 0.0), (38.0, 0.0), (20.0, 0.2))
    assert chosen("auto", bundle) == ("openvino", "bf16")


def test_wrong_colours_and_failures_do_not_count(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, (40.0, 0.0), (None, None), (20.0, 0.6))
    assert chosen("auto", bundle) == ("cpu", None)
    with pytest.raises(DeviceError, match="openvino"):
        chosen("openvino", bundle)


def test_a_device_by_name_is_taken_however_slow(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, (40.0, 0.0), (60.0, 0.0), (50.0, 0.9))
    assert chosen("openvino", bundle) == ("openvino", "fp32")
    assert chosen("auto", bundle) == ("cpu", None)
    assert chosen("cpu", bundle) == ("cpu", None)


def test_it_is_measured_once_and_again_when_the_record_is_damaged(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trials = found(monkeypatch, (40.0, 0.0), (38.0, 0.0), (20.0, 0.2))
    told: list[str] = []
    for _ in range(2):
        choose_device("auto", bundle, told.append)
    assert len(told) == 1
    assert kept_trials(bundle) == trials
    (record,) = tmp_path.rglob("auto/*.json")
    record.write_text("{")
    choose_device("auto", bundle, told.append)
    assert len(told) == 2


def test_another_bundle_is_measured_by_itself(
    bundle: Bundle, tiny_palette_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, (40.0, 0.0), (38.0, 0.0), (20.0, 0.2))
    choose_device("auto", bundle, lambda text: None)
    assert kept_trials(load_bundle(tiny_palette_bundle)) is None


def test_where_there_is_no_choice_nothing_is_measured(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "candidates", lambda *_: CANDIDATES[:1])

    def fail(bundle: Bundle, devices: Sequence[Device], try_out: object) -> list[Trial]:
        raise AssertionError

    monkeypatch.setattr(auto, "_measure", fail)
    assert chosen("auto", bundle) == ("cpu", None)


def test_a_measurement_tells_speed_and_colours_of_each(bundle: Bundle) -> None:
    trials = auto._measure(bundle, CANDIDATES[:2], _try_out)
    assert [(trial.device, trial.precision) for trial in trials] == [
        ("cpu", None),
        ("openvino", "fp32"),
    ]
    assert all(trial.step_ms and trial.step_ms > 0 for trial in trials)
    assert trials[0].difference == 0
    assert trials[1].passes
    assert fastest(trials) in trials


def test_what_was_measured_is_loaded_and_not_tested_again(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, (40.0, 0.0), (38.0, 0.0), (20.0, 0.2))
    choose_device("auto", bundle, lambda text: None)
    monkeypatch.setattr(openvino_runtime, "test_computation", lambda model: "it was tested")
    assert chosen("auto", bundle) == ("openvino", "bf16")
    monkeypatch.setitem(sys.modules, "colorize_cli.runtimes.openvino_core", None)
    with pytest.raises(DeviceError, match="cannot be loaded"):
        choose_device("auto", bundle, lambda text: None)
