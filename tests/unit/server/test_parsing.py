"""Bytes to messages: what is well formed comes back as it was, and everything else has a reason."""

import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from hiddenstate.v1 import inference_pb2, sentiment_pb2, text_generation_pb2
from service.errors import Code, Reason
from service.rpc.parsing import Unreadable, parser
from tests.calls import METHODS

parse = parser(text_generation_pb2.GenerateTextRequest, 1000)


def reason_of(data: bytes, read=parse) -> Reason:
    found = read(data)
    assert isinstance(found, Unreadable)
    assert found.error.code == Code.INVALID_ARGUMENT
    return found.error.reason


@given(st.text(max_size=200), st.integers(0, 2**64 - 1))
def test_a_message_comes_back_as_it_was(text: str, number: int):
    message = text_generation_pb2.GenerateTextRequest(sequence_number=number)
    message.prompt.text = text
    assert parse(message.SerializeToString()) == message


def test_no_bytes_are_a_message_of_defaults():
    assert parse(b"") == text_generation_pb2.GenerateTextRequest()


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"])
def test_a_string_that_is_not_utf8_is_told_apart_from_bytes_that_are_no_message(text: bytes):
    """Stray, cut short, a surrogate, over the last code point, longer than it has to be."""
    piece = b"\x0a" + bytes([len(text)]) + text
    assert reason_of(b"\x22" + bytes([len(piece)]) + piece) == Reason.TEXT_NOT_UTF8


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x0a\x05ab", b"\x08", b"\x0b", b"\x0a\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_no_message_are_malformed(data: bytes):
    assert reason_of(data) == Reason.MESSAGE_MALFORMED


def test_a_message_over_the_limit_is_not_parsed_at_all():
    assert reason_of(b"\xff" * 1001) == Reason.MESSAGE_TOO_LARGE
    assert reason_of(b"\xff" * 1000) == Reason.MESSAGE_MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_have_a_reason(data: bytes):
    for message_type in (
        text_generation_pb2.GenerateTextRequest,
        sentiment_pb2.AnalyzeSentimentRequest,
        inference_pb2.InferRequest,
    ):
        found = parser(message_type, 150)(data)
        if isinstance(found, Unreadable):
            assert found.error.code == Code.INVALID_ARGUMENT
        else:
            assert isinstance(found, message_type)
            assert len(data) <= 150


@pytest.mark.parametrize("method", METHODS)
def test_the_requests_of_every_method_can_be_parsed(method: str):
    message_type = GetMessageClass(METHODS[method].input_type)
    assert parser(message_type, 10)(b"") == message_type()
    assert isinstance(parser(message_type, 10)(b"\xff"), Unreadable)
