"""The async client against a server whose answers can be foretold."""

import asyncio

import grpc
import numpy as np
import pytest

from hiddenstate import AsyncClient, ServerError
from tests.unit.hiddenstate.fake_server import fake_server


@pytest.fixture
async def served():
    with fake_server() as (address, script):
        async with AsyncClient(address) as client:
            yield client, script


async def test_generate_streams_tokens_and_says_why_the_text_ended(served):
    client, _ = served
    stream = client.generate("abc", seed=11)
    assert [token.text async for token in stream] == ["A", "B", "C"]
    assert stream.completion.seed == 11


async def test_text_collects_a_prompt_that_comes_from_an_async_iterable(served):
    client, _ = served

    async def pieces():
        yield "ab"
        await asyncio.sleep(0)
        yield "cd"

    assert await client.generate(pieces()).text() == "ABCD"


async def test_many_texts_at_once_share_one_connection(served):
    client, _ = served
    texts = await asyncio.gather(*(client.generate(word).text() for word in ("one", "two", "three")))
    assert texts == ["ONE", "TWO", "THREE"]


async def test_a_session_prompts_and_generates_again(served):
    client, script = served
    async with client.generate_session(model="m") as session:
        await session.prompt("abcdef")
        async for token in await session.generate():
            assert token.text == "A"
            break
        await session.prompt("xy")
        assert await (await session.generate()).text() == "XY"
    assert [each.sequence_number for each in script.requests] == [0, 1, 2, 3, 4]


async def test_leaving_a_session_ends_its_call(served):
    client, script = served
    async with client.generate_session() as session:
        await session.prompt("ab")
        await anext(await session.generate())
    assert await asyncio.to_thread(script.cancelled.wait, 5)


async def test_sentiment_gives_running_results_and_a_final_one(served):
    client, _ = served
    results = [result async for result in client.sentiment(["+", "-"])]
    assert [result.is_final for result in results] == [False, False, True]
    assert (await client.sentiment("+").final()).score == pytest.approx(1.0)


async def test_many_documents_share_one_stream_and_keep_their_order(served):
    client, _ = served
    assert [result.score async for result in client.sentiments(["+", "-"])] == pytest.approx([1.0, -1.0])


async def test_infer_steps_take_and_give_arrays(served):
    client, _ = served
    x = np.ones((2, 3), dtype=np.float32)
    async with client.infer_session("m") as session:
        np.testing.assert_array_equal((await session.step(x))["echo"], x)
        await session.finish()


async def test_models_reads_all_pages(served):
    client, _ = served
    assert [model.name for model in await client.models()] == ["austen", "torn"]


async def test_an_error_is_raised_where_answers_are_read_and_where_requests_are_sent(served):
    client, script = served
    script.refusal = ((grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "no such model"), {})
    with pytest.raises(ServerError, match="no such model"):
        await client.generate("a").text()
    async with client.generate_session() as session:
        with pytest.raises(ServerError, match="no such model"):
            await prompt_for(session, seconds=5)


async def test_answers_that_came_before_an_error_are_not_lost_to_it(served):
    client, script = served
    script.refuse_after = 3
    async with client.generate_session() as session:
        await session.prompt("abcdef")
        text = await session.generate()
        with pytest.raises(ServerError, match="no more"):
            await prompt_for(session, seconds=5)
        assert [(await anext(text)).text for _ in range(6)] == list("ABCDEF")


async def prompt_for(session, seconds):
    async with asyncio.timeout(seconds):
        while True:
            await session.prompt("x")
            await asyncio.sleep(0.002)


async def test_an_error_in_the_callers_iterable_is_raised_to_the_caller(served):
    client, _ = served

    def pieces():
        yield "+"
        raise LookupError("no more text")

    with pytest.raises(LookupError, match="no more text"):
        await client.sentiment(pieces()).final()


async def test_where_no_server_answers_the_error_names_the_remedy():
    async with AsyncClient("127.0.0.1:1") as client:
        for attempt in (client.models, client.generate("a").text, client.sentiment("a").final):
            with pytest.raises(ServerError, match="hiddenstate serve"):
                await attempt()
