"""What an ONNX file of a stranger may not hold: code of others, other files, what nobody looks at.

A graph of ONNX's own operators computes and does no more. Operators of other domains are code of
whoever registers them, and `EPContext` among them names files and holds engines; external data are
files anywhere on the disk; functions and sparse tensors are not looked at elsewhere.

Source: onnx.proto3 (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto).
"""

from collections.abc import Iterator

from .onnx_wire import content, fields, inside, text

_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 13, 14
_OWN_DOMAINS = ("", "ai.onnx")
_MAX_DEPTH = 8  # of graphs inside graphs, as those of `If`


def foreign_part(model: bytes) -> str | None:
    """Say what an ONNX file holds that a bundle may not; None for nothing.

    Raises ValueError where the bytes are no protocol buffer.
    """
    graphs = 0
    for number, value in fields(memoryview(model)):
        if number == _MODEL_FUNCTIONS:
            return "functions of its own"
        if number == _MODEL_GRAPH:
            graphs += 1
            if found := next(_in_graph(content(value), _MAX_DEPTH), None):
                return found
    return None if graphs == 1 else "no graph, or more than one"


def _in_graph(graph: memoryview, depth: int) -> Iterator[str]:
    if depth == 0:
        yield f"graphs in graphs, more than {_MAX_DEPTH} deep"
        return
    for number, value in fields(graph):
        if number == _GRAPH_INITIALIZER:
            yield from _in_tensor(content(value))
        elif number == _GRAPH_SPARSE:
            yield "a sparse tensor"
        elif number == _GRAPH_NODE:
            yield from _in_node(content(value), depth)


def _in_node(node: memoryview, depth: int) -> Iterator[str]:
    domain = text(node, _NODE_DOMAIN)
    if domain not in _OWN_DOMAINS:
        yield f"the operator {text(node, _NODE_OPERATOR)!r} of {domain!r}, which is not ONNX's own"
    for attribute in inside(node, _NODE_ATTRIBUTE):
        for tensor in inside(attribute, *_ATTRIBUTE_TENSORS):
            yield from _in_tensor(tensor)
        for graph in inside(attribute, *_ATTRIBUTE_GRAPHS):
            yield from _in_graph(graph, depth - 1)
        for _ in inside(attribute, *_ATTRIBUTE_SPARSE):
            yield "a sparse tensor"


def _in_tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value):
            yield f"the weight {text(tensor, _TENSOR_NAME)!r}, whose numbers lie in another file"
