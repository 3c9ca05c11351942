"""A stream hands messages in and answers out; waiting costs nothing and loses nothing."""

import asyncio

import pytest

from service.errors import Reason, ServiceError, invalid
from service.session import Session
from service.state import Tenancy
from service.stream import Move, MoveCause, Stream
from service.tasks.task import Answer
from tests.fakes import Talk, Talking, passes

ERROR = invalid(Reason.MESSAGE_EMPTY, "the message is empty")


@pytest.fixture
def taken() -> list[Stream]:
    return []


@pytest.fixture
def stream(taken: list[Stream]) -> Stream:
    session = Session("s", Tenancy(0, 0), 9, patience=1.0, touched=0.0)
    return Stream(Talking(), None, Talk(), session, taken.append)


def items(answers: list[Answer]) -> list[object]:
    return [answer.item for answer in answers]


async def test_answers_wait_until_they_are_due(stream: Stream, taken: list[Stream]):
    reader = asyncio.create_task(stream.answers())
    stream.give(1, "a", interim=False)
    await passes()
    assert not reader.done()
    stream.give(1, "b", interim=False)
    stream.wake_writer()
    assert items(await reader) == ["a", "b"]
    assert taken == [stream]


async def test_answers_that_were_due_before_are_there_at_once(stream: Stream):
    stream.give(1, "a", interim=False)
    stream.wake_writer()
    stream.give(1, "b", interim=False)
    assert items(await stream.answers()) == ["a", "b"]


async def test_taken_answers_make_none_due(stream: Stream):
    stream.give(1, "a", interim=False)
    stream.wake_writer()
    await stream.answers()
    stream.give(1, "b", interim=False)
    reader = asyncio.create_task(stream.answers())
    await passes()
    assert not reader.done()
    stream.wake_writer()
    assert items(await reader) == ["b"]


async def test_an_interim_answer_takes_the_place_of_one_that_was_not_taken(stream: Stream):
    for number, item in [(0, "first"), (0, "second"), (1, "final"), (0, "third"), (0, "fourth")]:
        stream.give(1, item, interim=number == 0)
    stream.wake_writer()
    assert items(await stream.answers()) == ["second", "final", "fourth"]


async def test_a_stream_that_ended_well_gives_its_last_answers_then_none(stream: Stream):
    stream.give(1, "a", interim=False)
    stream.finished = True
    stream.wake_writer()
    assert items(await stream.answers()) == ["a"]
    assert await stream.answers() == []
    assert await stream.answers() == []


async def test_a_stream_that_failed_gives_its_last_answers_then_its_error(stream: Stream):
    stream.give(1, "a", interim=False)
    stream.finished, stream.error = True, ERROR
    stream.wake_writer()
    assert items(await stream.answers()) == ["a"]
    with pytest.raises(ServiceError):
        await stream.answers()


async def test_a_reader_that_waits_learns_of_the_end(stream: Stream):
    reader = asyncio.create_task(stream.answers())
    await passes()
    stream.finished = True
    stream.wake_writer()
    assert await reader == []


async def test_a_reader_that_gives_up_loses_no_answer(stream: Stream):
    reader = asyncio.create_task(stream.answers())
    await passes()
    reader.cancel()
    await passes()
    stream.give(1, "a", interim=False)
    stream.wake_writer()
    assert items(await stream.answers()) == ["a"]


async def test_an_empty_inbox_has_room(stream: Stream):
    await stream.has_room()


async def test_a_writer_waits_for_room_and_is_woken_by_it(stream: Stream):
    stream.inbox.append(ERROR)
    writer = asyncio.create_task(stream.has_room())
    await passes()
    stream.wake_reader()
    await passes()
    assert not writer.done()
    stream.inbox.clear()
    stream.wake_reader()
    await writer


async def test_a_writer_does_not_wait_for_a_stream_that_has_ended(stream: Stream):
    stream.inbox.append(ERROR)
    writer = asyncio.create_task(stream.has_room())
    await passes()
    stream.finished = True
    stream.wake_reader()
    await writer
    await stream.has_room()


async def test_a_stream_that_is_ended_before_its_client_was_asked_to_move_says_why(stream: Stream):
    """It would end well otherwise, with answers that are still due."""
    stream.ask_to_move(Move(MoveCause.DRAIN, 0.0))
    stream.finished, stream.error = True, ERROR
    stream.wake_writer()
    with pytest.raises(ServiceError) as caught:
        await stream.answers()
    assert caught.value is ERROR
