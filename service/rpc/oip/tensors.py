"""Tensors of the Open Inference Protocol: batch axis first, as raw little-endian bytes or as typed contents."""

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from hiddenstate.oip import open_inference_pb2 as oip
from service.bundle import Manifest, TensorSpec
from service.errors import Reason, ServiceError, invalid
from service.state import Array

MAX_RAW_BYTES = 1 << 40
"""Above what any message can hold: shapes are multiplied only up to here."""


class Datatype(NamedTuple):
    """A type of elements: its name, the array's type, and the field of typed contents."""

    name: str
    dtype: np.dtype[Any]
    contents: str


FLOAT, LONG, INTEGER = (
    Datatype("FP32", np.dtype("<f4"), "fp32_contents"),
    Datatype("INT64", np.dtype("<i8"), "int64_contents"),
    Datatype("INT32", np.dtype("<i4"), "int_contents"),
)
DATATYPES: Mapping[str, Datatype] = {"float32": FLOAT, "int64": LONG, "int32": INTEGER}
"""By the name that manifests use: models take and give no others."""
BY_DTYPE: Mapping[np.dtype[Any], Datatype] = {each.dtype: each for each in DATATYPES.values()}


def rows_of(request: oip.ModelInferRequest, manifest: Manifest) -> list[dict[str, Array]]:
    """The inputs of each row of a request: name to [steps, ...], views of its bytes.

    Raises TENSOR_UNKNOWN, TENSOR_DTYPE_MISMATCH, TENSOR_RANK_MISMATCH, TENSOR_SHAPE_MISMATCH or TENSOR_SIZE_MISMATCH.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        problem = f"{len(request.inputs)} inputs, but {len(raw)} raw_input_contents: one for each, or none at all"
        raise invalid(Reason.TENSOR_SIZE_MISMATCH, problem, "raw_input_contents")
    tensors: dict[str, Array] = {}
    for number, tensor in enumerate(request.inputs):
        spec = manifest.inputs_by_name.get(tensor.name)
        if spec is None or tensor.name in tensors:
            problem = "comes twice" if spec else "is none of this model"
            known = ", ".join(manifest.inputs_by_name)
            raise invalid(Reason.TENSOR_UNKNOWN, f"input {tensor.name!r} {problem}: it takes {known}", "inputs")
        tensors[tensor.name] = _array(tensor, spec, raw[number] if raw else None)
    batches = {array.shape[0] for array in tensors.values()}
    if len(batches) != 1:
        problem = f"the inputs differ in rows: {sorted(batches)}" if batches else "there are no inputs"
        raise invalid(Reason.TENSOR_SHAPE_MISMATCH if batches else Reason.TENSOR_MISSING, problem, "inputs")
    return [{name: array[row] for name, array in tensors.items()} for row in range(batches.pop())]


def _array(tensor: oip.ModelInferRequest.InferInputTensor, spec: TensorSpec, raw: bytes | None) -> Array:
    datatype = DATATYPES[spec.dtype]
    if tensor.datatype != datatype.name:
        raise _wrong(spec, Reason.TENSOR_DTYPE_MISMATCH, f"is {tensor.datatype or 'of no type'}, not {datatype.name}")
    shape, step_shape = tuple(tensor.shape), spec.step_shape
    count = prod(shape)
    if len(shape) < 2 or shape[2:] != step_shape or min(shape) < 1 or count > MAX_RAW_BYTES:
        same_rank = len(shape) == 2 + len(step_shape)
        expected = ", ".join(["batch", "steps", *map(str, step_shape)])
        reason = Reason.TENSOR_SHAPE_MISMATCH if same_rank else Reason.TENSOR_RANK_MISMATCH
        raise _wrong(spec, reason, f"has shape {list(shape)}, not [{expected}]")
    if raw is None:
        values = getattr(tensor.contents, datatype.contents)
        if len(values) != count:
            problem = f"has {len(values)} {datatype.contents}, but its shape {list(shape)} asks for {count}"
            raise _wrong(spec, Reason.TENSOR_SIZE_MISMATCH, problem)
        typed: Array = np.array(values, datatype.dtype).reshape(shape)
        return typed
    if tensor.HasField("contents"):
        raise _wrong(spec, Reason.TENSOR_SIZE_MISMATCH, "has contents beside raw_input_contents: send one of them")
    if len(raw) != count * datatype.dtype.itemsize:
        size = count * datatype.dtype.itemsize
        problem = f"has {len(raw)} bytes, but its shape {list(shape)} asks for {size}"
        raise _wrong(spec, Reason.TENSOR_SIZE_MISMATCH, problem)
    array: Array = np.frombuffer(raw, datatype.dtype).reshape(shape)
    return array


def write_output(response: oip.ModelInferResponse, name: str, array: Array, *, typed: bool) -> None:
    """Add an output [batch, steps, ...] in one of the two encodings."""
    datatype = BY_DTYPE[array.dtype]
    tensor = response.outputs.add()
    tensor.name, tensor.datatype = name, datatype.name
    tensor.shape.extend(array.shape)
    if typed:
        getattr(tensor.contents, datatype.contents).extend(array.ravel().tolist())
    else:
        response.raw_output_contents.append(array.tobytes())


def write_classes(
    response: oip.ModelInferResponse, name: str, array: Array, count: int, labels: Sequence[str], *, typed: bool
) -> None:
    """Add the `count` best classes of an output [batch, steps, classes] as BYTES: `value:index` and, where the model
    has labels, `:label`.
    """
    count = min(count, array.shape[-1])
    best = np.argsort(-array, axis=-1, kind="stable")[..., :count]
    texts = [
        f"{value:f}:{index}{f':{labels[index]}' if index < len(labels) else ''}".encode()
        for row, scores in zip(best.reshape(-1, count), array.reshape(-1, array.shape[-1]), strict=True)
        for index, value in zip(row.tolist(), scores[row].tolist(), strict=True)
    ]
    tensor = response.outputs.add(name=name, datatype="BYTES")
    tensor.shape.extend(best.shape)
    if typed:
        tensor.contents.bytes_contents.extend(texts)
    else:
        response.raw_output_contents.append(b"".join(struct.pack("<I", len(text)) + text for text in texts))


def _wrong(spec: TensorSpec, reason: Reason, problem: str) -> ServiceError:
    return invalid(reason, f"input {spec.name!r} {problem}", f"inputs[{spec.name}]")
