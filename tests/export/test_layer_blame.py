"""Layers are found in a graph under the network's names, and ranked by how far they stray."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made.tiny_bundles import tiny_fields
from onnx import numpy_helper

from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.graphs import open_graphs
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.ort import Providers, open_session
from colorize_cli.runtimes.runtime import Device
from export import layer_blame
from export.layer_blame import bundle_layers, most_different
from export.recorded_calls import as_array, record_calls


def test_layers_are_ranked_by_their_relative_error() -> None:
    reference = [{"a": np.full(4, 100.0), "b": np.ones(4), "c": np.zeros(4), "gone": np.ones(1)}]
    candidate = [{"a": np.full(4, 101.0), "b": np.full(4, 1.5), "c": np.zeros(4)}]
    assert most_different(reference, candidate, 2) == [("b", 0.5), ("a", pytest.approx(0.01))]
    candidate[0]["c"] = np.full(4, np.nan)
    assert most_different(reference, candidate)[0] == ("c", np.inf)


def test_layers_are_found_through_casts_and_dequantization(tmp_path: Path) -> None:
    text = """
    denoiser (float[rows, 2, h, w] noisy_ab, float[1, 1, h, w] L, float[rows] gamma)
        => (float[rows, 2, h, w] prediction)
    {
        half = Cast <to = 10> (weight)
        single = Cast <to = 1> (half)
        one = Conv (noisy_ab, single)
        prediction = Conv (one, plain)
    }
    """
    model = onnx.parser.parse_model('<ir_version: 9, opset_import: ["" : 18]>' + text)
    eye = np.eye(2, dtype=np.float32)[:, :, None, None]
    model.graph.initializer.extend(
        [numpy_helper.from_array(2 * eye, "a.b.weight"), numpy_helper.from_array(eye, "plain")]
    )
    model.graph.node[0].input[0] = "a.b.weight"  # a name that the text form cannot spell
    fields = tiny_fields("palette") | {"grid": 1}
    bundle = write_bundle(tmp_path, fields, {"denoiser.onnx": model.SerializeToString()})
    photo = next(iter(reference_photos().values()))
    device = resolve("cpu", threads=1)
    calls = record_calls(bundle, open_graphs(bundle, device), photo)
    layers = bundle_layers(bundle, device, calls, 3 / 19)
    assert layers.keys() == {"a.b", "plain"}
    x_t = calls["denoiser.onnx"][3]["noisy_ab"]
    np.testing.assert_allclose(layers["a.b"], 2 * x_t, rtol=1e-6)


def test_layers_are_computed_where_the_bundle_ran(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(model: bytes, device: Device, providers: Providers) -> Any:
        opened.append(providers[0][0])
        return open_session(model, resolve("cpu", threads=1))

    monkeypatch.setattr(layer_blame, "open_session", noted)
    bundle, cpu = load_bundle(tiny_bundle), resolve("cpu", threads=1)
    photo = next(iter(reference_photos().values()))
    calls = record_calls(bundle, open_graphs(bundle, cpu), photo)
    calls = {
        name: [{key: as_array(value) for key, value in feed.items()} for feed in of_one]
        for name, of_one in calls.items()
    }
    bundle_layers(bundle, replace(cpu, photos_a_call=8), calls, 1.0)
    assert set(opened) == {"CUDAExecutionProvider"}
