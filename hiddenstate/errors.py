"""What goes wrong between a client and its server, as one exception with a code and a stable reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that is wrong, and why."""

    field: str
    description: str


class ServerError(Exception):
    """An RPC that failed.

    code: canonical gRPC code, such as `INVALID_ARGUMENT`.
    reason: stable word to branch on, such as `MODEL_NOT_FOUND`; empty when whatever answered gave none. The client's
        own: `SERVER_UNREACHABLE`, `CONNECTION_LOST`, `STREAM_ENDED`, `SESSION_MOVES`, and `MESSAGES_LOST` where a
        server has not what it had said to be safe.
    message: one sentence for people.
    violations: fields of the request that are wrong.
    facts: more about it, by name.
    retry_after: seconds after which the same request may succeed; None when trying again does not help.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        *,
        violations: tuple[Violation, ...] = (),
        facts: dict[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations
        self.facts = facts or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        """The message, behind the reason where there is one."""
        return f"{self.message} ({self.reason or self.code})"


@dataclass(slots=True)
class _Details:
    """What `google.rpc.Status` adds to a code and a message."""

    reason: str = ""
    violations: tuple[Violation, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None


def server_error(
    code: grpc.StatusCode,
    message: str | None,
    trailers: Iterable[tuple[str, str | bytes]],
    *,
    address: str,
    opened: bool,
) -> ServerError:
    """The exception for a failed RPC. `opened`: the server had answered before."""
    details = _details(trailers)
    if code.name == "UNAVAILABLE" and not details.reason:
        return _unreachable(address, opened)
    return ServerError(
        code.name,
        details.reason,
        message or code.name,
        violations=details.violations,
        facts=details.facts,
        retry_after=details.retry_after,
    )


def _unreachable(address: str, opened: bool) -> ServerError:
    if opened:
        return ServerError("UNAVAILABLE", "CONNECTION_LOST", f"the connection to {address} was lost")
    message = f"no server answers at {address}: start one with `hiddenstate serve`, or name another address"
    return ServerError("UNAVAILABLE", "SERVER_UNREACHABLE", message)


def _details(trailers: Iterable[tuple[str, str | bytes]]) -> _Details:
    from google.rpc import error_details_pb2, status_pb2  # only failures need them

    details = _Details()
    raw = next((value for key, value in trailers if key == DETAILS_KEY), None)
    if not isinstance(raw, bytes):
        return details
    info, request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for packed in status_pb2.Status.FromString(raw).details:
        if packed.Unpack(info):
            details.reason = info.reason
            details.facts = dict(info.metadata)
        elif packed.Unpack(request):
            details.violations = tuple(Violation(each.field, each.description) for each in request.field_violations)
        elif packed.Unpack(retry):
            details.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return details
