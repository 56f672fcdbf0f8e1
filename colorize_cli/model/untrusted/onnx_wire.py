"""The bytes of an ONNX file, walked without the package `onnx`.

Source: the wire format of protocol buffers. ValueError is raised where the bytes are none.
"""

from collections.abc import Iterator
from typing import TypeAlias

# The number of a field, and its content or, for a varint, its value.
Field: TypeAlias = tuple[int, int | memoryview]


def fields(message: memoryview) -> Iterator[Field]:
    """Walk a message field by field.

    A number that does not fit into 29 bits is refused: runtimes cut the upper bits off, and would
    see another field than is looked at here.
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if not number or key >> 32:
            raise ValueError("a field of a number that there is not")
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


def inside(message: memoryview, *wanted: int) -> Iterator[memoryview]:
    """Give the contents of the fields of these numbers, which are messages or bytes."""
    return (content(value) for number, value in fields(message) if number in wanted)


def text(message: memoryview, wanted: int) -> str:
    """Give the text of a field; empty where the message has none, and the last of several."""
    found = [*inside(message, wanted), memoryview(b"")]
    return bytes(found[max(len(found) - 2, 0)]).decode("utf-8", "replace")


def content(value: int | memoryview) -> memoryview:
    """Take the content of a field that may not be a number."""
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def varints(packed: memoryview) -> Iterator[int]:
    """Give the numbers of a packed field."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
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
