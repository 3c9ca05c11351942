"""Tensors on the wire: little-endian bytes in C order, with a type and a shape."""

from math import prod
from typing import Any

import numpy as np

from hiddenstate.v1 import tensor_pb2
from service.errors import Reason, invalid
from service.state import Array

_DTYPES: dict[tensor_pb2.DataType, np.dtype[Any]] = {
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    tensor_pb2.DATA_TYPE_UINT8: np.dtype("u1"),
    tensor_pb2.DATA_TYPE_INT8: np.dtype("i1"),
    tensor_pb2.DATA_TYPE_BOOL: np.dtype("?"),
}
_DATA_TYPES = {dtype: data_type for data_type, dtype in _DTYPES.items()}


def to_array(tensor: tensor_pb2.Tensor) -> Array:
    """The array of a message, a view of its bytes. Raises TENSOR_DTYPE_MISMATCH, _SHAPE_MISMATCH, _SIZE_MISMATCH."""
    where = f"chunk.inputs[{tensor.name}]"
    dtype = _DTYPES.get(tensor.data_type)
    if dtype is None:
        message = f"tensor {tensor.name!r} has no data type that this server knows: set `data_type`"
        raise invalid(Reason.TENSOR_DTYPE_MISMATCH, message, where)
    shape = tuple(tensor.shape)
    if any(size < 0 for size in shape):
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH, f"tensor {tensor.name!r} has a negative size: {list(shape)}", where)
    expected = prod(shape) * dtype.itemsize
    if expected != len(tensor.data):
        message = f"tensor {tensor.name!r} of shape {list(shape)} needs {expected} bytes, {len(tensor.data)} were sent"
        raise invalid(Reason.TENSOR_SIZE_MISMATCH, message, where)
    array: Array = np.frombuffer(tensor.data, dtype).reshape(shape)
    return array


def from_array(name: str, array: Array) -> tensor_pb2.Tensor:
    """The message of an array."""
    return tensor_pb2.Tensor(name=name, data_type=data_type_of(array.dtype), shape=array.shape, data=array.tobytes())


def data_type_of(dtype: np.dtype[np.generic] | str) -> tensor_pb2.DataType:
    """The type on the wire."""
    return _DATA_TYPES[np.dtype(dtype)]
