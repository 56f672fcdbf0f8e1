"""The weights in an ONNX file, looked at without the package `onnx`: none may be NaN or infinite.

Such a file loads and computes, and every picture comes out black.

Sources: onnx.proto3 (ModelProto.graph, GraphProto.node and .initializer, TensorProto); the wire
format of protocol buffers.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Field numbers of the messages.
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER = 7, 1, 5
_NODE_ATTRIBUTE, _ATTRIBUTE_GRAPH = 5, 6
_TYPE, _FLOATS, _INT32S, _NAME, _RAW, _DOUBLES = 2, 4, 5, 8, 9, 10
_FLOAT, _HALF, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16
_KINDS = {_FLOAT: "<f4", _HALF: "<f2", _DOUBLE: "<f8"}
_MAX_DEPTH = 8  # of graphs inside graphs, as those of `If`

_Field = tuple[int, int | memoryview]


def weight_that_is_not_finite(model: bytes) -> str | None:
    """Name an initializer that holds NaN or infinity; None where all are finite.

    Constants inside the graph may be infinite: masks of an attention are. Raises ValueError where
    the bytes are no protocol buffer.
    """
    graphs = (value for number, value in _fields(memoryview(model)) if number == _MODEL_GRAPH)
    tensors = (tensor for graph in graphs for tensor in _initializers(_bytes(graph), _MAX_DEPTH))
    return next((_name(tensor) for tensor in tensors if not _is_finite(tensor)), None)


def _initializers(graph: memoryview, depth: int) -> Iterator[list[_Field]]:
    """Give the fields of each initializer of a graph and of the graphs in its nodes."""
    for number, value in _fields(graph):
        if number == _GRAPH_INITIALIZER:
            yield list(_fields(_bytes(value)))
        elif number == _GRAPH_NODE and depth:
            for inner in _inside(_bytes(value), _NODE_ATTRIBUTE):
                for subgraph in _inside(inner, _ATTRIBUTE_GRAPH):
                    yield from _initializers(subgraph, depth - 1)


def _inside(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (_bytes(value) for number, value in _fields(message) if number == wanted)


def _is_finite(tensor: list[_Field]) -> bool:
    kind = next((value for number, value in tensor if number == _TYPE), 0)
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
            finite = np.array([word & ones != ones for word in _varints(value)], bool)
        else:
            continue
        if not finite.all():
            return False
    return True


def _numbers(content: memoryview, kind: str) -> NDArray[np.floating]:
    dtype = np.dtype(kind)
    return np.frombuffer(content, dtype, len(content) // dtype.itemsize)


def _name(tensor: list[_Field]) -> str:
    names = (_bytes(value) for number, value in tensor if number == _NAME)
    return next((bytes(name).decode("utf-8", "replace") for name in names), "a weight")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _fields(message: memoryview) -> Iterator[_Field]:
    """Walk a message: the number of each field, and its content or, for a varint, its value."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == 2:
            size, position = _varint(message, position)
        else:
            size = {1: 8, 5: 4}.get(wire, -1)
        if size < 0 or position + size > len(message):
            raise ValueError("a field ends behind the file")
        yield number, message[position : position + size]
        position += size


def _varints(content: memoryview) -> Iterator[int]:
    position = 0
    while position < len(content):
        value, position = _varint(content, position)
        yield value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("a number ends behind the file")
