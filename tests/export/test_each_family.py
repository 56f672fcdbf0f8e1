"""The families beside the default's, from their recipes to bundles in every precision.

These run, are measured and are evaluated like any other.
"""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from made.tiny_runs import write_photo, write_photos

from benchmarks.families.error_of_best import DrawnBlindly, Square
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
_FEW = ("optim.steps=4", "optim.photos=2", "optim.warmup=0")
_NECK = ("network.encoder.channels=[16, 16, 16, 16]", "network.encoder.groups=4")
_AT_128 = ("data.size=128", "sampling.working_size=128")
# What makes a family's recipe small.
SMALL = {
    "gan": (*_FEW, *_AT_128, "network.channels=4", "network.halvings=7", "adversarial.channels=4"),
    "gan-encoder": (
        *(*_FEW, *_NECK, "network.decoder.channels=[8, 8]", "network.decoder.groups=4"),
        *("data.size=64", "sampling.working_size=64"),
        *("adversarial.pretrain_steps=2", "adversarial.channels=4", "optim.tuned_stages=0"),
    ),
    # Halved twice: full attention between all cells of a larger map takes a minute.
    "encoder-published": (
        *("optim.steps=4", "optim.photos=4", "network.channels=8", "network.multipliers=[1, 2, 2]"),
        *("network.groups=4", "network.head_dim=4"),
    ),
    "vae-mdn": (
        *(*_FEW, *_NECK, "network.channels=4", "network.latent=8", "network.components=3"),
        *("network.mdn=[16, 8, 8]", "network.hidden=16", "codes.steps=2"),
    ),
}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_backbone")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `colorize prepare` with a dozen colourful photographs."""
    folder = write_photos(tmp_path_factory.mktemp("photos"), 12, size=(160, 140))
    assert main(["prepare", str(folder / "set"), "--out", str(folder / "prepared")]) == 0
    return folder / "prepared"


@pytest.fixture(scope="module")
def exported(
    prepared: Path, shallow_backbone: None, tmp_path_factory: pytest.TempPathFactory
) -> Export:
    """Train a family by its recipe, but small, and export it."""
    folder = tmp_path_factory.mktemp("families")

    def make(family: str, precision: Precision) -> Path:
        weights, out = folder / family / "weights.safetensors", folder / f"{family}-{precision}"
        if not weights.exists():
            words = ["train", "--recipe", family, "--data", str(prepared), "--device", "cpu"]
            words += [word for change in SMALL[family] for word in ("--set", change)]
            assert main([*words, "--out", str(weights.parent)]) == 0
        if not out.exists():
            judged = precision != "bf16" or "bf16" in runtime_of("openvino").precisions()
            settings = ExportSettings(weights, out, precision, check=judged)
            run(settings, report=lambda line: None)
        return out

    return make


@pytest.mark.parametrize(
    ("family", "precision"),
    [(f, p) for f in SMALL for p in ("fp32", "fp16", "bf16", "int8")],
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
    trained = load_checkpoint(exported("gan", "fp32").parent / "gan" / "weights.safetensors")
    network = family_of("gan").build(trained.recipe.network)
    network.load_state_dict(trained.state)
    with torch.no_grad():
        wanted, found = (each.eval()(L) for each in (network, network_from_bundle(bundle)))
    assert (found - wanted).abs().max() < 0.02 * wanted.std()


@pytest.mark.parametrize("family", SMALL)
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


@pytest.mark.parametrize("family", SMALL)
def test_every_runtime_of_the_cpu_gives_its_colours(family: str, exported: Export) -> None:
    photo = reference_photos()["coffee"]
    one, other = (
        [*Colorizer.open(str(exported(family, "fp32")), device=device).paint(photo, samples=2)]
        for device in ("cpu", "openvino")
    )
    for a, b in zip(one, other, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 1


@pytest.mark.parametrize("family", SMALL)
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


@pytest.mark.parametrize("family", ["gan", "gan-encoder"])
def test_a_gan_says_how_little_its_samples_differ_where_several_are_asked_for(
    family: str, exported: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(exported(family, "fp32"), model)
    write_photo(tmp_path / "photo.png", np.full((40, 60, 3), 90, np.uint8))

    def said(samples: int, name: str) -> str:
        words = ["--samples", str(samples), "--model", str(model), "--device", "cpu"]
        assert main([str(tmp_path / "photo.png"), "--out", str(tmp_path / name), *words]) == 0
        return capsys.readouterr().err

    assert "one answer" not in said(1, "one")
    assert "one answer" in said(2, "two")
    fields = json.loads((model / "bundle.json").read_text()) | {"quality": {"diversity": 0.0123}}
    (model / "bundle.json").write_text(json.dumps(fields))
    assert "in LPIPS, as measured: 0.0123" in said(2, "measured")


def test_codes_that_are_drawn_blindly_give_samples_by_the_size_of_their_clusters(
    exported: Export,
) -> None:
    drawn = DrawnBlindly(str(exported("vae-mdn", "fp32")), "cpu")
    truth = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    square = Square("set", truth, np.zeros((2, 64, 64), np.float32), "00" * 32)
    fields = drawn.fields(square, 12)
    assert fields.shape == (5, 2, 64, 64)
    assert np.isfinite(fields).all()
    assert all(np.abs(a - b).max() > 0 for a, b in pairwise(fields))
    np.testing.assert_array_equal(fields, drawn.fields(square, 12))
