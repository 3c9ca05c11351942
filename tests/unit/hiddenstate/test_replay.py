"""The replay buffer against a list of all that was ever added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiddenstate import ServerError, replay
from hiddenstate.replay import Replay
from hiddenstate.v1.text_generation_pb2 import GenerateTextRequest, Prompt


def request(number, size=1):
    return GenerateTextRequest(sequence_number=number, prompt=Prompt(text="x" * size))


STEPS = st.lists(
    st.one_of(st.just("add"), st.just("send"), st.tuples(st.sampled_from(["safe", "back"]), st.floats(0, 1)))
)


@given(STEPS)
def test_what_is_not_safe_can_be_sent_again_from_any_number_on(steps):
    buffer, added, following, safe = Replay(), 0, 1, 0
    for step in steps:
        match step:
            case "add":
                added += 1
                buffer.add(request(added))
            case "send":
                sent = buffer.next()
                assert (sent.sequence_number if sent else added + 1) == following
                following += sent is not None
            case ("safe", share):
                safe += round(share * (following - 1 - safe))
                buffer.trim(safe)
            case ("back", share):
                following = safe + 1 + round(share * (following - 1 - safe))
                buffer.rewind(following)
    assert [each.sequence_number for each in iter(buffer.next, None)] == list(range(following, added + 1))
    assert buffer.all_sent


def test_it_is_full_by_count_and_by_bytes_until_something_is_safe(monkeypatch):
    monkeypatch.setattr(replay, "MAX_REQUESTS", 3)
    monkeypatch.setattr(replay, "MAX_BYTES", 1000)
    buffer = Replay()
    for number in (1, 2, 3):
        assert not buffer.full
        buffer.add(request(number))
    assert buffer.full
    while buffer.next():
        assert buffer.full, "what was sent is not safe yet"
    buffer.trim(1)
    assert not buffer.full
    buffer.add(request(4, size=1000))
    buffer.trim(3)
    assert buffer.full
    buffer.trim(4)
    assert not buffer.full


def test_where_nothing_is_kept_only_what_waits_to_be_sent_fills_it(monkeypatch):
    monkeypatch.setattr(replay, "MAX_UNSENT", 2)
    buffer = Replay()
    buffer.add(request(1))
    buffer.next()
    buffer.forget()
    for number in (2, 3):
        assert not buffer.full
        buffer.add(request(number))
    assert buffer.full
    buffer.next()
    assert not buffer.full


def test_what_was_safe_cannot_be_asked_for_again():
    buffer = Replay()
    for number in (1, 2):
        buffer.add(request(number))
    buffer.trim(1)
    with pytest.raises(ServerError, match="MESSAGES_LOST"):
        buffer.rewind(1)
    buffer.rewind(2)
