"""int8 by static quantization: ranges of activations from the sampler itself, on real photographs.

Weights are signed and per output channel, activations unsigned with a zero point, ranges the
extremes that were seen; `docs/decisions.md` has what else was tried.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, NodeProto

from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.families.family import Family
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.find_device import resolve

from .recorded_calls import Feed, record_calls

# From 21 on, GroupNorm is an operator through which onnxruntime's quantizer finds no types.
MAX_OPSET = 20
_ENDS = (0, -1)  # convolutions that stay as they are


def quantize(model: ModelProto, feeds: Iterator[Feed]) -> ModelProto:
    """Quantize the convolutions of a graph, but for the first and the last.

    The products of attention stay in float, and so does the embedding of the noise level, whose
    layers are no convolutions.

    Args:
        model: from `trace.trace`, in float32; left as it is.
        feeds: inputs to calibrate with, as a session takes them.

    Returns:
        The graph with QuantizeLinear and DequantizeLinear around what is quantized, which ONNX
        Runtime fuses into integer convolutions.
    """
    # Late, because it takes a second to import and only int8 needs it.
    from onnxruntime.quantization import (  # type: ignore[import-untyped]
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
        add_pre_process_metadata,
    )

    source = ModelProto()
    source.CopyFrom(model)
    add_pre_process_metadata(source)  # there is nothing left to fold; says so to the quantizer
    for number, node in enumerate(source.graph.node):
        node.name = node.name or f"node_{number}"  # what is excluded, is by name
    convolutions = [node.name for node in _convolutions(source)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            source,
            path,
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[end] for end in _ENDS],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load_model(path)
    del quantized.metadata_props[:]
    del quantized.graph.value_info[:]
    return quantized


def quantizable(family: Family, graphs: Mapping[str, ModelProto]) -> list[str]:
    """Name the graphs of a family that may lose precision and have convolutions to quantize.

    Args:
        family: which says what has to stay in single precision.
        graphs: its graphs by file name.

    Raises:
        UsageError: there is none.
    """
    may_lose = [spec.name for spec in family.graphs if not spec.needs_fp32]
    names = [name for name in may_lose if len(_convolutions(graphs[name])) > len(_ENDS)]
    if not names:
        raise UsageError(
            f"--int8 quantizes convolutions, and a model of the family {family.name} has none that "
            "may lose precision: leave it out."
        )
    return names


def sampler_feeds(
    bundle: Bundle, name: str, photos: Sequence[Photo], report: Callable[[str], None]
) -> Iterator[Feed]:
    """Colorize photographs in single precision and yield what a graph is asked each time.

    Args:
        bundle: in float32.
        name: of the graph's file.
        photos: to calibrate with.
        report: told how far it has come.

    Raises:
        DeviceError: the CPU cannot run the bundle.
    """
    graphs = open_graphs(bundle, resolve("cpu"))
    for number, photo in enumerate(photos, 1):
        calls = record_calls(bundle, graphs, photo)[name]
        report(f"calibrating {name}: photograph {number} of {len(photos)}, {len(calls)} calls")
        yield from calls


def _convolutions(model: ModelProto) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


class _Reader:
    """Feeds in the form that onnxruntime's calibration takes them."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Any:
        return next(self._feeds, None)
