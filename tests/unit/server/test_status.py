"""Errors as statuses: the canonical code, and every detail an error has, no more."""

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BundleError, Code, Reason, ServiceError, exhausted, invalid, unserved
from service.rpc.status import to_status


def details(error: ServiceError) -> dict[str, object]:
    """The details of a status by the name of their type."""
    types = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
    found: dict[str, object] = {}
    for packed in to_status(error).details:
        for kind in types:
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found[kind.__name__] = message
    assert len(found) == len(to_status(error).details)
    return found


@pytest.mark.parametrize("code", Code)
def test_codes_have_the_numbers_of_grpc(code: Code):
    assert getattr(grpc.StatusCode, code.name).value[0] == code.value


@pytest.mark.parametrize("reason", Reason)
def test_reasons_are_upper_snake_and_name_themselves(reason: Reason):
    assert reason.value == reason.name
    assert len(reason.value) <= 63, "the limit of ErrorInfo"


@given(st.sampled_from(Code), st.sampled_from(Reason), st.text(max_size=50), st.dictionaries(st.text(), st.text()))
def test_every_error_carries_its_reason_in_our_domain(code: Code, reason: Reason, message: str, facts: dict[str, str]):
    error = ServiceError(code, reason, message, facts=facts)
    status = to_status(error)
    assert (status.code, status.message) == (code.value, message)
    (info,) = details(error).values()
    assert (info.reason, info.domain, dict(info.metadata)) == (reason.value, "hiddenstate", facts)


def test_a_field_at_fault_is_a_bad_request():
    found = details(invalid(Reason.TEXT_TOO_LONG, "too long", "prompt.text"))
    (violation,) = found["BadRequest"].field_violations
    assert (violation.field, violation.description) == ("prompt.text", "too long")
    assert "RetryInfo" not in found


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.0, 2.5])
def test_a_limit_that_is_reached_says_when_to_try_again(seconds: float):
    error = exhausted(Reason.SESSIONS_EXHAUSTED, "full", seconds)
    assert to_status(error).code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert details(error)["RetryInfo"].retry_delay.ToNanoseconds() == int(seconds * 1e9)


def test_what_is_not_served_and_what_is_damaged_have_their_codes():
    assert to_status(unserved(Reason.TASK_NOT_SERVED, "")).code == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert to_status(BundleError(Reason.BUNDLE_DAMAGED, "")).code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
