"""Text generation: the same seed gives the same text, however it is asked for and whoever else is served."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Reason, ServiceError
from service.scheduler import Limits
from service.tasks.generation import (
    Completion,
    Generate,
    GenerationOptions,
    Prompt,
    SessionOptions,
    StopReason,
    Token,
)
from service.tasks.sampling import Dice, Draw, Sampling, choose, log_softmax
from service.tasks.task import Answer, End
from service.tasks.text_generation import TextGeneration
from tests.fakes import Babble, converse, crowd, engine_of, letters, passes, play, running, send
from tests.strategies import few, limits, texts_in_pieces

FRONTEND = letters()
VOCABULARY = FRONTEND.vocabulary_size
GREEDY = Sampling(temperature=0.0)

prompts = st.text(alphabet="abcde .", min_size=1, max_size=20)
samplings = st.sampled_from(
    [Sampling(), GREEDY, Sampling(0.7, top_k=4), Sampling(1.5, top_p=0.8, min_p=0.1), Sampling(repetition_penalty=1.5)]
)


def task(start_token: str | None = None, **options: Any) -> TextGeneration:
    return TextGeneration(letters(start_token), input_name="tokens", output_name="logits", **options)


def options(seed: int = 0, count: int = 12, sampling: Sampling | None = None, **more: Any) -> SessionOptions:
    return SessionOptions(GenerationOptions(sampling or Sampling(), count, **more), seed)


def said(
    messages: Sequence[object],
    session: SessionOptions | None = None,
    *,
    limits: Limits | None = None,
    task: TextGeneration = task(),  # noqa: B008 - it has no state
) -> list[Answer]:
    """What one session alone answers."""

    async def scene() -> list[Answer]:
        async with running(engine_of(Babble(VOCABULARY), limits=limits)) as engine:
            return await converse(engine, task, session or options(), messages, "s")

    return play(scene())


def tokens(answers: Sequence[Answer], number: int | None = None) -> list[int]:
    """The token ids, of one message or of all."""
    kept = [answer for answer in answers if number in (None, answer.sequence_number)]
    return [answer.item.token_id for answer in kept if isinstance(answer.item, Token)]


def text(answers: Sequence[Answer]) -> str:
    return "".join(answer.item.text for answer in answers if isinstance(answer.item, Token))


def completions(answers: Sequence[Answer]) -> list[Completion]:
    return [answer.item for answer in answers if isinstance(answer.item, Completion)]


def foretold(prompt: str, count: int, sampling: Sampling, seed: int) -> list[int]:
    """The tokens of a text, drawn by hand: no batches, no state, no engine."""
    model, dice = Babble(VOCABULARY), Dice(seed)
    written = FRONTEND.encode(prompt)
    begin = len(written)
    for _ in range(count):
        uniform = dice.roll() if sampling.temperature else 0.0
        seen = np.isin(np.arange(VOCABULARY), written)
        written += choose(model.lookup(written)[None, :], [Draw(sampling, uniform, seen)])
    return written[begin:]


# One text.


@few
@given(prompt=prompts, sampling=samplings, seed=st.integers(0, 2**64 - 1), limits=limits)
def test_a_text_is_what_prompt_options_and_seed_foretell(prompt: str, sampling: Sampling, seed: int, limits: Limits):
    answers = said([Prompt(prompt), End()], options(seed, 12, sampling), limits=limits)
    assert tokens(answers) == foretold(prompt, 12, sampling, seed)
    assert completions(answers) == [Completion(StopReason.MAX_TOKENS, 12, seed)]
    assert [answer.number for answer in answers] == list(range(1, 14))


@few
@given(data=st.data(), limits=limits)
def test_the_same_seed_gives_the_same_text_whatever_else_is_in_the_batch(data: st.DataObject, limits: Limits):
    """Strangers write in the same ticks, with the same options, prompts of other lengths and other seeds."""
    sampling = data.draw(samplings)
    texts = data.draw(st.lists(prompts, min_size=2, max_size=6))
    session = options(data.draw(st.integers(0, 99)), 8, sampling)

    async def scene() -> list[list[Answer]]:
        engine = engine_of(Babble(VOCABULARY), limits=limits)
        return await crowd(engine, task(), session, [[Prompt(text), End()] for text in texts])

    together = play(scene())
    assert together == [said([Prompt(text), End()], session, limits=limits) for text in texts]


@few
@given(pieces=texts_in_pieces(prompts), limits=limits)
def test_a_prompt_in_pieces_is_the_whole_prompt(pieces: list[str], limits: Limits):
    in_pieces = said([*map(Prompt, pieces), End()], limits=limits)
    whole = said([Prompt("".join(pieces)), End()], limits=limits)
    assert tokens(in_pieces) == tokens(whole)
    assert {answer.sequence_number for answer in in_pieces} == {len(pieces) + 1}


def test_other_seeds_give_other_texts():
    texts = {text(said([Prompt("ab"), End()], options(seed))) for seed in range(5)}
    assert len(texts) == 5


def test_prompts_alone_are_not_answered():
    """The model has fed them when the text is asked for, but for the last token."""

    async def scene() -> int:
        async with running(engine_of(Babble(VOCABULARY))) as engine:
            stream = engine.open(task(), options(), "s")
            await send(engine, stream, [Prompt("abc de "), Prompt("abc ")])
            await passes()
            assert stream.outbox == []
            return stream.session.steps_done

    assert play(scene()) == len("abc de abc") - 1


# Sessions.


def test_a_session_goes_on_after_it_was_answered():
    """The second text depends on both prompts and on the first text."""
    first = foretold("abc.", 5, GREEDY, 0)
    so_far = "abc." + "".join(FRONTEND.token_text(token) for token in first)
    second = foretold(so_far + " de.", 5, GREEDY, 0)
    answers = said([Prompt("abc."), Generate(), Prompt(" de."), Generate(), End()], options(count=5, sampling=GREEDY))
    assert (tokens(answers, 2), tokens(answers, 4)) == (first, second)
    assert [answer.number for answer in answers] == list(range(1, 13))


@pytest.mark.parametrize("sampling", [GREEDY, Sampling()], ids=["greedy", "drawn"])
def test_two_texts_in_a_row_are_one_text_in_two_answers(sampling: Sampling):
    whole = said([Prompt("ab"), Generate(), End()], options(3, 10, sampling))
    halves = said([Prompt("ab"), Generate(), Generate(), End()], options(3, 5, sampling))
    assert tokens(halves, 2) + tokens(halves, 3) == tokens(whole)
    assert [completion.token_count for completion in completions(halves)] == [5, 5]


def test_a_message_can_bring_its_own_options():
    answers = said(
        [Prompt("ab"), Generate(GenerationOptions(GREEDY, 3)), Generate(), End()], options(count=5, sampling=GREEDY)
    )
    assert (len(tokens(answers, 2)), len(tokens(answers, 3))) == (3, 5)


def test_the_end_after_an_unanswered_prompt_generates_once():
    answers = said([Prompt("ab"), End()], options(count=3))
    assert [answer.sequence_number for answer in answers] == [2, 2, 2, 2]


def test_the_end_after_an_answer_generates_nothing_more():
    answers = said([Prompt("ab"), Generate(), End()], options(count=3))
    assert {answer.sequence_number for answer in answers} == {2}


def test_the_end_alone_is_answered_by_nothing():
    assert said([End()]) == []


def test_a_text_without_prompt_needs_a_start_token():
    with pytest.raises(ServiceError, match="send a prompt") as caught:
        said([Generate(), End()])
    assert caught.value.reason is Reason.PROMPT_MISSING
    assert len(tokens(said([Generate(), End()], options(count=4), task=task("<start>")))) == 4


def test_a_client_that_reads_late_gets_the_same_text():
    session = options(4, 30)
    tight = Limits(max_sessions=1, max_outbox_items=1)
    assert said([Prompt("ab"), End()], session, limits=tight) == said([Prompt("ab"), End()], session)


# How a text ends.


def test_a_stop_sequence_ends_the_text_before_it():
    whole = text(said([Prompt("ab"), End()], options(count=40)))
    stop = whole[20:23]
    place = whole.index(stop)
    answers = said([Prompt("ab"), End()], options(count=40, stop_sequences=(stop, "never")))
    assert text(answers) == whole[:place]
    (completion,) = completions(answers)
    assert (completion.stop_reason, completion.stop_sequence) == (StopReason.STOP_SEQUENCE, stop)
    drawn = foretold("ab", completion.token_count, Sampling(), 0)
    assert "".join(map(FRONTEND.token_text, drawn)).endswith(stop)


def test_what_might_have_become_a_stop_sequence_comes_out_at_the_end():
    whole = said([Prompt("ab"), End()], options(count=20))
    stop = text(whole)[-2:] + "!"
    held = said([Prompt("ab"), End()], options(count=20, stop_sequences=(stop,)))
    assert tokens(held) == tokens(whole)
    assert completions(held)[0].stop_reason is StopReason.MAX_TOKENS


def test_an_end_token_ends_the_text_and_is_no_part_of_it():
    whole = tokens(said([Prompt("ab"), End()], options(count=20)))
    end = whole[7]
    answers = said([Prompt("ab"), End()], options(count=20), task=task(end_token_ids=[end]))
    place = whole.index(end)
    assert tokens(answers) == whole[:place]
    assert completions(answers) == [Completion(StopReason.END_OF_TEXT, place + 1, 0)]


# What is told of each token.


def test_log_probabilities_are_those_of_the_model_before_any_option():
    sampling = Sampling(temperature=0.5, top_k=2, repetition_penalty=1.5)
    answers = said([Prompt("ab"), End()], options(0, 6, sampling, log_probabilities=True, alternative_count=3))
    written = FRONTEND.encode("ab")
    for answer in answers[:-1]:
        expected = log_softmax(Babble(VOCABULARY).lookup(written)[None, :])[0]
        token = answer.item
        assert token.log_probability == expected[token.token_id]
        best = np.argsort(-expected, kind="stable")[:3].tolist()
        assert [(other.token_id, other.log_probability) for other in token.alternatives] == [
            (place, expected[place]) for place in best
        ]
        assert [other.text for other in token.alternatives] == [FRONTEND.token_text(place) for place in best]
        written.append(token.token_id)


def test_nothing_is_told_that_was_not_asked_for():
    answers = said([Prompt("ab"), End()], options(count=2))
    assert [(a.item.log_probability, a.item.alternatives) for a in answers[:-1]] == [(None, ()), (None, ())]


# What is refused.


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("max_token_count", GenerationOptions(max_token_count=0)),
        ("max_token_count", GenerationOptions(max_token_count=301)),
        ("alternative_count", GenerationOptions(alternative_count=-1)),
        ("alternative_count", GenerationOptions(alternative_count=21)),
        ("stop_sequences", GenerationOptions(stop_sequences=("",))),
        ("stop_sequences", GenerationOptions(stop_sequences=("x" * 257,))),
        ("stop_sequences", GenerationOptions(stop_sequences=("x",) * 17)),
        ("top_k", GenerationOptions(Sampling(top_k=VOCABULARY + 1))),
        ("temperature", GenerationOptions(Sampling(temperature=math.inf))),
    ],
)
def test_options_out_of_range_are_refused_in_the_config_and_in_a_message(field: str, wrong: GenerationOptions):
    bounded = task(max_token_count=300)
    with pytest.raises(ServiceError) as at_begin:
        bounded.begin(SessionOptions(wrong))
    with pytest.raises(ServiceError) as at_message:
        said([Prompt("ab"), Generate(wrong)], options(count=5), task=bounded)
    for caught, where in ((at_begin, "config"), (at_message, "generate")):
        assert caught.value.reason is Reason.OPTION_OUT_OF_RANGE
        assert caught.value.violations[0].field == f"{where}.options.{field}"


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused_before_it_can_harm_a_tick(seed: int):
    with pytest.raises(ServiceError) as caught:
        task().begin(options(seed))
    assert caught.value.violations[0].field == "config.seed"


def test_a_prompt_over_the_limit_is_refused():
    with pytest.raises(ServiceError, match="send it in pieces") as caught:
        said([Prompt("a" * 11)], task=task(max_characters=10))
    assert caught.value.reason is Reason.TEXT_TOO_LONG
    said([Prompt("a" * 10), Prompt("a" * 10), End()], options(count=1), task=task(max_characters=10))


def test_a_bad_message_behind_a_text_loses_nothing_of_it():
    """The error waits until the text before it is complete."""

    async def scene() -> list[int]:
        async with running(engine_of(Babble(VOCABULARY))) as engine:
            stream = engine.open(task(max_characters=10), options(count=5), "s")
            await send(engine, stream, [Prompt("ab"), Generate(), Prompt("a" * 11)])
            collected: list[Answer] = []
            while len(collected) < 6:
                collected += await stream.answers()
            with pytest.raises(ServiceError):
                await stream.answers()
            return tokens(collected)

    assert play(scene()) == foretold("ab", 5, Sampling(), 0)
