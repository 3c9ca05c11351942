"""Parameters of a request: which sequence it belongs to, and how urgent it is."""

from typing import NamedTuple

from hiddenstate.oip import open_inference_pb2 as oip
from service.errors import Reason, ServiceError, invalid
from service.rpc.opening import BULK_PATIENCE

MAX_ID_LENGTH = 128
MAX_TIMEOUT = 60_000_000
"""Microseconds."""


class Place(NamedTuple):
    """Where a request belongs. An empty `sequence_id`: it is a sequence of its own.

    `patience` (seconds): how long its steps may wait; None for the server's default.
    """

    sequence_id: str
    start: bool
    end: bool
    patience: float | None


def place_of(request: oip.ModelInferRequest) -> Place:
    """Read the parameters; those that are unknown have no effect.

    Raises SESSION_ID_INVALID or OPTION_OUT_OF_RANGE.
    """
    said = request.parameters
    if not said:
        return Place("", False, False, None)
    place = Place(_id(request), _flag(request, "sequence_start"), _flag(request, "sequence_end"), _patience(request))
    if not place.sequence_id and (place.start or place.end):
        problem = "sequence_start and sequence_end need a sequence_id that is neither 0 nor empty"
        raise invalid(Reason.SESSION_ID_INVALID, problem, "parameters[sequence_id]")
    return place


def count_of(output: oip.ModelInferRequest.InferRequestedOutputTensor) -> int:
    """How many of the best classes are wanted instead of the values; 0 for the values."""
    if "classification" not in output.parameters:
        return 0
    count = _number(output.parameters["classification"])
    if count is None or count < 0:
        raise _wrong("classification", "is a number of classes")
    return count


def _id(request: oip.ModelInferRequest) -> str:
    """The same number is the same id, whichever type it comes in."""
    if "sequence_id" not in request.parameters:
        return ""
    parameter = request.parameters["sequence_id"]
    if parameter.WhichOneof("parameter_choice") == "string_param":
        if len(parameter.string_param) > MAX_ID_LENGTH:
            problem = f"a sequence_id has at most {MAX_ID_LENGTH} characters"
            raise invalid(Reason.SESSION_ID_INVALID, problem, "parameters[sequence_id]")
        return parameter.string_param
    number = _number(parameter)
    if number is None:
        problem = "sequence_id is an integer or a string"
        raise invalid(Reason.SESSION_ID_INVALID, problem, "parameters[sequence_id]")
    return str(number) if number else ""


def _flag(request: oip.ModelInferRequest, name: str) -> bool:
    if name not in request.parameters:
        return False
    parameter = request.parameters[name]
    if parameter.WhichOneof("parameter_choice") != "bool_param":
        raise _wrong(name, "is a bool")
    return parameter.bool_param


def _patience(request: oip.ModelInferRequest) -> float | None:
    """`timeout` in microseconds; without it, a `priority` above 1 can wait."""
    if "timeout" in request.parameters:
        timeout = _number(request.parameters["timeout"])
        if timeout is None or not 0 <= timeout <= MAX_TIMEOUT:
            raise _wrong("timeout", f"is in microseconds, 0 to {MAX_TIMEOUT}")
        if timeout:
            return timeout / 1e6
    if "priority" in request.parameters:
        priority = _number(request.parameters["priority"])
        if priority is None or priority < 0:
            raise _wrong("priority", "is a number from 0 on")
        return BULK_PATIENCE if priority > 1 else None
    return None


def _number(parameter: oip.InferParameter) -> int | None:
    kind = parameter.WhichOneof("parameter_choice")
    if kind == "int64_param":
        return parameter.int64_param
    return parameter.uint64_param if kind == "uint64_param" else None


def _wrong(name: str, problem: str) -> ServiceError:
    return invalid(Reason.OPTION_OUT_OF_RANGE, f"{name} {problem}", f"parameters[{name}]")
