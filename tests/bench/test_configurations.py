"""Which models, devices, precisions and batch sizes are measured, and with which options."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.benched import measurement
from made.tiny_bundles import other_graphs, tiny_fields

from colorize_cli.bench import configurations
from colorize_cli.bench.configurations import BenchOptions, combine, load_models, reference_of
from colorize_cli.errors import UsageError
from colorize_cli.model import fastest_device
from colorize_cli.model.bundle import write_bundle
from colorize_cli.runtimes.runtime import Device


def test_exports_are_told_apart_by_their_weights_and_not_by_their_names(tmp_path: Path) -> None:
    def origin(name: str, weights: str) -> str:
        training = {"weights": weights, "recipe": {"name": name}}
        fields = tiny_fields("encoder") | {"name": name, "training": training}
        write_bundle(tmp_path / name, fields, other_graphs())
        return load_models([str(tmp_path / name)])[0].origin

    assert origin("mine", "0a") == origin("mine-int8", "0a")
    assert origin("mine", "0a") != origin("another", "0b")


def test_a_model_that_is_named_twice_is_measured_under_its_first_name(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (model,) = load_models([str(tiny_bundle), str(copy)])
    assert model.given == str(tiny_bundle)


def test_the_right_colours_are_those_of_the_export_in_single_precision(
    tiny_bundle: Path, tiny_palette_bundle: Path, tmp_path: Path
) -> None:
    precision = {"weights": "int8", "compute": "int8"}
    write_bundle(tmp_path, tiny_fields("encoder") | {"precision": precision}, other_graphs())
    models = load_models([str(path) for path in (tmp_path, tiny_bundle, tiny_palette_bundle)])
    int8, single, another = models
    assert [reference_of(model, models) for model in models] == [single, single, another]
    assert reference_of(int8, [int8, another]) is int8


def test_all_devices_that_work_are_measured_and_tensorrt_only_by_name(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def device(name: Any, precision: Any = None, photos: int = 1) -> Device:
        return Device(name, 1, "", lanes=4, precision=precision, photos_a_call=photos)

    openvino = [device("openvino", "fp32"), device("openvino", "bf16")]
    monkeypatch.setattr(fastest_device, "candidates", lambda: [device("cpu"), *openvino])
    monkeypatch.setattr(configurations, "problem", lambda name: None)
    monkeypatch.setattr(configurations, "resolve", lambda name: device(name, photos=8))
    chosen = lambda name, bundle, note: device(name, photos=8)  # noqa: E731
    monkeypatch.setattr(configurations, "choose_device", chosen)
    models = load_models([str(tiny_bundle), str(tiny_bundle)])

    def planned(*devices: str, samples: int = 2, batch: str | None = None) -> list[tuple[str, int]]:
        options = BenchOptions(devices=devices, samples=samples, batch=batch)
        return [(one.runs_on, one.batch) for one in combine(models, options, lambda text: None)]

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
    assert planned("cpu", batch="2,1,2") == [("cpu fp32", 1), ("cpu fp32", 2)]
    # What `colorize` takes by itself, which depends on the samples, and more.
    assert planned("cpu", samples=1) == [("cpu fp32", 4), ("cpu fp32", 8)]


@pytest.mark.parametrize("batch", ["0", "1,,2", "many", "-1", "5000"])
def test_batch_sizes_that_make_no_sense_are_refused(tiny_bundle: Path, batch: str) -> None:
    with pytest.raises(UsageError, match="--batch takes numbers from 1"):
        combine(load_models([str(tiny_bundle)]), BenchOptions(batch=batch), lambda text: None)


def test_the_options_leave_out_what_is_the_default() -> None:
    plain = measurement("openvino bf16").configuration
    assert plain.options == "--device openvino"
    assert replace(plain, size="fine").options == "--device openvino --size fine"
    other = measurement("cuda int8", 8, is_default_batch=False, model="my models/int8")
    expected = "--model 'my models/int8' --device cuda --batch 8"
    assert other.configuration.options == expected
