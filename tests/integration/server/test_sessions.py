"""Many sessions at once on real models: the same bits as alone, in order, one message for each token when idle."""

import asyncio
from typing import Any

import numpy as np
import pytest

from tests.calls import Call, Target, request_of, rest
from tests.neighbours import items
from tests.repositories import PLAIN, SENTIMENT, SERIES, TAGGER

pytestmark = pytest.mark.asyncio(loop_scope="session")


def said(call: Call) -> list[bytes]:
    """All items of a call as bytes, the opening left out."""
    assert call.code == "OK", call
    return [item for answer in call.answers[1:] for item in items(answer)]


async def streamed(target: Target, method: str, messages: list[Any]) -> list[Any]:
    """One stream, written message by message beside others; its answers, the opening left out."""
    stream = target.stream(method)
    for message in messages:
        await stream.write(request_of(method, message))
        await asyncio.sleep(0)
    await stream.done_writing()
    return [answer async for answer in rest(stream)][1:]


async def at_once(target: Target, method: str, sessions: list[list[Any]]) -> list[list[bytes]]:
    """The items that each of several concurrent streams is answered."""
    answers = await asyncio.gather(*(streamed(target, method, messages) for messages in sessions))
    return [[item for answer in each for item in items(answer)] for each in answers]


def inference_session(model: str, seed: int) -> list[Any]:
    """Chunks of 1 to 12 steps each, with a finish among them."""
    dice = np.random.default_rng(seed)
    messages: list[Any] = [{"config": {"session": {"model": model}}}]
    for number in range(6):
        steps = int(dice.integers(1, 13))
        array = dice.standard_normal((steps, 3)).tolist() if model == SERIES else dice.integers(0, 11, steps).tolist()
        dtype = "float32" if model == SERIES else "int64"
        messages.append({"chunk": {"inputs": [{"array": array, "dtype": dtype}]}})
        if number == 3:
            messages.append({"finish": {}})
    return messages


@pytest.mark.parametrize(("model", "count"), [(PLAIN, 64), (SERIES, 16), (TAGGER, 16)])
async def test_concurrent_inference_has_the_bits_of_each_session_alone(model: str, count: int, target: Target):
    sessions = [inference_session(model, seed) for seed in range(count)]
    alone = [said(await target.call("Infer", messages)) for messages in sessions]
    assert await at_once(target, "Infer", sessions) == alone
    assert all(alone)


def generation_session(seed: int, count: int = 24) -> list[Any]:
    options = {"maxTokenCount": count, "temperature": 0.9, "topP": 0.95, "logProbabilities": True}
    config = {"config": {"seed": seed, "options": options}}
    return [config, {"prompt": {"text": f"It is {seed} "}}, {"prompt": {"text": "truths"}}, {"generate": {}}]


async def test_the_same_seed_gives_the_same_tokens_alone_and_among_32_others(target: Target):
    sessions = [generation_session(seed) for seed in range(33)]
    alone = said(await target.call("GenerateText", sessions[7]))
    assert len(alone) == 25
    among = await at_once(target, "GenerateText", sessions)
    assert among[7] == alone
    assert len({tuple(each) for each in among}) == 33, "other seeds give other texts"


async def test_where_a_prompt_is_cut_makes_no_difference(target: Target):
    def cut(*pieces: str) -> list[Any]:
        return [{"config": {"seed": 5}}, *({"prompt": {"text": piece}} for piece in pieces), {"end": {}}]

    whole = said(await target.call("GenerateText", cut("It is a truth é ½")))
    pieces = said(await target.call("GenerateText", cut("It ", "", "is a tr", "uth é", " ½")))
    # The completion names the message it answers, which comes later when there are more pieces.
    assert whole[:-1] == pieces[:-1]


async def test_the_seed_that_the_server_draws_is_told_and_gives_the_text_again(target: Target):
    messages = [{"prompt": {"text": "It is"}}, {"generate": {"options": {"maxTokenCount": 8}}}]
    first = await target.call("GenerateText", [{"config": {}}, *messages])
    seed = first.answers[0].opened.seed
    assert first.answers[-1].completion.seed == seed
    again = await target.call("GenerateText", [{"config": {"seed": seed}}, *messages])
    assert said(again) == said(first)
    other = await target.call("GenerateText", [{"config": {}}, *messages])
    assert other.answers[0].opened.seed != seed


async def test_tokens_come_one_by_one_when_idle_and_merged_when_busy(target: Target):
    """How many messages carry a text of 64 tokens: many for a session alone, fewer for each of 48."""

    async def messages_of(count: int) -> float:
        sessions = [generation_session(seed, 64) for seed in range(count)]
        answers = await asyncio.gather(*(streamed(target, "GenerateText", messages) for messages in sessions))
        return sum(map(len, answers)) / count

    idle, busy = await messages_of(1), await messages_of(48)
    assert idle > 16
    # By how much depends on how long a tick takes beside the time of merging, which the unit tests hold.
    assert busy < 0.9 * idle


async def test_a_session_goes_on_after_it_was_answered(target: Target):
    """Prompt, text, prompt, text: the second text depends on the first prompt."""

    def conversation(first: str) -> list[Any]:
        text = {"generate": {"options": {"maxTokenCount": 12, "logProbabilities": True}}}
        return [{"config": {"seed": 1}}, {"prompt": {"text": first}}, text, {"prompt": {"text": " and "}}, text]

    one = await target.call("GenerateText", conversation("It is a truth"))
    other = await target.call("GenerateText", conversation("No, it is not"))
    assert one.numbers == other.numbers == list(range(1, 27))
    assert said(one)[13:] != said(other)[13:]


async def test_repeated_messages_count_once(target: Target):
    """A client that re-sends what it has sent gets the answers of one that does not."""
    chunks = [dict(message, sequenceNumber=number) for number, message in enumerate(inference_session(PLAIN, 3)[1:], 1)]
    config = inference_session(PLAIN, 3)[0]
    end = {"end": {}, "sequenceNumber": len(chunks) + 1}
    once = await target.call("Infer", [config, *chunks, end])
    twice = await target.call("Infer", [config, *chunks[:3], *chunks[:4], chunks[0], *chunks[1:], *chunks, end])
    assert said(once) == said(twice)


async def test_a_running_score_comes_while_the_document_is_written(target: Target):
    config = {"config": {"session": {"model": SENTIMENT}}}
    found = await target.call("AnalyzeSentiment", [config, {"text": {"text": "a fine film . "}}, {"finish": {}}])
    results = [answer.result for answer in found.answers[1:]]
    assert results[-1].is_final
    assert results[-1].answer_number == 1
    for result in results:
        probabilities = {each.label: each.probability for each in result.class_probabilities}
        assert list(probabilities) == ["negative", "positive"]
        assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-6)
        assert result.label == max(probabilities, key=probabilities.__getitem__)
        assert result.score == pytest.approx(probabilities["positive"] - probabilities["negative"], abs=1e-6)
    assert results[-1].token_count == len("a fine film . "), "the start token is none of the document's"
