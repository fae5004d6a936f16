"""Just enough of ONNX's wire format to see what a graph takes and gives, and that its file stands alone, without
importing onnx.

ONNX lets a tensor live in another file, at a path that the graph names. A bundle may come from anyone, so
such a reference could make the engine read any file of the machine; a bundle's graphs must not hold one.
The field numbers are those of onnx.proto3.

A number may be written in several ways, and readers differ in what they make of the odd ones: some drop the bits above
32 of a field's number. Those who write graphs use the shortest form; any other is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

Shape = tuple[int | None, ...]
"""Sizes, None where they are free."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# For each message, the fields that lead to tensors and the message each of them holds.
_PATHS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_GRAPH, _NAME, _FIXED_SIZE = 7, 1, 1
_ENDS = (11, 12)
"""A graph's inputs and outputs."""
_DIMENSIONS = (2, 1, 2, 1)
"""From an input or output: its type, a tensor's, its shape, every dimension."""
_MAX_DEPTH = 64
_TAG_BITS, _LENGTH_BITS, _VALUE_BITS = 32, 31, 64


def has_external_data(model: bytes | memoryview) -> bool:
    """Whether any tensor of the serialised ONNX `model` is stored outside of it.

    Raises `ValueError` when the bytes are not a readable protocol buffer, hold numbers in another form than the
    shortest or beyond their range, or nest deeper than any real graph.
    """
    return _search(memoryview(model), "model", 0)


def signature(model: bytes | memoryview) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Inputs and outputs of the serialised ONNX `model` with their shapes, () where none is declared.

    Raises `ValueError` as `has_external_data` does.
    """
    found: tuple[dict[str, Shape], dict[str, Shape]] = {}, {}
    for graph in _messages(memoryview(model), _GRAPH):
        for field, value in _fields(graph):
            if field in _ENDS and isinstance(value, memoryview):
                name = b"".join(bytes(part) for part in list(_messages(value, _NAME))[-1:])
                found[_ENDS.index(field)][name.decode()] = tuple(_size(each) for each in _descend(value, *_DIMENSIONS))
    return found


def _descend(message: memoryview, *fields: int) -> Iterator[memoryview]:
    """The messages at the end of a path of fields."""
    if not fields:
        yield message
        return
    for inner in _messages(message, fields[0]):
        yield from _descend(inner, *fields[1:])


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, memoryview))


def _size(dimension: memoryview) -> int | None:
    """The last that is said counts, as everywhere in this format."""
    size = None
    for field, value in _fields(dimension):
        size = value if field == _FIXED_SIZE and isinstance(value, int) else None
    return size


def _search(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    for field, value in _fields(message):
        if kind == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
        elif isinstance(value, memoryview) and field in _PATHS[kind] and _search(value, _PATHS[kind][field], depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of everything in `message`; fixed-width numbers come as raw bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at, _TAG_BITS)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at, _VALUE_BITS)
            yield field, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at, _LENGTH_BITS)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("cut short")
        yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int, bits: int) -> tuple[int, int]:
    """The number at `at`, of at most `bits` bits, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            if value >> bits or (byte == 0 and shift > 7):
                raise ValueError("a number that is too large, or not in its shortest form")
            return value, at
        if shift >= bits:
            raise ValueError("a number that is too long")
    raise ValueError("cut short")
