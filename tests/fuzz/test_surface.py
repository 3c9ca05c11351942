"""Whatever is sent, the answer is a status with a reason, the server lives, and nobody else notices.

A few made-up requests for each method run with all tests; `make fuzz FUZZ_SECONDS=600` goes on for longer and adds to
`corpus.jsonl` the smallest requests of every outcome that is not in it.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.bundle import load_bundle
from service.errors import ServiceError
from service.rpc.oip.parameters import place_of
from service.rpc.oip.tensors import rows_of
from service.rpc.parsing import Unreadable, parser
from service.rpc.services import CODECS
from tests.calls import METHODS, OPEN_METHODS, described
from tests.fuzz.messages import conversations, messages, steps
from tests.fuzz.surface import Surface, corpus
from tests.repositories import MODELS, REPOSITORY

MANIFESTS = [load_bundle(REPOSITORY / name / "1").manifest for name in MODELS]
ROUND = 12
"""Examples that are made up at a time."""


def explore(
    check: Callable[[Any], object], made_up: st.SearchStrategy[Any], seconds: float, count: int = ROUND
) -> None:
    """Check made-up things: `count` of them, and go on until the time is over."""
    until = time.monotonic() + seconds
    lengthy = settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )

    @lengthy
    @given(made_up)
    def once(thing: Any) -> None:
        check(thing)

    once()
    while time.monotonic() < until:
        once()


@pytest.mark.parametrize("case", corpus(), ids=lambda case: f"{case['method']}: {case['outcome']}")
def test_what_was_found_before_is_still_answered(case: dict[str, Any], surface: Surface):
    surface.check(case["method"], [bytes.fromhex(each) for each in case["requests"]])


@pytest.mark.parametrize("method", [*OPEN_METHODS, *METHODS])
def test_every_answer_is_a_status_with_a_reason_and_the_sequence_beside_keeps_its_bits(
    method: str, surface: Surface, seconds: float
):
    explore(lambda requests: surface.check(method, requests), conversations(method), seconds)


@pytest.mark.parametrize("method", [*OPEN_METHODS, *METHODS])
def test_any_message_is_read_as_it_was_written(method: str, seconds: float):
    """Reading gives the message again, whatever is in it, or says that it is too large."""
    message_type = GetMessageClass(described(method).input_type)
    read = parser(message_type, 500)

    def check(message: Message) -> None:
        data = message.SerializeToString(deterministic=True)
        found = read(data)
        assert isinstance(found, Unreadable) == (len(data) > 500)
        if not isinstance(found, Unreadable):
            assert found.SerializeToString(deterministic=True) == data

    explore(check, messages(message_type.DESCRIPTOR), seconds / 10, 50)


@pytest.mark.parametrize("codec", [codec() for codec in CODECS], ids=lambda codec: codec.task)
def test_a_codec_reads_any_message_or_raises_its_reason(codec: Any, seconds: float):
    def check(request: Any) -> None:
        for manifest in MANIFESTS:
            with contextlib.suppress(ServiceError):
                codec.options(request.config)
                codec.payload(request, manifest)

    explore(check, messages(codec.request_type.DESCRIPTOR), seconds / 10, 50)


def test_tensors_of_a_request_are_arrays_of_the_shape_they_name_or_have_a_reason(seconds: float):
    def check(request: Any) -> None:
        for manifest in MANIFESTS:
            try:
                place_of(request)
                rows = rows_of(request, manifest)
            except ServiceError:
                continue
            shapes = {tensor.name: tuple(tensor.shape) for tensor in request.inputs}
            assert all(row.keys() == shapes.keys() for row in rows)
            for name, shape in shapes.items():
                assert np.stack([row[name] for row in rows]).shape == shape

    whole = messages(described("ModelInfer").input_type)
    explore(check, st.one_of(steps(), whole), seconds / 10, 100)
