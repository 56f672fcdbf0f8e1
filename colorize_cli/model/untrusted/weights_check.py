"""The weights in an ONNX file, looked at without the package `onnx`: none may be NaN or infinite.

Such a file loads and computes, and every picture comes out black.

Source: onnx.proto3 (ModelProto.graph, GraphProto.node and .initializer, TensorProto).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .onnx_wire import Field, content, fields, inside, varints

# Field numbers of the messages.
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER = 7, 1, 5
_NODE_ATTRIBUTE, _ATTRIBUTE_GRAPH = 5, 6
_TYPE, _FLOATS, _INT32S, _NAME, _RAW, _DOUBLES = 2, 4, 5, 8, 9, 10
_FLOAT, _HALF, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16
_KINDS = {_FLOAT: "<f4", _HALF: "<f2", _DOUBLE: "<f8"}
_MAX_DEPTH = 8  # of graphs inside graphs, as those of `If`


def weight_that_is_not_finite(model: bytes) -> str | None:
    """Name an initializer that holds NaN or infinity; None where all are finite.

    Constants inside the graph may be infinite: masks of an attention are. Raises ValueError where
    the bytes are no protocol buffer.
    """
    graphs = (value for number, value in fields(memoryview(model)) if number == _MODEL_GRAPH)
    tensors = (tensor for graph in graphs for tensor in _initializers(content(graph), _MAX_DEPTH))
    return next((_name(tensor) for tensor in tensors if not _is_finite(tensor)), None)


def _initializers(graph: memoryview, depth: int) -> Iterator[list[Field]]:
    """Give the fields of each initializer of a graph and of the graphs in its nodes."""
    for number, value in fields(graph):
        if number == _GRAPH_INITIALIZER:
            yield list(fields(content(value)))
        elif number == _GRAPH_NODE and depth:
            for inner in inside(content(value), _NODE_ATTRIBUTE):
                for subgraph in inside(inner, _ATTRIBUTE_GRAPH):
                    yield from _initializers(subgraph, depth - 1)


def _is_finite(tensor: list[Field]) -> bool:
    kinds = [value for number, value in tensor if number == _TYPE and isinstance(value, int)]
    kind = kinds[-1] & 0xFFFF_FFFF if kinds else 0  # as a runtime takes it: the last, of 32 bits
    for number, value in tensor:
        if isinstance(value, int):
            continue
        if number == _RAW and kind == _BFLOAT16:
            words = np.frombuffer(value, "<u2", len(value) // 2)
            finite = (words & 0x7F80) != 0x7F80  # an exponent of ones
        elif number == _RAW and kind in _KINDS:
            finite = np.isfinite(_numbers(value, _KINDS[kind]))
        elif number in (_FLOATS, _DOUBLES):
            finite = np.isfinite(_numbers(value, "<f4" if number == _FLOATS else "<f8"))
        elif number == _INT32S and kind in (_HALF, _BFLOAT16):
            ones = 0x7C00 if kind == _HALF else 0x7F80
            finite = np.array([word & ones != ones for word in varints(value)], bool)
        else:
            continue
        if not finite.all():
            return False
    return True


def _numbers(packed: memoryview, kind: str) -> NDArray[np.floating]:
    dtype = np.dtype(kind)
    return np.frombuffer(packed, dtype, len(packed) // dtype.itemsize)


def _name(tensor: list[Field]) -> str:
    names = (content(value) for number, value in tensor if number == _NAME)
    return next((bytes(name).decode("utf-8", "replace") for name in names), "a weight")
