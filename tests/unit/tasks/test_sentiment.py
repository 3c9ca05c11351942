"""Sentiment: a running result while text comes in, a final one for each document, the same for every cut."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Reason, ServiceError
from service.scheduler import Limits
from service.tasks.sampling import log_softmax
from service.tasks.sentiment import Sentiment, SentimentAnalysis, SentimentOptions, Text
from service.tasks.task import Answer, End, Finish
from tests.fakes import Babble, crowd, engine_of, letters, play, read, running, send
from tests.strategies import few, limits, texts_in_pieces

LABELS = ("negative", "neutral", "positive")
FRONTEND = letters()

documents = st.text(alphabet="abcde .", min_size=1, max_size=20)


def task(start_token: str | None = None, **options: Any) -> SentimentAnalysis:
    return SentimentAnalysis(letters(start_token), input_name="tokens", output_name="logits", labels=LABELS, **options)


def model() -> Babble:
    return Babble(FRONTEND.vocabulary_size, classes=len(LABELS))


def together(
    conversations: Sequence[Sequence[object]],
    *,
    interim: bool = False,
    limits: Limits | None = None,
    task: SentimentAnalysis = task(),  # noqa: B008 - it has no state
) -> list[list[Answer]]:
    """What several sessions answer that run at once."""
    return play(crowd(engine_of(model(), limits=limits), task, SentimentOptions(interim), conversations))


def said(messages: Sequence[object], **settings: Any) -> list[Answer]:
    return together([messages], **settings)[0]


def foretold(document: str, start: tuple[int, ...] = ()) -> tuple[float, ...]:
    """The probabilities after a document, by hand."""
    logits = model().lookup([*start, *FRONTEND.encode(document)])
    return tuple(np.exp(log_softmax(logits[None, :]))[0].tolist())


@few
@given(pieces=texts_in_pieces(documents), limits=limits)
def test_the_final_result_is_that_of_the_whole_document_whatever_its_cut(pieces: list[str], limits: Limits):
    document = "".join(pieces)
    (answer,) = said([*map(Text, pieces), Finish(), End()], limits=limits)
    assert answer == Answer(
        1, len(pieces) + 1, Sentiment(LABELS, foretold(document), len(FRONTEND.encode(document)), final=True)
    )


@few
@given(texts=st.lists(texts_in_pieces(documents), min_size=2, max_size=5), limits=limits)
def test_strangers_change_nothing(texts: list[list[str]], limits: Limits):
    conversations = [[*map(Text, pieces), End()] for pieces in texts]
    assert together(conversations, limits=limits) == [said(messages) for messages in conversations]


@few
@given(texts=st.lists(documents, min_size=1, max_size=4), limits=limits)
def test_a_document_after_another_is_as_in_a_fresh_session(texts: list[str], limits: Limits):
    messages = [message for text in texts for message in (Text(text), Finish())]
    answers = said([*messages, End()], limits=limits)
    assert [answer.number for answer in answers] == list(range(1, len(texts) + 1))
    for answer, text in zip(answers, texts, strict=True):
        (alone,) = said([Text(text), Finish(), End()])
        assert answer.item == alone.item


async def test_a_running_result_follows_each_piece_that_completes_a_word():
    async with running(engine_of(model())) as engine:
        stream = engine.open(task(), SentimentOptions(), "s")
        found = []
        for piece in ("ab c", "d e"):
            await send(engine, stream, [Text(piece)])
            (answer,) = await stream.answers()
            found.append((answer.number, answer.item.token_count, answer.item.probabilities, answer.item.final))
        assert found == [(0, 2, foretold("ab"), False), (0, 5, foretold("ab cd"), False)]
        await send(engine, stream, [End()])
        (answer,) = await stream.answers()
        assert (answer.number, answer.item.probabilities) == (1, foretold("ab cd e"))


async def test_a_piece_within_a_word_changes_nothing_yet():
    async with running(engine_of(model())) as engine:
        stream = engine.open(task(), SentimentOptions(), "s")
        await send(engine, stream, [Text("a"), Text("b"), Text("c"), End()])
        (answer,) = await read(stream)
        assert (answer.item.final, answer.item.token_count) == (True, 3)


async def test_running_results_that_nobody_read_make_way_for_newer_ones():
    async with running(engine_of(model(), limits=Limits(max_sessions=1, max_chunk_steps=1))) as engine:
        stream = engine.open(task(), SentimentOptions(), "s")
        await send(engine, stream, [*(Text("ab ") for _ in range(30)), End()])
        while engine.gauges.active_sessions:
            await engine.drained(5.0)
        answers = await read(stream)
        assert [answer.item.final for answer in answers] == [False, True]
        assert answers[1].item.probabilities == foretold("ab " * 30)


def test_running_results_come_only_if_wanted():
    assert [answer.item.final for answer in said([Text("ab cd "), End()], interim=False)] == [True]


def test_the_end_finishes_the_last_document():
    assert [answer[:2] for answer in said([Text("ab"), Finish(), Text("cd"), End()])] == [(1, 2), (2, 4)]


def test_the_end_right_after_a_document_adds_nothing():
    assert [answer[:2] for answer in said([Text("ab"), Finish(), End()])] == [(1, 2)]


def test_the_end_alone_is_answered_by_nothing():
    assert said([End()]) == []


@pytest.mark.parametrize("messages", [[Finish()], [Text(""), Finish()], [Text("ab"), Finish(), Finish()]])
def test_an_empty_document_is_refused(messages: list[object]):
    with pytest.raises(ServiceError, match="send text first") as caught:
        said(messages)
    assert caught.value.reason is Reason.TEXT_EMPTY


def test_a_text_over_the_limit_is_refused():
    with pytest.raises(ServiceError, match="send it in pieces") as caught:
        said([Text("a" * 11)], task=task(max_characters=10))
    assert caught.value.reason is Reason.TEXT_TOO_LONG
    assert len(said([Text("a" * 10), Text("a" * 10), End()], task=task(max_characters=10))) == 1


def test_each_document_begins_with_the_start_token_and_no_piece_of_it_does():
    document = [Text("ab "), Text("cd")]
    answers = said([*document, Finish(), *document, End()], task=task("<start>"))
    assert [answer.item.probabilities for answer in answers] == [foretold("ab cd", start=(0,))] * 2


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [((1.0, 0.0, 0.0), -1.0), ((0.0, 1.0, 0.0), 0.0), ((0.0, 0.0, 1.0), 1.0), ((0.25, 0.75), 0.5), ((1.0,), 0.0)],
)
def test_the_score_counts_classes_as_evenly_spaced(probabilities: tuple[float, ...], score: float):
    assert Sentiment(LABELS, probabilities, 1, True).score == pytest.approx(score)
