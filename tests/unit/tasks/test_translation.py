"""Translation through the engine: neither the sessions beside one, nor the cuts of its text, change its answers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import load_bundle
from service.engine import Engine
from service.errors import BundleError, Reason, ServiceError
from service.model import load_model
from service.offline import translate
from service.scheduler import Limits
from service.specs import decoding_of, state_specs
from service.tasks.generation import StopReason, Token
from service.tasks.inference import input_specs
from service.tasks.task import Answer, End, Finish
from service.tasks.translating import SourceText, Translation, TranslationOptions
from service.tasks.translation import TranslationTask
from tests.fakes import INLINE, Clock, converse, passes, play, running
from tests.repositories import GENERATOR, REPOSITORY, TRANSLATION

BUNDLE = load_bundle(REPOSITORY / TRANSLATION / "1")
MODEL = load_model(BUNDLE)
TASK = TranslationTask.from_bundle(BUNDLE)
GREEDY = TranslationOptions(beam_count=1)
WIDE = TranslationOptions(beam_count=4, hypothesis_count=3, attention=True, log_probabilities=True, alternative_count=2)
few = settings(max_examples=15, deadline=None)

sentences = st.text("abc é.", min_size=1, max_size=30).filter(str.strip)
options = st.builds(
    TranslationOptions,
    beam_count=st.integers(1, 6),
    length_penalty=st.sampled_from([0.0, 1.0]),
    max_token_count=st.integers(1, 24),
    attention=st.booleans(),
    alternative_count=st.integers(0, 3),
)


def engine(**changes: Any) -> Engine:
    limits = Limits(**({"max_sessions": 16} | changes))
    manifest = BUNDLE.manifest
    return Engine(
        "tiny",
        MODEL,
        inputs=input_specs(manifest),
        states=state_specs(manifest),
        decoding=decoding_of(manifest),
        limits=limits,
        pace=INLINE,
        clock=Clock(),
    )


def said(
    conversations: Sequence[tuple[TranslationOptions, Sequence[Any]]], delays: Sequence[int] = (), **limits: Any
) -> list[list[Answer]]:
    """What each of several sessions at once answers; the first ones begin after some passes of the event loop."""

    async def scene() -> list[list[Answer]]:
        tiny = engine(**limits)

        async def session(number: int, chosen: TranslationOptions, messages: Sequence[Any]) -> list[Answer]:
            await passes(delays[number] if number < len(delays) else 0)
            return await converse(tiny, TASK, chosen, messages, f"s{number}")

        async with running(tiny):
            sessions = [session(number, *each) for number, each in enumerate(conversations)]
            answers = await asyncio.gather(*sessions)
            tiny._scheduler.check_integrity()
            assert tiny.gauges.context_bytes == 0
            return answers

    return play(scene())


def conversation(*texts: str) -> list[Any]:
    return [*(message for text in texts for message in (SourceText(text), Finish())), End()]


def bits(answers: Sequence[Answer]) -> list[str]:
    """Answers with every bit of every number."""
    return [
        f"{number} {sequence_number} {item!r} "
        + " ".join(row.tobytes().hex() for each in getattr(item, "hypotheses", ()) for row in each.attention)
        for number, sequence_number, item in answers
    ]


def text_of(answers: Sequence[Answer]) -> str:
    return "".join(item.text for _, _, item in answers if isinstance(item, Token))


@few
@given(st.lists(st.tuples(options, st.lists(sentences, min_size=1, max_size=2)), min_size=2, max_size=5), st.data())
def test_a_session_among_strangers_is_answered_as_alone_bit_for_bit(crowd, data):
    """Law 2: greedy sessions and beams, short sources and long ones, whatever shares a tick."""
    rows, delays = data.draw(st.integers(1, 12)), data.draw(st.lists(st.integers(0, 60), max_size=4))
    conversations = [(chosen, conversation(*texts)) for chosen, texts in crowd]
    together = said(conversations, delays, max_batch_rows=rows)
    for one, found in zip(conversations, together, strict=True):
        (alone,) = said([one])
        assert bits(found) == bits(alone)


@few
@given(sentences, st.data())
def test_where_a_sentence_is_cut_makes_no_difference(sentence, data):
    """Law 1: and the messages that bring it have their numbers."""
    places = sorted(data.draw(st.sets(st.integers(1, len(sentence)), max_size=4)))
    pieces = [sentence[start:stop] for start, stop in zip([0, *places], [*places, None], strict=True)]
    (cut,) = said([(WIDE, [*map(SourceText, pieces), Finish(), End()])])
    (whole,) = said([(WIDE, conversation(sentence))])
    assert [repr(answer.item) for answer in cut] == [repr(answer.item) for answer in whole]
    assert {answer.sequence_number for answer in cut} == {len(pieces) + 1}


@few
@given(sentences, options)
def test_tokens_join_to_the_text_of_the_best_hypothesis_and_numbers_have_no_gaps(sentence, chosen):
    """Law 5."""
    (answers,) = said([(chosen, conversation(sentence))])
    *tokens, last = [answer.item for answer in answers]
    assert isinstance(last, Translation)
    assert text_of(answers) == last.hypotheses[0].text
    assert len(tokens) == len(last.hypotheses[0].tokens)
    assert [answer.number for answer in answers] == list(range(1, len(answers) + 1))


def test_what_is_measured_offline_is_what_the_server_answers():
    texts = ["a cab", "bac é", "cc", "a much longer sentence of many letters"] * 20
    offline = translate(BUNDLE, MODEL, texts, WIDE)
    served = said([(WIDE, conversation(*texts[:4]))])
    assert [repr(answer.item) for answer in served[0] if isinstance(answer.item, Translation)] == [
        repr(each) for each in offline[:4]
    ]
    assert [repr(each) for each in offline[:4]] == [repr(each) for each in offline[-4:]]


def test_several_sentences_on_one_stream_are_as_several_streams():
    (together,) = said([(GREEDY, conversation("abc", "b", "abc"))])
    translations = [repr(answer.item) for answer in together if isinstance(answer.item, Translation)]
    (alone,) = said([(GREEDY, conversation("abc"))])
    assert translations[0] == translations[2] == repr(alone[-1].item)


def test_an_end_ends_the_last_sentence():
    (answers,) = said([(GREEDY, [SourceText("ab"), SourceText("c"), End()])])
    (finished,) = said([(GREEDY, conversation("abc"))])
    assert [repr(answer.item) for answer in answers] == [repr(answer.item) for answer in finished]


def test_hypotheses_come_best_first_with_a_row_of_attention_for_each_token():
    (answers,) = said([(WIDE, conversation("abc é"))])
    translation = answers[-1].item
    scores = [each.score for each in translation.hypotheses]
    assert (len(scores), scores) == (3, sorted(scores, reverse=True))
    assert translation.source_tokens[:4] == ("a", "b", "c", " ")
    for each in translation.hypotheses:
        assert [len(row) for row in each.attention] == [len(translation.source_tokens)] * len(each.tokens)
        assert all(row.sum() == pytest.approx(1.0, abs=1e-5) for row in each.attention)


def test_the_limit_of_tokens_is_told_as_the_reason():
    (answers,) = said([(TranslationOptions(max_token_count=1, beam_count=2, hypothesis_count=2), conversation("é"))])
    reasons = {len(each.tokens): each.stop_reason for each in answers[-1].item.hypotheses}
    assert reasons[1] is StopReason.MAX_TOKENS
    assert set(reasons) <= {0, 1}
    assert reasons.get(0, StopReason.END_OF_TEXT) is StopReason.END_OF_TEXT


def refusal(options: TranslationOptions, messages: Sequence[Any], **limits: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        said([(options, messages)], **limits)
    return refused.value


def test_a_sentence_whose_context_has_no_room_is_refused_with_the_time_to_try_again():
    error = refusal(GREEDY, conversation("abc"), max_context_bytes=100)
    assert (error.reason, error.retry_after) == (Reason.CONTEXTS_EXHAUSTED, 1.0)


def test_a_sentence_of_many_characters_is_refused_before_it_is_cut_into_tokens():
    assert refusal(GREEDY, [SourceText("a" * 64 * 64 + "b")]).reason is Reason.TEXT_TOO_LONG
    assert refusal(GREEDY, conversation("a" * 65)).reason is Reason.TEXT_TOO_LONG


def test_as_many_beams_as_there_may_be_write_no_token_without_text():
    (answers,) = said([(TranslationOptions(beam_count=16, hypothesis_count=16), conversation("abc"))])
    hypotheses = answers[-1].item.hypotheses
    assert len(hypotheses) == len({each.text for each in hypotheses}) == 16
    assert all(-100 < each.score < 0 and len(each.text) == len(each.tokens) for each in hypotheses)


def test_pieces_without_text_are_not_kept():
    progress = TASK.begin(GREEDY)
    for number in range(5):
        TASK.accept(progress, SourceText(""), number, 0.0)
    assert progress.pieces == []


def test_several_hypotheses_follow_as_many_beams_when_nothing_was_said():
    progress = TASK.begin(TranslationOptions(hypothesis_count=5))
    assert (progress.options.beam_count, progress.options.max_token_count) == (5, 24)


def test_a_bundle_without_an_encoder_is_refused():
    with pytest.raises(BundleError) as refused:
        TranslationTask.from_bundle(load_bundle(REPOSITORY / GENERATOR / "1"))
    assert refused.value.reason is Reason.BUNDLE_MANIFEST_INVALID


def manifest(source: str, target: str) -> Any:
    said = BUNDLE.manifest.frontend.parameters | {"source_language": source, "target_language": target}
    frontend = BUNDLE.manifest.frontend.model_copy(update={"parameters": said})
    return BUNDLE.manifest.model_copy(update={"frontend": frontend, "name": f"{source}-{target}"})


MODELS = [manifest("en", "es"), manifest("en", "en-x-arpabet"), manifest("de", "es")]


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("", "", ["en-es", "de-es"]),
        ("en", "", ["en-es"]),
        ("EN-gb", "es-MX", ["en-es"]),
        ("en", "en", ["en-en-x-arpabet"]),
        ("", "es", ["en-es", "de-es"]),
    ],
)
def test_languages_find_the_model_and_sounds_are_not_meant_unless_they_are_asked_for(source, target, found):
    options = TranslationOptions(source_language=source, target_language=target)
    assert [each.name for each in options.suiting(MODELS)] == found


def test_languages_that_no_model_has_are_refused_naming_those_there_are():
    with pytest.raises(ServiceError, match="de to es, en to en-x-arpabet, en to es") as refused:
        TranslationOptions(source_language="es").suiting(MODELS)
    assert refused.value.reason is Reason.LANGUAGE_UNKNOWN
