"""int8: what is quantized, on what it is calibrated, and that the runtime runs it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from made.tiny_bundles import tiny_fields, tiny_graphs
from onnx import TensorProto, numpy_helper

from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.runtimes.find_device import resolve
from export import calibration as photos
from export.calibration import MOST, calibration_photos
from export.quantize import quantize, sampler_feeds
from export.recorded_calls import record_calls


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


def test_calls_are_recorded_at_every_noise_level(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    photo = next(iter(reference_photos().values()))
    calls = record_calls(bundle, open_graphs(bundle, resolve("cpu", threads=1)), photo)
    levels = [float(feed["gamma"][0]) for feed in calls["denoiser.onnx"]]
    gammas = bundle.family.sampling["schedule"]["gammas"]
    np.testing.assert_allclose(levels, gammas[:0:-1], rtol=1e-6)
    height = calls["encoder.onnx"][0]["L"].shape[2] // bundle.grid
    assert all(feed["noisy_ab"].shape[2] == height for feed in calls["denoiser.onnx"])


def quantized_bundle(tiny_bundle: Path, folder: Path) -> Bundle:
    bundle = load_bundle(tiny_bundle)
    model = onnx.load_model_from_string(bundle.read("denoiser.onnx"))
    feeds = sampler_feeds(bundle, "denoiser.onnx", calibration_photos(None, silent)[:1], silent)
    data = quantize(model, feeds).SerializeToString()
    fields = tiny_fields("encoder") | {"precision": {"weights": "int8", "compute": "int8"}}
    return write_bundle(folder, fields, tiny_graphs("encoder") | {"denoiser.onnx": data})


def test_only_inner_convolutions_are_quantized(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = quantized_bundle(tiny_bundle, tmp_path / "int8")
    graph = onnx.load_model_from_string(bundle.read("denoiser.onnx")).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert types["conv_in"] == types["conv_out"] == types["conv_up"] == TensorProto.FLOAT
    assert types["film"] == TensorProto.FLOAT
    assert types["conv_down_quantized"] == TensorProto.INT8
    scales = {t.name: numpy_helper.to_array(t) for t in graph.initializer if "scale" in t.name}
    assert scales["conv_down_scale"].shape == (8,)  # one for each output channel
    into_attention = {name for n in graph.node if n.op_type == "MatMul" for name in n.input}
    dequantized = {n.output[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    assert not into_attention & dequantized


def test_int8_runs_on_the_cpu_provider_and_gives_nearly_the_same_colours(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    device = resolve("cpu", threads=1)
    fields = []
    for bundle in (load_bundle(tiny_bundle), quantized_bundle(tiny_bundle, tmp_path / "int8")):
        colorizer = Colorizer(bundle, device)
        prepared = colorizer.prepare(next(iter(reference_photos().values())))
        fields.append(colorizer.colorize([prepared], 1, 0)[0])
    difference = np.abs(fields[0] - fields[1]).mean()
    assert 0 < difference < 0.1 * np.abs(fields[0]).mean()


def test_none_of_the_gates_photographs_calibrates() -> None:
    judged = {photo.digest for photo in reference_photos().values()}
    assert len(judged) >= 4
    assert not judged & {photo.digest for photo in calibration_photos(None, silent)}


def test_photographs_of_ones_own_are_spread_over_the_folder(tmp_path: Path) -> None:
    pictures = Path(photos.__file__).parent / "calibration_photos"
    data = sorted(path.read_bytes() for path in pictures.glob("*.jpg"))
    for i in range(2 * MOST):
        # A comment at the end of a JPEG makes another file of it.
        (tmp_path / f"{i:03}.jpg").write_bytes(data[i % len(data)] + b"%d" % i)
    (tmp_path / "000.jpg").write_bytes(b"no photograph")
    lines: list[str] = []
    found = calibration_photos(tmp_path, lines.append)
    assert len(found) == MOST - 1
    assert "000.jpg" in lines[0]
    (tmp_path / "deep").mkdir()
    with pytest.raises(UsageError, match="no photograph"):
        calibration_photos(tmp_path / "deep", silent)
    with pytest.raises(UsageError, match="no such folder"):
        calibration_photos(tmp_path / "gone", silent)
