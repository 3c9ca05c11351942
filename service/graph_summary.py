"""What an ONNX file holds, read from its bytes: the server has no onnx package, and needs none for a summary.

Only the fields that are counted are decoded. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OP_TYPE, _NODE_ATTRIBUTE = 4, 5
_ATTRIBUTE_GRAPH = 6
_TENSOR_DATA = (4, 5, 7, 9, 10, 11)  # float_data, int32_data, int64_data, raw_data, double_data, uint64_data


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """The operators of a graph and of the bodies of its loops, in order, and the bytes of its constants."""

    nodes: tuple[str, ...]
    constant_bytes: int


def summarize(content: bytes) -> GraphSummary | None:
    """Summarise the bytes of an ONNX file; None when they are none."""
    try:
        nodes: list[str] = []
        size = 0
        for graph in _fields(memoryview(content), _MODEL_GRAPH):
            nodes += _operators(graph)
            size += sum(_data_bytes(tensor) for tensor in _fields(graph, _GRAPH_INITIALIZER))
    except (ValueError, IndexError):
        return None
    return GraphSummary(tuple(nodes), size) if nodes else None


def _operators(graph: memoryview) -> Iterator[str]:
    for node in _fields(graph, _GRAPH_NODE):
        yield from (bytes(name).decode() for name in _fields(node, _NODE_OP_TYPE))
        for attribute in _fields(node, _NODE_ATTRIBUTE):
            for body in _fields(attribute, _ATTRIBUTE_GRAPH):
                yield from _operators(body)


def _data_bytes(tensor: memoryview) -> int:
    return sum(len(data) for number in _TENSOR_DATA for data in _fields(tensor, number))


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The length-delimited fields with the number `wanted` of a protobuf message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
        elif kind == _BYTES:
            size, position = _varint(message, position)
            if position + size > len(message):
                raise ValueError("a field ends behind its message")
            if number == wanted:
                yield message[position : position + size]
            position += size
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} is not in use")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number at `position`, and the position behind it."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
