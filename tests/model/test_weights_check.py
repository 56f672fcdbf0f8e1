from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made.tiny_bundles import tiny_fields, tiny_graphs

from colorize_cli.errors import ModelError
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.untrusted.weights_check import weight_that_is_not_finite

SPOILED = "conv_out"
NUMBERS = pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])


def denoiser(change: Callable[[onnx.TensorProto], None]) -> bytes:
    """The tiny denoiser with a changed initializer."""
    model = onnx.load_from_string(tiny_graphs("palette")["denoiser.onnx"])
    change(next(tensor for tensor in model.graph.initializer if tensor.name == SPOILED))
    data: bytes = model.SerializeToString()
    return data


def raw(kind: int, number: float) -> Callable[[onnx.TensorProto], None]:
    """Keep the values as bytes, as exports do, the last one a number."""

    def change(tensor: onnx.TensorProto) -> None:
        values = np.append(np.ones(5, np.float32), np.float32(number))
        wide = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.DOUBLE: "<f8"}
        name = tensor.name
        tensor.Clear()
        tensor.name, tensor.data_type = name, kind
        tensor.dims.append(6)
        if kind == onnx.TensorProto.BFLOAT16:
            tensor.raw_data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
        else:
            tensor.raw_data = values.astype(wide.get(kind, "<f2")).tobytes()

    return change


def listed(kind: int, number: float) -> Callable[[onnx.TensorProto], None]:
    """Keep the values in the list of their type, as other programs do."""

    def change(tensor: onnx.TensorProto) -> None:
        made = onnx.helper.make_tensor(tensor.name, kind, [2], [1.0, number])
        tensor.CopyFrom(made)

    return change


KINDS = [
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
]


@NUMBERS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", [raw, listed])
def test_a_weight_that_is_not_finite_is_named(stored: Any, kind: int, number: float) -> None:
    assert weight_that_is_not_finite(denoiser(stored(kind, number))) == SPOILED
    assert weight_that_is_not_finite(denoiser(stored(kind, 0.25))) is None


def test_a_weight_of_a_graph_inside_a_graph_is_named() -> None:
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["deep"], ["y"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])],
        [onnx.helper.make_tensor("deep", onnx.TensorProto.FLOAT, [2], [0.0, np.nan])],
    )
    node = onnx.helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    graph = onnx.helper.make_graph([node], "outer", [], [])
    model: bytes = onnx.helper.make_model(graph).SerializeToString()
    assert weight_that_is_not_finite(model) == "deep"


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_what_ends_early_is_no_protocol_buffer(cut: int) -> None:
    with pytest.raises(ValueError, match="ends behind"):
        weight_that_is_not_finite(tiny_graphs("palette")["denoiser.onnx"][:-cut])


def test_a_bundle_whose_weights_are_not_finite_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    graphs = {"denoiser.onnx": denoiser(raw(onnx.TensorProto.FLOAT, np.nan))}
    with pytest.raises(ModelError, match=f"not finite, in '{SPOILED}'"):
        write_bundle(tmp_path, tiny_fields("palette"), graphs)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["sampling", "quality", "network"])
def test_numbers_of_a_bundle_that_are_not_finite_are_refused(
    tmp_path: Path, place: str, number: str
) -> None:
    fields: Any = tiny_fields("palette")
    table = {**fields[place], "figure": 0.5}
    write_bundle(tmp_path, {**fields, place: table}, tiny_graphs("palette"))
    path = tmp_path / "bundle.json"
    path.write_text(path.read_text().replace('"figure": 0.5', f'"figure": {number}'))
    with pytest.raises(ModelError, match="no finite number"):
        load_bundle(tmp_path)


def test_nothing_is_written_of_a_bundle_with_such_a_number(tmp_path: Path) -> None:
    fields = {**tiny_fields("palette"), "quality": {"figure": np.nan}}
    with pytest.raises(ModelError, match="no finite number"):
        write_bundle(tmp_path, fields, tiny_graphs("palette"))
    assert list(tmp_path.iterdir()) == []


def test_the_type_of_a_weight_is_taken_as_a_runtime_takes_it() -> None:
    raw_nan, name = b"\x4a\x04\0\0\xc0\x7f", b"\x42\x01w"
    whole, floating, long_floating = b"\x10\x06", b"\x10\x01", b"\x10\x81\x80\x80\x80\x10"
    for types in (floating, whole + floating, long_floating):
        tensor = types + name + raw_nan
        graph = b"\x2a" + bytes([len(tensor)]) + tensor
        assert weight_that_is_not_finite(b"\x3a" + bytes([len(graph)]) + graph) == "w"
