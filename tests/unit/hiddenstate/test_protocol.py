"""The rules of a stream, without a server."""

import pytest

from hiddenstate import ResumePoint, ServerError, wire
from hiddenstate.protocol import ACKNOWLEDGE_EVERY, StreamProtocol
from hiddenstate.v1 import session_pb2, text_generation_pb2

LOST = ServerError("UNAVAILABLE", "CONNECTION_LOST", "")


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


def test_the_config_has_no_number_and_the_end_has_one():
    stream = protocol()
    assert stream.config(text_generation_pb2.GenerateTextConfig()).sequence_number == 0
    assert stream.end().sequence_number == 1


def prompt(stream):
    return stream.message(prompt=text_generation_pb2.Prompt(text="a"))


def opened(token="t", durable=0, **fields):
    said = session_pb2.Opened(session_id="s", resume_token=token, **({"next_sequence_number": 1} | fields))
    return text_generation_pb2.GenerateTextResponse(opened=said, durable_sequence_number=durable)


def receipt(durable):
    return text_generation_pb2.GenerateTextResponse(receipt=session_pb2.Receipt(), durable_sequence_number=durable)


def said(stream):
    """The numbers of all that is to be sent now."""
    return [request.sequence_number for request in iter(stream.next_request, None)]


def begun(durability="memory", count=3):
    """A stream that has sent its config and some messages."""
    stream = StreamProtocol.of(wire.GENERATE_TEXT, {"durability": durability})
    stream.add(stream.config(text_generation_pb2.GenerateTextConfig()))
    for _ in range(count):
        stream.add(prompt(stream))
    assert said(stream) == list(range(count + 1))
    return stream


def test_nothing_is_said_before_the_config():
    stream = protocol()
    stream.add(prompt(stream))
    assert said(stream) == []
    stream.add(stream.config(text_generation_pb2.GenerateTextConfig()))
    assert said(stream) == [0, 1]


def test_a_session_that_goes_on_says_its_token_and_then_what_the_server_has_not():
    stream = begun()
    stream.accept(opened(token="first"))
    stream.is_new(7)
    stream.handled()
    assert stream.can_go_on(LOST)
    stream.begin_again()
    config = stream.next_request().config.session
    assert (config.resume_token, config.received_answer_number, config.session_id) == ("first", 7, "")
    stream.add(prompt(stream))
    assert said(stream) == [], "the server has to say first where it stands"
    stream.accept(opened(token="second", next_sequence_number=3))
    requests = list(iter(stream.next_request, None))
    assert [(each.sequence_number, each.received_answer_number) for each in requests] == [(3, 7), (4, 7)]
    assert not stream.is_new(7), "what the server sends once more is not taken once more"
    assert stream.point == ResumePoint("second", 7, "s")


def test_a_stream_that_was_lost_before_it_was_answered_begins_anew_under_another_name():
    stream = begun()
    name = stream.session_id
    assert stream.can_go_on(LOST)
    stream.begin_again()
    assert stream.session_id != name
    assert stream.next_request().config.session.session_id == stream.session_id
    assert said(stream) == [1, 2, 3]


def test_a_name_that_the_caller_gave_stays():
    stream = StreamProtocol.of(wire.GENERATE_TEXT, {"session_id": "mine"})
    stream.begin_again()
    assert stream.session_id == "mine"


def test_a_stream_that_was_lost_before_its_caller_has_said_anything_is_asked_for_again():
    """A call may fail at once, where no server is, and the config may be still to come."""
    stream = StreamProtocol.of(wire.GENERATE_TEXT, {"durability": "stored"})
    assert stream.can_go_on(LOST)
    stream.begin_again()
    stream.add(stream.config(text_generation_pb2.GenerateTextConfig()))
    stream.add(prompt(stream))
    assert said(stream) == [0, 1]


@pytest.mark.parametrize("durability", [None, "none"])
def test_a_session_that_is_not_to_survive_is_not_asked_for_twice(durability):
    stream = begun(durability)
    assert not stream.can_go_on(LOST)
    stream.accept(opened(token=""))
    assert not stream.can_go_on(LOST)
    assert stream.point is None


def test_what_is_wrong_with_a_request_is_not_tried_again():
    stream = begun()
    stream.accept(opened())
    assert not stream.can_go_on(ServerError("INVALID_ARGUMENT", "TEXT_TOO_LONG", ""))
    assert not stream.can_go_on(ServerError("ABORTED", "SESSION_TAKEN_OVER", ""))
    assert not stream.can_go_on(ServerError("INTERNAL", "MODEL_RUN_FAILED", ""))
    assert stream.can_go_on(ServerError("UNAVAILABLE", "SERVER_DRAINING", ""))


def test_a_session_that_a_call_given_up_took_from_its_own_client_is_taken_back_once():
    """A server that stood still carries such a call out later; two clients may not take it from each other for ever."""
    taken = ServerError("ABORTED", "SESSION_TAKEN_OVER", "")
    stream = begun()
    stream.accept(opened())
    stream.begin_again()
    assert not stream.can_go_on(taken), "no call was given up before it was answered"
    stream.begin_again()
    stream.accept(opened(token="second"))
    assert stream.can_go_on(taken)
    stream.begin_again()
    stream.accept(opened(token="third"))
    assert not stream.can_go_on(taken)


def test_a_server_without_room_is_asked_again_where_a_session_is_to_go_on_there():
    stream, full = begun(), ServerError("RESOURCE_EXHAUSTED", "SESSIONS_EXHAUSTED", "", retry_after=1.0)
    contexts = ServerError("RESOURCE_EXHAUSTED", "CONTEXTS_EXHAUSTED", "", retry_after=1.0)
    assert not stream.can_go_on(full)
    stream.accept(opened())
    # It was silent, and its slot went to others.
    assert stream.can_go_on(full)
    assert not stream.can_go_on(contexts)
    stream.begin_again()
    assert stream.can_go_on(full)
    assert stream.can_go_on(contexts)


def test_answers_are_acknowledged_when_there_is_nothing_else_to_say():
    stream = begun()
    stream.accept(opened())
    for number in range(1, ACKNOWLEDGE_EVERY):
        stream.is_new(number)
    assert said(stream) == []
    stream.is_new(ACKNOWLEDGE_EVERY)
    assert said(stream) == [], "its caller has yet to deal with it: what was acknowledged never comes again"
    stream.handled()
    (request,) = iter(stream.next_request, None)
    assert request.WhichOneof("content") == "acknowledgement"
    assert (request.sequence_number, request.received_answer_number) == (0, ACKNOWLEDGE_EVERY)
    assert not stream.acknowledgement_due


def test_a_session_that_cannot_be_resumed_acknowledges_nothing_and_closes_its_side():
    stream = begun(session_pb2.DURABILITY_NONE)
    assert not stream.closes, "the server has not said yet that it keeps nothing"
    stream.accept(opened(token=""))
    stream.is_new(ACKNOWLEDGE_EVERY)
    stream.handled()
    assert not stream.acknowledgement_due
    assert stream.closes


def test_what_was_said_to_be_safe_and_is_gone_is_an_error():
    stream = begun()
    stream.accept(opened())
    stream.accept(receipt(2))
    stream.begin_again()
    with pytest.raises(ServerError, match="lost messages 2 to 2") as caught:
        stream.accept(opened(next_sequence_number=2))
    assert (caught.value.code, caught.value.reason) == ("DATA_LOSS", "MESSAGES_LOST")


def test_a_client_that_was_restarted_says_the_same_again_and_sends_what_the_server_has_not():
    stream = StreamProtocol.of(wire.GENERATE_TEXT, {"resume": ResumePoint("t", 5, "s")})
    assert stream.metadata() == (("hiddenstate-session-id", "s"),)
    stream.add(stream.config(text_generation_pb2.GenerateTextConfig()))
    stream.add(prompt(stream))
    assert stream.next_request().config.session.received_answer_number == 5
    stream.accept(opened(next_sequence_number=3, durable=1))
    for _ in range(3):
        stream.add(prompt(stream))
    assert said(stream) == [3, 4]
    assert not stream.is_new(5)
    stream.begin_again()
    assert said(stream) == [0]
    stream.accept(opened(next_sequence_number=2, durable=1))
    assert said(stream) == [2, 3, 4], "the server fell back to what it had stored"


def test_a_client_that_drives_its_session_numbers_on_from_where_it_stands():
    stream = StreamProtocol.of(wire.GENERATE_TEXT, {"resume": "t"})
    stream.accept(opened(next_sequence_number=4, durable=3))
    stream.number_on()
    assert prompt(stream).sequence_number == 4


def test_a_server_that_asks_to_move_gives_the_token_and_the_reason():
    stream = begun()
    stream.accept(opened())
    move = session_pb2.Move(resume_token="elsewhere")
    move.grace_duration.FromSeconds(2)
    assert stream.accept(text_generation_pb2.GenerateTextResponse(move=move)) is None
    assert stream.moves.reason == "SESSION_MOVES"
    assert stream.can_go_on(stream.moves)
    stream.begin_again()
    assert stream.next_request().config.session.resume_token == "elsewhere"
    assert stream.moves is None


def test_a_name_is_made_up_for_each_session_unless_it_is_given():
    assert StreamProtocol.of(wire.INFER, {}).session_id != StreamProtocol.of(wire.INFER, {}).session_id
    assert StreamProtocol.of(wire.INFER, {"session_id": "mine"}).session_id == "mine"
