"""The families beside the default's in every precision of an export, bench and evaluation."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from made.checkpoints import make_checkpoint

from colorize_cli import Colorizer
from colorize_cli.cli.app import main
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.graphs import graph_set
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.runtimes.find_device import runtime_of
from export.precision import Precision
from export.run import ExportSettings, run
from training.bundle_state import network_from_bundle
from training.checkpoint import load_checkpoint
from training.families import family_of

Export = Callable[[str, Precision], Path]
FAMILIES = ("gan", "gan-encoder", "encoder-published", "vae-mdn")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("families")

    def make(family: str, precision: Precision) -> Path:
        out = folder / f"{family}-{precision}"
        if not out.exists():
            checkpoint = make_checkpoint(folder, family)
            judged = precision != "bf16" or "bf16" in runtime_of("openvino").precisions()
            settings = ExportSettings(checkpoint, out, precision, check=judged)
            run(settings, report=lambda line: None)
        return out

    return make


@pytest.mark.parametrize(
    ("family", "precision"),
    [
        (family, precision)
        for family in FAMILIES
        for precision in ("fp32", "fp16", "bf16", "int8")
        # Of random weights, whose colours int8 changes by more than the check lets pass.
        if (family, precision) != ("gan-encoder", "int8")
    ],
)
def test_it_passes_the_checks_of_every_precision(
    family: str, precision: Precision, exported: Export
) -> None:
    bundle = load_bundle(exported(family, precision))
    assert bundle.compute == precision
    graphs = [onnx.load_model_from_string(bundle.read(name)).graph for name in bundle.files]
    kinds = {node.op_type for graph in graphs for node in graph.node}
    assert ("QuantizeLinear" in kinds) == (precision == "int8")


def test_a_bundle_has_no_batch_norms_and_is_its_own_checkpoint(exported: Export) -> None:
    bundle = load_bundle(exported("gan", "fp32"))
    for name in ("encoder.onnx", "decoder.onnx"):
        graph = onnx.load_model_from_string(bundle.read(name)).graph
        assert "BatchNormalization" not in {node.op_type for node in graph.node}
    assert bundle.network["folded"] is True
    assert bundle.multiple == 128
    L = 100 * torch.rand(1, 1, 128, 128)
    trained = load_checkpoint(exported("gan", "fp32").parent / "gan.safetensors")
    network = family_of("gan").build(trained.recipe.network)
    network.load_state_dict(trained.state)
    with torch.no_grad():
        wanted, found = (each.eval()(L) for each in (network, network_from_bundle(bundle)))
    assert (found - wanted).abs().max() < 0.02 * wanted.std()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shapes_that_an_engine_is_built_by_are_those_of_the_graphs(
    family: str, exported: Export
) -> None:
    bundle = load_bundle(exported(family, "fp32"))
    graphs = graph_set(bundle, 4)
    for file in graphs.files:
        inputs = onnx.load_model_from_string(file.read()).graph.input
        for value in inputs:
            fixed = [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]
            for size in (graphs.smallest, graphs.best, graphs.largest):
                shape = graphs.shape(file.spec.name, value.name, size)
                assert len(shape) == len(fixed)
                assert all(a in (None, b) or b is None for a, b in zip(shape, fixed, strict=True))
                assert shape[0] == size[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_runtime_of_the_cpu_gives_its_colours(family: str, exported: Export) -> None:
    photo = reference_photos()["coffee"]
    one, other = (
        [*Colorizer.open(str(exported(family, "fp32")), device=device).paint(photo, samples=2)]
        for device in ("cpu", "openvino")
    )
    for a, b in zip(one, other, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 1


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_measured_and_evaluated(
    family: str, exported: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for i in range(2):
        coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        data = cv2.imencode(".png", cv2.resize(coarse, (90, 70)))[1]
        (photos / f"{i}.png").write_bytes(data.tobytes())
    model = ["--model", str(exported(family, "fp32")), "--device", "cpu"]
    figures = tmp_path / "figures.json"
    words = ["evaluate", str(photos), *model, "--split", "all", "--samples", "2"]
    assert main([*words, "--no-lpips", "--no-inception", "--json", str(figures)]) == 0
    assert "2 photographs" in capsys.readouterr().out
    assert figures.exists()
    timings = tmp_path / "bench.json"
    assert main(["bench", *model, "--quick", "--json", str(timings)]) == 0
    assert json.loads(timings.read_text())
