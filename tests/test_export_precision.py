"""Precisions: what is quantized and halved, and the gate that judges the colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import tiny_fields, tiny_graphs
from onnx import TensorProto, numpy_helper
from test_export import make_checkpoint

from colorize_cli.app import main
from colorize_cli.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.colorizer import Colorizer
from colorize_cli.devices import resolve
from colorize_cli.errors import CheckError, DeviceError, UsageError
from colorize_cli.network import OnnxNetwork
from export import gate
from export.calls import record_calls
from export.command import ExportSettings, run
from export.gate import Verdict, check_colours, require_device
from export.layers import bundle_layers, most_different, torch_layers
from export.photos import MOST, calibration_photos, gate_photos
from export.precision import HalfArithmetic, half_copy
from export.quantize import quantize, sampler_feeds
from export.torch_network import TorchNetwork
from training.bundle_state import network_from_bundle
from training.networks.build import build

Exported = Callable[[str], Bundle]


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


# --- half precision ---


def test_half_arithmetic_sums_in_single_and_rounds_each_result() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, 9, 9, generator=rng).half()
    weight = torch.randn(4, 8, 3, 3, generator=rng).half()
    with HalfArithmetic():
        y = torch.nn.functional.conv2d(x, weight)
        z = y * 3
    exact = torch.nn.functional.conv2d(x.float(), weight.float()).half()
    assert y.dtype == torch.float16
    assert torch.equal(y, exact)
    assert torch.equal(z, (exact.float() * 3).half())


def test_half_arithmetic_overflows_and_leaves_islands_alone() -> None:
    big = torch.full((4,), 300.0).half()
    with HalfArithmetic():
        assert torch.isinf(big * big).all()
        island = big.float() * big.float()
    assert island.dtype == torch.float32
    assert (island == 90_000).all()


def test_half_precision_that_overflows_is_seen() -> None:
    config = {"channels": 8, "multipliers": [1, 2], "blocks": 1, "head_dim": 8, "groups": 4}
    network = build("palette", config)
    with torch.no_grad():
        network.input_blocks[0][0].weight.fill_(6e4)
        network.out[2].weight.fill_(1.0)
    halved = TorchNetwork(half_copy(network, "palette", config), grid=1)
    L = np.full((1, 1, 32, 32), 80, np.float32)
    x_t = np.random.default_rng(0).standard_normal((1, 2, 32, 32), np.float32)
    gamma = np.full(1, 0.5, np.float32)
    assert not np.isfinite(halved.denoiser(halved.encode(L))(x_t, gamma)).all()
    single = TorchNetwork(network, grid=1)
    assert np.isfinite(single.denoiser(single.encode(L))(x_t, gamma)).all()


# --- int8 ---


def test_calls_are_recorded_at_every_noise_level(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    photo = next(iter(gate_photos().values()))
    calls = record_calls(bundle, OnnxNetwork(bundle, resolve("cpu", threads=1)), photo)
    levels = [float(gamma[0]) for _, gamma in calls.steps]
    np.testing.assert_allclose(levels, bundle.schedule.gammas[:0:-1], rtol=1e-6)
    assert all(x_t.shape[2] == calls.L.shape[2] // bundle.grid for x_t, _ in calls.steps)


def quantized_bundle(tiny_bundle: Path, folder: Path) -> Bundle:
    bundle = load_bundle(tiny_bundle)
    model = onnx.load_model_from_string(bundle.read("denoiser.onnx"))
    feeds = sampler_feeds(bundle, calibration_photos(None, silent)[:1], silent)
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
        prepared = colorizer.prepare(next(iter(gate_photos().values())))
        fields.append(colorizer.colorize([prepared], 1, 0)[0])
    difference = np.abs(fields[0] - fields[1]).mean()
    assert 0 < difference < 0.1 * np.abs(fields[0]).mean()


# --- photographs ---


def test_none_of_the_gates_photographs_calibrates() -> None:
    judged = {photo.digest for photo in gate_photos().values()}
    assert len(judged) >= 4
    assert not judged & {photo.digest for photo in calibration_photos(None, silent)}


def test_photographs_of_ones_own_are_spread_over_the_folder(tmp_path: Path) -> None:
    pictures = Path(gate.__file__).parent / "pictures"
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


# --- the gate ---


@pytest.mark.parametrize(
    ("precision", "difference", "passes"),
    [("fp16", 0.5, True), ("bf16", 0.51, False), ("int8", 1.5, True), ("int8", np.nan, False)],
)
def test_a_verdict_is_by_the_mean(precision: str, difference: float, passes: bool) -> None:
    verdict = Verdict(precision, "CPU", {"a": difference - 0.1, "b": difference + 0.1})
    assert verdict.passed is passes
    assert precision in str(verdict)


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
    photo = next(iter(gate_photos().values()))
    device = resolve("cpu", threads=1)
    calls = record_calls(bundle, OnnxNetwork(bundle, device), photo)
    layers = bundle_layers(bundle, device, calls, 3)
    assert layers.keys() == {"a.b", "plain"}
    np.testing.assert_allclose(layers["a.b"], 2 * calls.steps[3][0], rtol=1e-6)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Give the bundle of a small network of the encoder family in a precision."""
    folder = tmp_path_factory.mktemp("precision")
    made: dict[str, Bundle] = {}

    def make(precision: str) -> Bundle:
        if precision not in made:
            checkpoint = make_checkpoint(folder, "encoder")
            run(ExportSettings(checkpoint, folder / precision, precision), silent)
            made[precision] = load_bundle(folder / precision)
        return made[precision]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_precision_that_passes_is_written_with_its_figure(
    precision: str, exported: Exported
) -> None:
    bundle = exported(precision)
    assert bundle.precision["compute"] == precision
    assert 0 < bundle.precision["ciede2000"] <= gate.BOUNDS[precision]
    for name in bundle.files:
        graph = onnx.load_model_from_string(bundle.read(name)).graph
        for value in (*graph.input, *graph.output):
            assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    # The CPU runs every precision.
    colorizer = Colorizer(bundle, resolve("cpu", threads=1))
    prepared = colorizer.prepare(next(iter(gate_photos().values())))
    assert np.isfinite(colorizer.colorize([prepared], 1, 0)[0]).all()


@pytest.mark.slow
def test_bf16_leaves_float_graphs_and_is_judged_in_openvino(exported: Exported) -> None:
    pytest.importorskip("openvino")
    try:
        require_device("bf16")
    except DeviceError as error:
        pytest.skip(str(error))
    bundle = exported("bf16")
    assert bundle.precision["compute"] == "bf16"
    assert 0 < bundle.precision["ciede2000"] <= 0.5
    types = {
        tensor.data_type
        for name in bundle.files
        for tensor in onnx.load_model_from_string(bundle.read(name)).graph.initializer
    }
    assert TensorProto.BFLOAT16 not in types


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_gate_blames_the_layer_that_is_wrong(precision: str, exported: Exported) -> None:
    bundle = exported(precision)
    network = network_from_bundle(exported("fp16"))
    lines: list[str] = []
    check_colours(bundle, network, dict(list(gate_photos().items())[:1]), lines.append)
    assert lines[0].startswith("[ok  ]")
    with torch.no_grad():
        network.denoiser.down[1][0].res.conv1.weight.mul_(-3)
    with pytest.raises(CheckError, match=r"denoiser\.down\.1\.0\.res\.conv1  \d") as raised:
        check_colours(bundle, network, gate_photos(), lines.append)
    assert raised.value.exit_code == 1
    assert len(str(raised.value).splitlines()) == 6
    assert lines[-1].startswith("[FAIL]")


@pytest.mark.slow
def test_the_layers_of_a_bundle_are_those_of_its_network(exported: Exported) -> None:
    bundle = exported("fp16")
    reference = TorchNetwork(network_from_bundle(bundle), bundle.grid)
    calls = record_calls(bundle, reference, gate_photos()["coffee"])
    wanted = torch_layers(reference, calls, 0)
    got = bundle_layers(bundle, resolve("cpu", threads=1), calls, 0)
    assert got.keys() == wanted.keys()
    assert most_different([wanted], [got])[0][1] < 0.01


@pytest.mark.slow
def test_what_fails_the_gate_is_not_written_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate, "BOUNDS", {"fp32": 0.0})
    arguments = ["export", str(make_checkpoint(tmp_path, "palette")), "--out"]
    assert main([*arguments, str(tmp_path / "out")]) == 1
    assert "mean CIEDE2000" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*arguments, str(tmp_path / "out"), "--no-check"]) == 0
    assert "not checked" in capsys.readouterr().err
    bundle = load_bundle(tmp_path / "out")
    assert "ciede2000" not in bundle.precision
    assert bundle.parameters is not None


@pytest.mark.slow
@pytest.mark.parametrize("opset", [20, 23])
def test_another_opset_gives_the_same_network(opset: int, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, "palette")
    run(ExportSettings(checkpoint, tmp_path / "out", opset=opset), silent)
    bundle = load_bundle(tmp_path / "out")
    model = onnx.load_model_from_string(bundle.read("denoiser.onnx"))
    assert [entry.version for entry in model.opset_import if not entry.domain] == [opset]
    network_from_bundle(bundle)


# --- the command line ---


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fp16", "--int8"], "choose one"),
        (["--calibrate", "."], "--int8"),
        (["--int8", "--opset", "21"], "at most 20"),
        (["--family", "palette"], "CHECKPOINT"),
        (["--opset", "17"], "18"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_bf16_without_openvino_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate, "problem", lambda name: f"{name} is not installed")
    assert main(["export", "--out", str(tmp_path / "out"), "--bf16"]) == 3
    err = capsys.readouterr().err
    assert "openvino is not installed" in err
    assert "--no-check" in err
