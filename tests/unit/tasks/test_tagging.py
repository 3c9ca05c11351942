"""Tagging: one tag for each word, in order, whatever the cuts and the neighbours, once enough words are known."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.errors import Reason, ServiceError
from service.frontends.words import FEATURES, WordFrontend
from service.scheduler import Limits
from service.session import Segment
from service.state import StateSpec
from service.tasks.entities import Span, best_path, marks_runs, spans
from service.tasks.tagging import Entity, Head, Tag, TaggedSentence, Tagging, TaggingOptions, Words
from service.tasks.task import Answer, End, Finish, Turn
from tests.fakes import crowd, engine_of, play
from tests.strategies import cuts, few, limits

WORDS = ("a", "be", "cat", "dog", "eel", "fly")
LABELS = ("O", "B-X", "I-X", "B-Y")
FRONTEND = WordFrontend(dict.fromkeys(FEATURES, ()) | {"word": WORDS})
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12)


class Parrot:
    """A tagger that learned nothing: head `tags_k` names the label of the word k steps back, by its place in WORDS."""

    def __init__(self, waits: int = 3) -> None:
        self.inputs = (InputSpec("inputs", (len(FEATURES),), "int64"),)
        self.states = (StateSpec("past", (waits,), "int64"),)
        self._waits = waits

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        words = inputs["inputs"][:, :, 0]  # [batch, time]
        past = state["past"].copy()  # [batch, waits], the latest first
        outputs = {f"tags_{k}": np.full((*words.shape, len(LABELS)), np.nan, np.float32) for k in range(self._waits)}
        for step in range(words.shape[1]):
            valid = step < lengths
            past[valid] = np.concatenate([words[valid, step : step + 1], past[valid, :-1]], axis=1)
            for wait, logits in enumerate(outputs.values()):
                logits[valid, step] = -np.abs(np.arange(len(LABELS)) - past[valid, wait : wait + 1] % len(LABELS))
        return outputs, {"past": past}


def task() -> Tagging:
    heads = [Head(f"tags_{wait}", wait, LABELS) for wait in range(3)]
    return Tagging(FRONTEND, input_name="inputs", heads=heads)


def label(word: str) -> str:
    return LABELS[(2 + WORDS.index(word)) % len(LABELS)]


def said(
    conversations: Sequence[Sequence[object]], options: TaggingOptions | None = None, limits: Limits | None = None
) -> list[list[Answer]]:
    engine = engine_of(Parrot(), limits=limits)
    return play(crowd(engine, task(), options or TaggingOptions(), conversations))


def tags(answers: Sequence[Answer]) -> list[Tag]:
    return [item for _, _, item in answers if isinstance(item, Tag)]


@few
@given(data=st.data(), crowd=st.lists(sentences, min_size=1, max_size=4), wait=st.integers(0, 2), limits=limits)
def test_every_word_gets_its_tag_in_order_whatever_the_cuts_the_wait_and_the_neighbours(data, crowd, wait, limits):
    conversations = []
    for words in crowd:
        places = [0, *data.draw(cuts(len(words))), len(words)]
        pieces = [words[start:stop] for start, stop in pairwise(places)]
        conversations.append([*(Words(tuple(piece)) for piece in pieces), Finish(), End()])
    for words, answers in zip(crowd, said(conversations, TaggingOptions(wait), limits), strict=True):
        found = tags(answers)
        assert [(tag.word_number, tag.word, tag.label) for tag in found] == [
            (number, word, label(word)) for number, word in enumerate(words)
        ]
        assert [answer.number for answer in answers] == list(range(1, len(words) + 2))
        assert answers[-1].item.word_count == len(words)


def test_a_tag_answers_the_message_that_brought_its_word():
    (answers,) = said([[Words(("a", "be")), Words(("cat",)), Finish(), End()]])
    assert [answer.sequence_number for answer in answers] == [1, 1, 2, 3]


def test_a_sentence_begins_anew_behind_a_finish():
    (answers,) = said([[Words(("a", "be")), Finish(), Words(("cat",)), End()]])
    assert [tag.word_number for tag in tags(answers)] == [0, 1, 0]
    assert [tag.label for tag in tags(answers)] == [label("a"), label("be"), label("cat")]
    assert [answer.item.word_count for answer in answers if isinstance(answer.item, TaggedSentence)] == [2, 1]


def test_without_look_ahead_a_word_is_tagged_at_once_and_with_it_when_the_words_behind_it_are_there():
    session = [Words(("a",)), Words(("be",)), Words(("cat",)), End()]
    for wait, expected in ((0, [1, 2, 3]), (2, [3, 4, 4])):
        when: list[int] = []
        worker, progress = task(), task().begin(TaggingOptions(wait))
        model, state = Parrot(), {"past": np.zeros((1, 3), np.int64)}
        for number, message in enumerate(session, 1):
            chunk = worker.accept(progress, message, number, 0.0)
            outputs: dict = {}
            if chunk.steps:
                inputs = {"inputs": chunk.inputs["inputs"][None]}
                outputs, state = model.run(inputs, np.array([chunk.steps]), state)
            (reaction,) = worker.react([Turn(progress, 0, chunk.steps, (Segment(chunk, 0, chunk.steps),))], outputs, 0)
            when += [number for item in reaction.items if isinstance(item.value, Tag)]
        assert when == expected


def test_the_likeliest_labels_are_told_best_first():
    (answers,) = said([[Words(("a",)), End()]], TaggingOptions(0, alternative_count=2))
    (tag,) = tags(answers)
    assert tag.alternatives[0][0] == tag.label
    assert len(tag.alternatives) == 2
    assert tag.alternatives[0][1] == tag.probability > tag.alternatives[1][1] > 0


def test_runs_of_words_are_found_at_the_end_of_the_sentence():
    (answers,) = said([[Words(("a", "fly", "be", "eel")), End()]])  # I-X, B-Y (3 + 2) … by the places in WORDS
    labels = [tag.label for tag in tags(answers)]
    entities = answers[-1].item.entities
    assert [(each.label, each.start, len(each.words)) for each in entities] == [
        (span.label, span.start, span.stop - span.start) for span in spans(labels)
    ]
    assert all(isinstance(each, Entity) and 0 < each.probability <= 1 for each in entities)


@pytest.mark.parametrize(
    ("message", "reason", "field"),
    [
        (Words(("",)), Reason.WORD_INVALID, "words.words[0]"),
        (Words(("a", "b" * 257)), Reason.WORD_INVALID, "words.words[1]"),
        (Words(("a b",)), Reason.WORD_INVALID, "words.words[0]"),
        (Finish(), Reason.TEXT_EMPTY, "finish"),
        (Words(("a",) * 100_000), Reason.TEXT_TOO_LONG, "words.words"),
    ],
)
def test_bad_input_has_a_stable_reason(message, reason, field):
    worker = task()
    progress = worker.begin(TaggingOptions())
    with pytest.raises(ServiceError) as caught:
        worker.accept(progress, message, 1, 0.0)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, field)


@pytest.mark.parametrize("options", [TaggingOptions(3), TaggingOptions(None, 21)])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ServiceError) as caught:
        task().begin(options)
    assert caught.value.reason is Reason.OPTION_OUT_OF_RANGE


def test_a_stream_without_words_ends_without_answers():
    assert said([[End()]]) == [[]]


def test_spans_of_iob2():
    assert spans(["O", "B-X", "I-X", "B-X", "O", "I-Y", "B-Z"]) == [
        Span("X", 1, 3),
        Span("X", 3, 4),
        Span("Y", 5, 6),
        Span("Z", 6, 7),
    ]
    assert spans(["B-X", "I-Y"]) == [Span("X", 0, 1), Span("Y", 1, 2)]
    assert spans([]) == []
    assert marks_runs(LABELS)
    assert not marks_runs(("nn", "vb"))


@few
@given(st.integers(1, 5), st.integers(0, 1000))
def test_the_best_path_is_that_of_trying_all(words: int, seed: int):
    dice = np.random.default_rng(seed)
    scores, transitions = dice.normal(size=(words, 3)), dice.normal(size=(4, 3))

    def total(path: tuple[int, ...]) -> float:
        steps = sum(transitions[a, b] for a, b in pairwise(path))
        return float(transitions[-1, path[0]] + steps + sum(scores[n, p] for n, p in enumerate(path)))

    best = max(np.ndindex(*[3] * words), key=total)
    assert tuple(best_path(scores, transitions)) == best
