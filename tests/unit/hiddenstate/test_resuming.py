"""When a client tries again, and when it has had enough."""

from hypothesis import given
from hypothesis import strategies as st

from hiddenstate import ResumeLimits, ServerError
from hiddenstate.resuming import Attempts, is_lost

LOST = ServerError("UNAVAILABLE", "CONNECTION_LOST", "gone")


def waits(attempts, times, *, chance=1.0, apart=0.0, reached=(0, 0), error=LOST):
    return [attempts.wait(error, number * apart, reached, chance) for number in range(times)]


def test_waits_double_up_to_the_longest():
    limits = ResumeLimits(first_wait=0.1, longest_wait=0.5)
    assert waits(Attempts(limits), 5) == [0.1, 0.2, 0.4, 0.5, 0.5]


@given(st.floats(0, 1), st.integers(1, 2000))
def test_a_wait_is_drawn_between_nothing_and_the_longest(chance, times):
    found = waits(Attempts(ResumeLimits(attempts=5000)), times, chance=chance)
    assert all(0 <= wait <= 2.0 for wait in found)


def test_attempts_and_seconds_are_limited():
    assert waits(Attempts(ResumeLimits(attempts=2)), 3)[-1] is None
    found = waits(Attempts(ResumeLimits(seconds=10)), 4, apart=4.0)
    assert [wait is None for wait in found] == [False, False, False, True]
    assert waits(Attempts(ResumeLimits(attempts=0)), 1) == [None]


def test_a_session_that_went_on_has_all_its_attempts_again():
    attempts = Attempts(ResumeLimits(attempts=2))
    waits(attempts, 2)
    assert attempts.wait(LOST, 1.0, (1, 0), 1.0) is not None
    assert attempts.count == 1
    assert attempts.wait(LOST, 1.0, (1, 1), 1.0) is not None
    assert attempts.count == 1


def test_a_session_that_only_opens_and_is_lost_again_does_not_go_on():
    attempts = Attempts(ResumeLimits(attempts=2))
    for now in range(2):
        assert attempts.wait(LOST, now, (3, 3), 1.0) is not None
        assert attempts.opened(now)
    assert attempts.wait(LOST, 2.0, (3, 3), 1.0) is None


def test_a_session_that_stood_for_long_has_all_its_attempts_again_though_nothing_was_said():
    attempts = Attempts(ResumeLimits(attempts=1, seconds=10))
    for now in (0.0, 100.0, 200.0):
        assert attempts.wait(LOST, now, (3, 3), 1.0) is not None
        attempts.opened(now + 1)
    assert attempts.count == 1


def test_an_open_stream_that_was_never_lost_was_not_resumed():
    assert not Attempts(ResumeLimits()).opened(1.0)


def test_a_server_that_says_when_it_will_have_room_is_not_asked_before():
    full = ServerError("RESOURCE_EXHAUSTED", "SESSIONS_EXHAUSTED", "full", retry_after=1.5)
    assert waits(Attempts(ResumeLimits()), 1, error=full) == [1.5]
    draining = ServerError("UNAVAILABLE", "SERVER_DRAINING", "stops", retry_after=1.0)
    assert waits(Attempts(ResumeLimits()), 1, error=draining) == [0.05], "another server may be there at once"


def test_the_error_that_is_raised_at_last_says_how_often_it_was_tried():
    attempts = Attempts(ResumeLimits(attempts=2))
    waits(attempts, 3, apart=3.0)
    error = attempts.given_up(LOST, 6.0)
    assert (error.code, error.reason) == ("UNAVAILABLE", "CONNECTION_LOST")
    assert "gone" in error.message
    assert "2 attempts in 6 s" in error.message
    assert Attempts(ResumeLimits()).given_up(LOST, 0.0) is LOST


def test_a_status_of_the_transport_says_that_a_stream_was_lost_and_one_of_the_server_does_not():
    assert all(is_lost(ServerError(code, "", "")) for code in ("UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN"))
    assert is_lost(ServerError("UNAVAILABLE", "STORE_UNAVAILABLE", ""))
    assert not is_lost(ServerError("INTERNAL", "INTERNAL", ""))
    assert not is_lost(ServerError("DEADLINE_EXCEEDED", "", ""))
