"""numpy arrays to tensors of the protocol and back."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hiddenstate.v1 import tensor_pb2

DTYPES: Mapping[int, np.dtype[np.generic]] = {
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    tensor_pb2.DATA_TYPE_UINT8: np.dtype("u1"),
    tensor_pb2.DATA_TYPE_INT8: np.dtype("i1"),
    tensor_pb2.DATA_TYPE_BOOL: np.dtype("?"),
}
_DATA_TYPES = {dtype.newbyteorder("="): number for number, dtype in DTYPES.items()}

Array = NDArray[np.generic]


def to_tensor(name: str, array: Array) -> tensor_pb2.Tensor:
    """The tensor of an array [steps, ...]. Raises TypeError for an element type that the protocol does not have."""
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _DATA_TYPES:
        known = ", ".join(str(each) for each in _DATA_TYPES)
        raise TypeError(f"arrays of {array.dtype} cannot be sent; these can: {known}")
    data = array.astype(dtype.newbyteorder("<"), copy=False).tobytes()
    return tensor_pb2.Tensor(name=name, data_type=_DATA_TYPES[dtype], shape=array.shape, data=data)  # type: ignore[arg-type]


def to_array(tensor: tensor_pb2.Tensor) -> Array:
    """The array of a tensor; read-only, since it shares the bytes of the message."""
    return np.frombuffer(tensor.data, DTYPES[tensor.data_type]).reshape(tuple(tensor.shape))
