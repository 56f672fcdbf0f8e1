"""Models of the package: what the default has is left to it, and the rest is small."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.families import ship as shipping
from colorize_cli.errors import UsageError
from colorize_cli.model import find_bundle
from colorize_cli.model.bundle import load_bundle, write_bundle


@pytest.fixture
def package(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    shutil.copytree(tiny_bundle, folder / "default")
    (folder / "default" / "LICENSE").write_text("terms")
    monkeypatch.setattr(find_bundle, "_SHIPPED", folder)
    return folder


def renamed(data: bytes, *, changed: bool = False) -> bytes:
    """Write a graph anew with other names, perhaps with other weights."""
    model = onnx.load_from_string(data)
    model.producer_name = "somebody else"
    outside = {value.name for value in (*model.graph.input, *model.graph.output)}
    for tensor in model.graph.initializer:
        tensor.name = f"other_{tensor.name}"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [n if not n or n in outside else f"other_{n}" for n in names]
    if changed:
        tensor = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(array + np.float32(1), tensor.name))
    return model.SerializeToString()


def made(package: Path, folder: Path, *, changed: bool) -> Path:
    default = load_bundle("default")
    fields = json.loads((default.path / "bundle.json").read_text())
    files = {
        "encoder.onnx": renamed(default.read("encoder.onnx")),
        "denoiser.onnx": renamed(default.read("denoiser.onnx"), changed=changed),
    }
    fields = {k: v for k, v in fields.items() if k not in ("format", "files")}
    return write_bundle(folder, fields, files).path


def test_a_file_that_the_default_has_is_left_to_it(package: Path, tmp_path: Path) -> None:
    bundle = load_bundle(made(package, tmp_path / "made", changed=True))
    shipped = shipping.ship(bundle, "other", {"diversity": 0.5}, package)
    assert sorted(path.name for path in (package / "other").iterdir()) == [
        *("LICENSE", "bundle.json", "denoiser.onnx"),
    ]
    assert shipped.name == "other"
    assert shipped.quality == {"diversity": 0.5}
    assert shipped.read("encoder.onnx") == (package / "default" / "encoder.onnx").read_bytes()
    assert load_bundle("other").digest == shipped.digest


def test_what_is_too_large_beside_that_does_not_ship(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = load_bundle(made(package, tmp_path / "made", changed=True))
    monkeypatch.setattr(shipping, "MOST_BYTES", 100)
    with pytest.raises(UsageError, match="beside what it shares"):
        shipping.ship(bundle, "other", {}, package)
    assert not (package / "other").exists()
    alike = load_bundle(made(package, tmp_path / "alike", changed=False))
    assert shipping.ship(alike, "other", {}, package).path == package / "other"


def test_a_graph_that_computes_something_else_is_not_taken_for_the_defaults(
    package: Path, tmp_path: Path
) -> None:
    data = load_bundle("default").read("denoiser.onnx")
    model = onnx.load_from_string(renamed(data))
    assert shipping._twin(model.SerializeToString(), load_bundle("default")) == data
    node = next(n for n in model.graph.node if n.attribute)
    attribute = node.attribute[0]
    if attribute.ints:
        attribute.ints[0] += 1
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f += 1
    else:
        attribute.i += 1
    assert shipping._twin(model.SerializeToString(), load_bundle("default")) is None


def test_a_model_that_is_there_is_not_replaced(package: Path, tmp_path: Path) -> None:
    bundle = load_bundle(made(package, tmp_path / "made", changed=True))
    shipping.ship(bundle, "other", {}, package)
    for name in ("default", "other", "../x", "a/b"):
        with pytest.raises(UsageError, match="there already"):
            shipping.ship(bundle, name, {}, package)


def test_figures_of_another_bundle_are_not_its_own(package: Path, tmp_path: Path) -> None:
    bundle = load_bundle(made(package, tmp_path / "made", changed=True))
    value = {"value": 0.12346}
    row = dict.fromkeys(
        ("lpips_first", "lpips_best", "psnr_first", "colourfulness", "diversity"), value
    )
    result = {
        "settings": {"samples": 4, "split": "report"},
        "model": {"digest": bundle.digest},
        "overall": {"photos": 3, "rows": {"model": row, "grey": row, "truth": row}},
    }
    assert shipping.quality_of(result, bundle)["diversity"] == 0.1235
    with pytest.raises(UsageError, match="not of 4 samples of this bundle"):
        shipping.quality_of(result | {"model": {"digest": "0"}}, bundle)


def test_weights_under_other_terms_do_not_ship(package: Path, tmp_path: Path) -> None:
    path = made(package, tmp_path / "made", changed=True)
    fields = json.loads((path / "bundle.json").read_text()) | {"license": "mine"}
    (path / "bundle.json").write_text(json.dumps(fields))
    with pytest.raises(UsageError, match="licence"):
        shipping.ship(load_bundle(path), "other", {}, package)
