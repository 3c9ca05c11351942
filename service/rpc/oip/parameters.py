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

    `patience` (seconds): how long its steps may wait; None for the server's default. `marked`: its client wants to be
    told that an answer is the last one of its request.
    """

    sequence_id: str = ""
    start: bool = False
    end: bool = False
    patience: float | None = None
    marked: bool = False


def place_of(request: oip.ModelInferRequest) -> Place:
    """Read the parameters; those that are unknown have no effect.

    Raises SESSION_ID_INVALID or OPTION_OUT_OF_RANGE.
    """
    said = request.parameters
    if not said:
        return Place()
    # One pass: to look a parameter up costs as much as to read it, and this runs for every request.
    sequence_id, start, end, timeout, bulk, marked = "", False, False, None, False, False
    for name in said:
        if name == "sequence_id":
            sequence_id = _id(said[name])
        elif name == "sequence_start":
            start = _flag(name, said[name])
        elif name == "sequence_end":
            end = _flag(name, said[name])
        elif name == "timeout":
            timeout = _timeout(said[name])
        elif name == "priority":
            bulk = _is_bulk(said[name])
        elif name == "triton_enable_empty_final_response":
            marked = True
    if not sequence_id and (start or end):
        problem = "sequence_start and sequence_end need a sequence_id that is neither 0 nor empty"
        raise invalid(Reason.SESSION_ID_INVALID, problem, "parameters[sequence_id]")
    return Place(sequence_id, start, end, timeout or (BULK_PATIENCE if bulk else None), marked)


def count_of(output: oip.ModelInferRequest.InferRequestedOutputTensor) -> int:
    """How many of the best classes are wanted instead of the values; 0 for the values."""
    if "classification" not in output.parameters:
        return 0
    count = _number(output.parameters["classification"])
    if count is None or count < 0:
        raise _wrong("classification", "is a number of classes")
    return count


def _id(parameter: oip.InferParameter) -> str:
    """The same number is the same id, whichever type it comes in."""
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


def _flag(name: str, parameter: oip.InferParameter) -> bool:
    if parameter.WhichOneof("parameter_choice") != "bool_param":
        raise _wrong(name, "is a bool")
    return parameter.bool_param


def _timeout(parameter: oip.InferParameter) -> float | None:
    """Seconds, said in microseconds; None for 0."""
    timeout = _number(parameter)
    if timeout is None or not 0 <= timeout <= MAX_TIMEOUT:
        raise _wrong("timeout", f"is in microseconds, 0 to {MAX_TIMEOUT}")
    return timeout / 1e6 or None


def _is_bulk(parameter: oip.InferParameter) -> bool:
    """Whether a request can wait: its priority is above 1."""
    priority = _number(parameter)
    if priority is None or priority < 0:
        raise _wrong("priority", "is a number from 0 on")
    return priority > 1


def _number(parameter: oip.InferParameter) -> int | None:
    kind = parameter.WhichOneof("parameter_choice")
    if kind == "int64_param":
        return parameter.int64_param
    return parameter.uint64_param if kind == "uint64_param" else None


def _wrong(name: str, problem: str) -> ServiceError:
    return invalid(Reason.OPTION_OUT_OF_RANGE, f"{name} {problem}", f"parameters[{name}]")
