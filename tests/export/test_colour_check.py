"""The gate judges a precision by its colours, where it will run, and names the layers to blame."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from made.checkpoints import make_checkpoint
from onnx import TensorProto

from colorize_cli.cli.app import main
from colorize_cli.errors import CheckError, DeviceError
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Feeds, Size
from export import colour_check as gate
from export.colour_check import Verdict, check_colours, require_device
from export.layer_blame import bundle_layers, most_different, torch_layers
from export.recorded_calls import record_calls
from export.run import ExportSettings, run
from export.torch_runtime import torch_graphs
from training.bundle_state import network_from_bundle

Exported = Callable[[str], Bundle]


def silent(line: str) -> None:
    """Take a line of progress and leave it at that."""


@pytest.mark.parametrize(
    ("precision", "difference", "passes"),
    [("fp16", 0.5, True), ("bf16", 0.51, False), ("int8", 1.5, True), ("int8", np.nan, False)],
)
def test_a_verdict_is_by_the_mean(precision: str, difference: float, passes: bool) -> None:
    verdict = Verdict(precision, "CPU", {"a": difference - 0.1, "b": difference + 0.1})
    assert verdict.passed is passes
    assert precision in str(verdict)


def test_an_answer_that_is_not_finite_fails_the_gate(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    graphs = open_graphs(bundle, resolve("cpu", threads=1))

    class Overflowing:
        def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, np.ndarray]]:
            return lambda others: {"prediction": np.full_like(others["noisy_ab"], np.inf)}

        def expect(self, size: Size) -> None:
            """Nothing to get ready."""

    spoiled = {**graphs, "denoiser.onnx": Overflowing()}
    verdict = gate.judge(bundle, spoiled, "CPU", graphs, reference_photos())  # type: ignore[arg-type]
    assert not verdict.passed
    assert set(verdict.differences.values()) == {np.inf}


def test_bf16_without_openvino_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate, "problem", lambda name: f"{name} is not installed")
    assert main(["export", "--out", str(tmp_path / "out"), "--bf16"]) == 3
    err = capsys.readouterr().err
    assert "openvino is not installed" in err
    assert "--no-check" in err


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
    prepared = colorizer.prepare(next(iter(reference_photos().values())))
    assert np.isfinite(colorizer.colorize([prepared], 1, 0)[0]).all()


@pytest.mark.slow
def test_what_half_precision_would_spoil_is_computed_in_single(exported: Exported) -> None:
    bundle = exported("fp16")
    model = onnx.load_model_from_string(bundle.read("denoiser.onnx"))
    model = onnx.shape_inference.infer_shapes(model, check_type=True)
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    assert "Acos" not in {node.op_type for node in model.graph.node}  # CUDA has no kernel for it
    found = {kind: set() for kind in ("InstanceNormalization", "Softmax", "Sin", "Cos")}
    for node in model.graph.node:
        if node.op_type in found:
            found[node.op_type] |= {types[node.input[0]], types[node.output[0]]}
    assert found == {kind: {TensorProto.FLOAT} for kind in found}
    convolved = {types[n.output[0]] for n in model.graph.node if n.op_type == "Conv"}
    assert convolved == {TensorProto.FLOAT16}


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
    check_colours(bundle, network, dict(list(reference_photos().items())[:1]), lines.append)
    assert lines[0].startswith("[ok  ]")
    with torch.no_grad():
        network.denoiser.down[1][0].res.conv1.weight.mul_(-3)
    with pytest.raises(CheckError, match=r"denoiser\.down\.1\.0\.res\.conv1  \d") as raised:
        check_colours(bundle, network, reference_photos(), lines.append)
    assert raised.value.exit_code == 1
    assert len(str(raised.value).splitlines()) == 6
    assert lines[-1].startswith("[FAIL]")


@pytest.mark.slow
def test_the_layers_of_a_bundle_are_those_of_its_network(exported: Exported) -> None:
    bundle = exported("fp16")
    network = network_from_bundle(bundle)
    graphs = torch_graphs("encoder", network)
    calls = record_calls(bundle, graphs, reference_photos()["coffee"])
    wanted = torch_layers("encoder", network, calls, 0)
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
