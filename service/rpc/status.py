"""Errors as gRPC statuses: a canonical code with google.rpc details (AIP-193)."""

from typing import Any, NoReturn

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from service.errors import ServiceError

DOMAIN = "hiddenstate"
"""`ErrorInfo.domain`: in it, reasons are unique and stable."""


def to_status(error: ServiceError) -> status_pb2.Status:
    """Code, message, ErrorInfo, and BadRequest and RetryInfo where the error has them."""
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=error.facts)]
    if error.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
            for violation in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(code=error.code.value, message=error.message, details=[_pack(each) for each in details])


async def abort(context: Any, error: ServiceError) -> NoReturn:
    """End the RPC with an error. What was written before is delivered before it."""
    await context.abort_with_status(rpc_status.to_status(to_status(error)))
    raise AssertionError("abort_with_status raises")


def _pack(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
