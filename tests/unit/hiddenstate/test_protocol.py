"""The rules of a stream, without a server."""

from hiddenstate import wire
from hiddenstate.protocol import StreamProtocol
from hiddenstate.v1 import session_pb2, text_generation_pb2


def protocol():
    return StreamProtocol(wire.GENERATE_TEXT, "s")


def test_a_numbered_item_is_taken_once_and_an_unnumbered_one_always():
    stream = protocol()
    assert [stream.is_new(number) for number in (1, 2, 2, 1, 0, 0, 3)] == [True, True, False, False, True, True, True]
    assert stream.received_answer_number == 3


def test_what_concerns_the_session_is_no_answer_of_the_task():
    stream = protocol()
    response = text_generation_pb2.GenerateTextResponse
    assert stream.accept(response(opened=session_pb2.Opened(session_id="s", model="m", version=2))) is None
    assert (stream.opened.model, stream.opened.version) == ("m", 2)
    assert stream.accept(response(receipt=session_pb2.Receipt())) is None
    assert stream.accept(response(move=session_pb2.Move())) is None
    assert stream.accept(response(completion=text_generation_pb2.Completion())) == "completion"


def test_config_and_acknowledgement_have_no_number_and_the_end_has_one():
    stream = protocol()
    stream.is_new(4)
    assert stream.config(text_generation_pb2.GenerateTextConfig()).sequence_number == 0
    assert stream.acknowledgement().sequence_number == 0
    assert stream.acknowledgement().received_answer_number == 4
    assert stream.end().sequence_number == 1


def test_a_name_is_made_up_for_each_session_unless_it_is_given():
    assert StreamProtocol.of(wire.INFER, {}).session_id != StreamProtocol.of(wire.INFER, {}).session_id
    assert StreamProtocol.of(wire.INFER, {"session_id": "mine"}).session_id == "mine"
