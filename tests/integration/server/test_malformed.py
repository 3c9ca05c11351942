"""Law 8 on the wire: whatever bytes arrive, the call ends with a reason of ours, and never as a fault of the server."""

import random

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import Reason
from tests.calls import METHODS, SERVED_STREAMS, STREAMS, Target, request_of
from tests.neighbours import CONVERSATIONS, alone, undisturbed

pytestmark = pytest.mark.asyncio(loop_scope="session")

few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

HONEST = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "ALREADY_EXISTS", "DEADLINE_EXCEEDED"}
"""How a call with damaged messages may end: never INTERNAL or UNKNOWN, which would be our fault."""

VALID = {said.method: [{"config": said.config}, *said.before, *said.after] for said in CONVERSATIONS}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def expected(target: Target) -> list[list[bytes]]:
    return await alone(target)


@pytest.mark.parametrize("method", STREAMS)
@few
@given(messages=st.lists(st.binary(max_size=64), min_size=1, max_size=3))
async def test_random_bytes_end_a_stream_with_a_reason(method: str, messages: list[bytes], target: Target):
    found = await target.call(method, messages)
    assert found.code == ("INVALID_ARGUMENT" if method in SERVED_STREAMS else "UNIMPLEMENTED")
    assert found.domain == "hiddenstate"
    assert found.reason in Reason.__members__


@pytest.mark.parametrize("method", SERVED_STREAMS)
@few
@given(messages=st.lists(st.binary(max_size=64), min_size=1, max_size=4))
async def test_random_bytes_behind_a_config_end_a_stream_with_a_reason(
    method: str, messages: list[bytes], target: Target
):
    found = await target.call(method, [VALID[method][0], *messages])
    assert found.code in HONEST, found
    assert found.code == "OK" or found.reason in Reason.__members__
    assert found.answers, "the session was opened before"


@pytest.mark.parametrize("method", SERVED_STREAMS)
async def test_damaged_messages_are_no_fault_of_the_server_and_harm_no_neighbour(
    method: str, target: Target, expected: list[list[bytes]]
):
    """Honest conversations with a few bits changed, bytes lost or doubled; every seed another damage."""
    async with undisturbed(target, expected):
        for seed in range(60):
            dice = random.Random(seed)
            messages = [request_of(method, message) for message in VALID[method]]
            for _ in range(dice.randint(1, 3)):
                place = dice.randrange(len(messages))
                messages[place] = damaged(messages[place], dice)
            # Damage may ask for 100,000 tokens, which is honest and long: then the deadline ends it.
            found = await target.call(method, messages, timeout=0.2)
            assert found.code in HONEST, (seed, found)
            assert found.code in ("OK", "DEADLINE_EXCEEDED") or found.reason in Reason.__members__, (seed, found)
            assert found.numbers == list(range(1, len(found.numbers) + 1)), seed


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(STREAMS)))
async def test_random_bytes_end_a_unary_call_with_a_reason(method: str, target: Target):
    for seed in range(20):
        found = await target.call(method, [random.Random(seed).randbytes(seed)])
        assert found.code in HONEST, (seed, found)
        assert found.code == "OK" or found.domain == "hiddenstate", (seed, found)


def damaged(message: bytes, dice: random.Random) -> bytes:
    """A message with one bit changed, or a piece of it lost or doubled."""
    if not message:
        return dice.randbytes(4)
    start = dice.randrange(len(message))
    stop = min(len(message), start + dice.randint(1, 8))
    match dice.randrange(3):
        case 0:
            return message[:start] + bytes([message[start] ^ 1 << dice.randrange(8)]) + message[start + 1 :]
        case 1:
            return message[:start] + message[stop:]
        case _:
            return message[:stop] + message[start:]
