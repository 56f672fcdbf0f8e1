"""int8 by static quantization: ranges of activations from the sampler itself, on real photographs.

Weights are signed and per output channel, activations unsigned with a zero point, ranges the
extremes that were seen; `docs/decisions.md` has what else was tried.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto

from colorize_cli.model.bundle import Bundle
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.find_device import resolve

from .recorded_calls import Feed, record_calls

# From 21 on, GroupNorm is an operator through which onnxruntime's quantizer finds no types.
MAX_OPSET = 20


def quantize(model: ModelProto, feeds: Iterator[Feed]) -> ModelProto:
    """Quantize the convolutions of a family's last graph, but for the first and the last.

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
    convolutions = [node.name for node in source.graph.node if node.op_type == "Conv"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            source,
            path,
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load_model(path)
    del quantized.metadata_props[:]
    del quantized.graph.value_info[:]
    return quantized


def sampler_feeds(
    bundle: Bundle, photos: Sequence[Photo], report: Callable[[str], None]
) -> Iterator[Feed]:
    """Colorize photographs in single precision and yield what the last graph is asked each time.

    Args:
        bundle: in float32.
        photos: to calibrate with.
        report: told how far it has come.

    Raises:
        DeviceError: the CPU cannot run the bundle.
    """
    graphs = open_graphs(bundle, resolve("cpu"))
    quantized = bundle.family.graphs[-1].name
    for number, photo in enumerate(photos, 1):
        calls = record_calls(bundle, graphs, photo)[quantized]
        report(f"calibrating: photograph {number} of {len(photos)}, {len(calls)} noise levels")
        yield from calls


class _Reader:
    """Feeds in the form that onnxruntime's calibration takes them."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Any:
        return next(self._feeds, None)
