"""A session alone, driven without a server: every message answered, documents apart, chunks as the task makes them."""

from functools import cache

import pytest

from service.bundle import Bundle, load_bundle
from service.errors import Reason, ServiceError
from service.model import Model, load_model
from service.tasks.generation import Completion, GenerationOptions, Prompt, SessionOptions
from service.tasks.sentiment import SentimentAnalysis, SentimentOptions, Text
from service.tasks.task import Finish
from service.tasks.text_generation import TextGeneration
from tests.repositories import GENERATOR, REPOSITORY, SENTIMENT
from training.alone import answers_alone


@cache
def shipped(name: str) -> tuple[Bundle, Model]:
    bundle = load_bundle(REPOSITORY / name / "1")
    return bundle, load_model(bundle)


def reading(*messages: object, interim: bool = False, limit: int = 100) -> list:
    bundle, model = shipped(SENTIMENT)
    return answers_alone(model, SentimentAnalysis.from_bundle(bundle, limit), SentimentOptions(interim), messages)


def test_each_document_is_answered_as_if_it_came_alone_and_running_results_are_left_out():
    finals = reading(Text("a fine film"), Finish(), Text("a bad "), Text("one"), interim=True)
    assert finals == [*reading(Text("a fine film")), *reading(Text("a bad one"))]
    assert all(final.final for final in finals)


def test_a_text_goes_on_by_itself_until_it_ends():
    bundle, model = shipped(GENERATOR)
    task = TextGeneration.from_bundle(bundle, 100)
    options = SessionOptions(GenerationOptions(max_token_count=5), seed=3)
    *tokens, end = answers_alone(model, task, options, [Prompt("It is "), Prompt("a")])
    assert len(tokens) == 5
    assert isinstance(end, Completion)
    assert [*tokens, end] == answers_alone(model, task, options, [Prompt("It is a")])


def test_what_the_server_would_refuse_is_refused():
    with pytest.raises(ServiceError) as refused:
        reading(Text("too long"), limit=3)
    assert refused.value.reason == Reason.TEXT_TOO_LONG
