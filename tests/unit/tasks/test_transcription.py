"""Speech: transcripts and events are those of the audio, whatever its cuts, ticks and neighbours."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.errors import BundleError, Reason, ServiceError
from service.frontends.audio import STEP_SAMPLES, Encoding
from service.session import Segment
from service.state import StateSpec
from service.tasks.listening import SpeechEvent, Transcript
from service.tasks.task import End, Finish, Turn
from service.tasks.transcription import Audio, Pauses, SpeechModel, Transcription, TranscriptionOptions
from tests.fakes import crowd, engine_of, play
from tests.repositories import SPEECH, copy_bundle, edit_manifest
from tests.strategies import cuts, few, limits

TOKENS = ("", " ", "a", "b", "n", "o", "e", "t", "w")
LETTERS = "." + "".join(TOKENS)
"""A step of a test is a letter: the token it stands for; the point is the blank, and so is silence."""
STEP = STEP_SAMPLES
PLAIN = TranscriptionOptions(16000, interim=False)
PAUSES = TranscriptionOptions(16000, interim=False, pauses=Pauses(silence=0.15, longest=1.0))


class Spelling:
    """Says of each step the token that its first sample stands for, the surer the more steps came before: a state that
    is not begun anew is found out. Samples that stand for no token are as good as two of them.
    """

    inputs = (InputSpec("samples", (STEP,), "float32"),)
    states = (StateSpec("count", (1,), "float32"),)

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        values = inputs["samples"][..., 0] * 100  # [batch, time]
        near = np.maximum(1.0 - np.abs(values[..., None] - np.arange(len(TOKENS))), 0.0)
        count = state["count"] + np.arange(1, values.shape[1] + 1)
        logits = near * (8.0 + 0.1 * (count % 7))[..., None]
        behind = np.arange(values.shape[1]) >= lengths[:, None]
        logits = np.where(behind[..., None], np.nan, logits).astype(np.float32)
        return {"logits": logits}, {"count": (state["count"] + lengths[:, None]).astype(np.float32)}


def task(words=(), beam_count=8):
    return Transcription(SpeechModel("samples", "logits", TOKENS, tuple(words), beam_count))


def recorded(text, between=0.0):
    """Samples of a text, one step for each letter."""
    values = np.array([LETTERS.index(letter) for letter in text], np.float32)
    steps = np.zeros((len(text), STEP), np.float32)
    steps[:, 0] = (values + between) / 100
    return steps.ravel()


def audio(text, between=0.0):
    return Audio(recorded(text, between).astype("<f4").tobytes())


def float32(options):
    return TranscriptionOptions(
        **{name: getattr(options, name) for name in options.__slots__} | {"encoding": Encoding.FLOAT32}
    )


def said(conversations, options=PLAIN, *, limits=None, of=None):
    return play(crowd(engine_of(Spelling(), limits=limits), of or task(), float32(options), conversations))


def settled(answers):
    return [(answer.number, answer.item) for answer in answers if answer.number]


def texts(answers):
    return [each.item.readings[0].text for each in answers if isinstance(each.item, Transcript) and each.item.final]


def events(answers):
    return [(each.item.kind, each.item.offset / STEP) for each in answers if isinstance(each.item, SpeechEvent)]


speech = st.lists(st.sampled_from(["one", "two", " ", "....", "........", "n.n", "C"]), min_size=1, max_size=8)


def sounds(parts, between):
    """Samples of these parts; C is a clipped step."""
    samples = recorded("".join(parts).replace("C", "."), between).reshape(-1, STEP)
    for place, letter in enumerate("".join(parts)):
        if letter == "C":
            samples[place, 100:110] = 1.0
    return samples.ravel()


@few
@given(
    data=st.data(),
    crowded=st.lists(st.tuples(speech, st.sampled_from([0.0, 0.4])), min_size=1, max_size=3),
    options=st.sampled_from([PLAIN, PAUSES, TranscriptionOptions(16000, interim=False, words=True, alternatives=3)]),
    words=st.sampled_from([(), ("one", "two", "no")]),
    limits=limits,
)
def test_numbered_answers_do_not_depend_on_cuts_ticks_and_neighbours(data, crowded, options, words, limits):
    conversations, alone = [], []
    for parts, between in crowded:
        samples = sounds(parts, between)
        places = [0, *data.draw(cuts(len(samples))), len(samples)]
        pieces = [Audio(samples[start:stop].tobytes()) for start, stop in pairwise(places)]
        whole = Audio(samples.tobytes())
        conversations.append([*pieces, Finish(), *pieces, End()])
        alone.append(said([[whole, Finish(), whole, End()]], options, of=task(words))[0])
    found = said(conversations, options, limits=limits, of=task(words))
    assert [settled(answers) for answers in found] == [settled(answers) for answers in alone]


def test_an_utterance_is_all_that_is_sent_up_to_a_finish_and_time_goes_on():
    (answers,) = said([[audio("one"), audio(" two"), Finish(), audio(".no"), End()]])
    assert texts(answers) == ["one two", "no"]
    finals = [each for each in answers if isinstance(each.item, Transcript)]
    assert [(each.item.start / STEP, each.item.stop / STEP) for each in finals] == [(0, 7), (7, 10)]
    assert [each.sequence_number for each in finals] == [3, 5]
    assert events(answers) == [("started", 0), ("ended", 7), ("started", 8), ("ended", 10)]
    assert [each.number for each in answers] == [1, 2, 3, 4, 5, 6]


def test_pauses_end_utterances_and_silence_alone_is_none():
    (answers,) = said([[audio("." * 20 + "one" + "." * 20 + "two" + "." * 30), End()]], PAUSES)
    assert texts(answers) == ["one", "two"]
    assert events(answers) == [("started", 20), ("ended", 23), ("started", 43), ("ended", 46)]
    finals = [each.item for each in answers if isinstance(each.item, Transcript)]
    assert [(each.start / STEP, each.stop / STEP) for each in finals] == [(20, 28), (43, 51)]
    (silence,) = said([[audio("." * 50), End()]], PAUSES)
    assert silence == []


def test_a_pause_ends_nothing_unless_it_is_asked_for():
    (answers,) = said([[audio("one" + "." * 100 + " two"), End()]])
    assert texts(answers) == ["one two"]
    assert events(answers) == [("started", 0), ("ended", 3), ("started", 104), ("ended", 107)]


def test_an_endpoint_leaves_the_state_as_it_is_and_a_finish_begins_anew():
    """How sure the network is tells how many steps it has seen."""
    utterance = "n" + "." * 9
    (paused,) = said([[audio(utterance), audio(utterance), End()]], PAUSES)
    (finished,) = said([[audio(utterance), Finish(), audio(utterance), End()]], PLAIN)
    sure = [
        [each.item.readings[0].confidence for each in answers if isinstance(each.item, Transcript)]
        for answers in (paused, finished)
    ]
    assert sure[0][0] != sure[0][1]
    assert sure[1][0] == sure[1][1]


def test_an_utterance_that_does_not_end_is_cut():
    (answers,) = said([[audio("ab" * 40), End()]], PAUSES)
    finals = [each.item for each in answers if isinstance(each.item, Transcript)]
    assert [(each.start / STEP, each.stop / STEP) for each in finals] == [(0, 34), (34, 68), (68, 80)]
    assert "".join(texts(answers)) == "ab" * 40
    assert events(answers) == [("started", 0), ("ended", 80)]


def test_a_finish_is_always_answered_and_an_end_when_there_is_something():
    assert texts(said([[Finish(), audio("."), Finish(), End()]])[0]) == ["", ""]
    assert texts(said([[Finish(), End()]], PAUSES)[0]) == [""]
    assert texts(said([[audio("."), End()]])[0]) == [""]
    assert said([[End()]])[0] == []
    assert texts(said([[audio("no"), End()]], PAUSES)[0]) == ["no"]


def step_by_step(messages, options, *, kept=False):
    """The items that follow each message when all before it has run."""
    model, listening = Spelling(), task()
    progress, state = listening.begin(float32(options)), {"count": np.zeros((1, 1), np.float32)}
    items = []
    for number, message in enumerate(messages, start=1):
        progress = listening.plain.decode(listening.plain.encode(progress)) if kept else progress
        chunk = listening.accept(progress, message, number, 0.0)
        outputs = {}
        if chunk.steps:
            outputs, state = model.run({"samples": chunk.inputs["samples"][None]}, np.array([chunk.steps]), state)
        turn = Turn(progress, 0, chunk.steps, (Segment(chunk, 0, chunk.steps),))
        items.append(listening.react([turn], outputs, 0.0)[0].items)
    return items


def test_interim_results_come_when_something_is_new_and_are_not_numbered():
    options = TranscriptionOptions(16000, words=True)
    items = step_by_step([audio("."), audio("on"), audio(".."), audio("e"), audio("a", 0.5), End()], options)
    interim = [[each.value for each in told if each.interim] for told in items]
    assert [len(told) for told in interim] == [0, 1, 0, 1, 1, 0]
    assert [told[0].readings[0].text for told in interim if told][:2] == ["on", "one"]
    sure, unsure = interim[3][0], interim[4][0]
    assert not sure.final
    assert (sure.start / STEP, sure.stop / STEP) == (0, 6)
    assert unsure.stability < 0.6 < 0.9 < sure.stability <= 1
    assert [word.text for word in unsure.readings[0].words] == [unsure.readings[0].text]
    silent = TranscriptionOptions(16000, interim=False)
    assert not any(each.interim for told in step_by_step([audio("on"), End()], silent) for each in told)


def test_a_session_that_was_kept_between_any_two_messages_answers_the_same():
    options = TranscriptionOptions(16000, words=True, pauses=Pauses(silence=0.15), phrases=("one", "two", "no one"))
    messages = [audio("on"), audio("e..." + "." * 5), audio("two", 0.4), Finish(), audio("no one"), End()]
    plain, kept = step_by_step(messages, options), step_by_step(messages, options, kept=True)
    assert plain == kept
    told = task().plain
    values = [item.value for items in plain for item in items]
    assert told.decode(told.encode(values)) == values


def test_words_have_their_times_and_a_share_of_all_that_was_likely():
    options = TranscriptionOptions(16000, interim=False, words=True, alternatives=4)
    (answers,) = said([[audio("..one.. ."), audio("..two"), audio("a", between=0.5), End()]], options)
    final = answers[-1].item
    assert [reading.text for reading in final.readings[:2]] in (["one twoa", "one twob"], ["one twob", "one twoa"])
    assert sum(reading.confidence for reading in final.readings) <= 1.0
    first, second = final.readings[0].words
    assert (first.text, first.start / STEP, first.stop / STEP) == ("one", 2, 5)
    assert (second.start / STEP, second.stop / STEP) == (11, 15)
    assert first.confidence > 0.9
    assert second.confidence == pytest.approx(final.readings[0].confidence, rel=0.1)


def test_a_word_of_the_last_step_ends_with_the_audio():
    options = TranscriptionOptions(16000, interim=False, words=True)
    (answers,) = said([[Audio(recorded("on")[: STEP + 100].tobytes()), End()]], options)
    final = answers[-1].item
    assert (final.readings[0].words[0].stop, final.stop) == (STEP + 100, STEP + 100)


def test_only_the_vocabulary_or_the_phrases_can_be_said():
    heard = [[audio("oae.twn"), End()]]
    assert texts(said(heard)[0]) == ["oaetwn"]
    assert set(texts(said(heard, of=task(["one", "two"]))[0])) <= {"", "one", "two"}
    limited = TranscriptionOptions(16000, interim=False, phrases=("no  one", "two"))
    assert texts(said([[audio("no one two"), End()]], limited)[0]) == ["no one two"]
    assert texts(said([[audio("no "), End()]], limited)[0]) == [""]


def test_the_best_path_alone_has_the_probability_of_its_tokens():
    options = TranscriptionOptions(16000, interim=False, words=True)
    (answers,) = said([[audio("on.e"), End()]], options, of=task(beam_count=1))
    (reading,) = answers[-1].item.readings
    assert reading.text == "one"
    assert 0.5 < reading.confidence == pytest.approx(reading.words[0].confidence)


def test_clipping_is_told_once_in_ten_seconds():
    samples = sounds("C.C" + "." * 400 + "C", 0.0)
    (answers,) = said([[Audio(samples[:700].tobytes()), Audio(samples[700:].tobytes()), End()]], PAUSES)
    assert events(answers) == [("clipped", 0), ("clipped", 403)]
    assert [each.sequence_number for each in answers] == [1, 2]


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("level", [0, 255])
def test_silence_and_noise_of_every_format_are_answered_with_numbers(encoding, rate, level):
    data = np.full(4 * rate // 10, level, np.uint8).tobytes() if encoding != Encoding.FLOAT32 else bytes(4 * rate // 10)
    options = TranscriptionOptions(rate, encoding, interim=False, words=True, alternatives=2)
    scene = crowd(engine_of(Spelling()), task(), options, [[Audio(data), Finish(), Audio(data), End()]])
    (answers,) = play(scene)
    finals = [each.item for each in answers if isinstance(each.item, Transcript)]
    assert len(finals) == 2
    for final in finals:
        assert all(0 <= reading.confidence <= 1 for reading in final.readings)
        assert (final.stop - final.start) * rate // 16000 == len(data) // encoding.sample_bytes


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.CHUNK_EMPTY),
        (b"abc", Reason.AUDIO_SIZE_MISMATCH),
        (bytes(4 * 60 * 16000 + 4), Reason.MESSAGE_TOO_LARGE),
        (np.array([np.nan], "<f4").tobytes(), Reason.VALUE_NOT_FINITE),
    ],
)
def test_bad_audio_has_a_stable_reason(data, reason):
    with pytest.raises(ServiceError) as caught:
        said([[Audio(data)]])
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "audio.samples")


@pytest.mark.parametrize(
    ("options", "reason", "field"),
    [
        ({"rate": None}, Reason.AUDIO_FORMAT_MISSING, "audio_format"),
        ({"rate": 0}, Reason.AUDIO_FORMAT_UNSUPPORTED, "audio_format.sample_rate_hertz"),
        ({"rate": 44100}, Reason.AUDIO_FORMAT_UNSUPPORTED, "audio_format.sample_rate_hertz"),
        ({"channels": 2}, Reason.AUDIO_FORMAT_UNSUPPORTED, "audio_format.channel_count"),
        ({"alternatives": 17}, Reason.OPTION_OUT_OF_RANGE, "alternative_count"),
        ({"pauses": Pauses(silence=0.09)}, Reason.OPTION_OUT_OF_RANGE, "endpointing.silence_duration"),
        ({"pauses": Pauses(longest=601)}, Reason.OPTION_OUT_OF_RANGE, "endpointing.max_utterance_duration"),
        ({"phrases": ("a",) * 1001}, Reason.OPTION_OUT_OF_RANGE, "phrases"),
        ({"phrases": ("a", " ")}, Reason.OPTION_OUT_OF_RANGE, "phrases[1]"),
        ({"phrases": ("a" * 101,)}, Reason.OPTION_OUT_OF_RANGE, "phrases[0]"),
        ({"phrases": ("a", "Ab")}, Reason.PHRASE_INVALID, "phrases[1]"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason, field):
    with pytest.raises(ServiceError) as caught:
        task().begin(TranscriptionOptions(**{"rate": 8000, **options}))
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, f"config.{field}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda told: told["frontend"]["parameters"].update(step_samples=160), "its frontend is"),
        (lambda told: told["heads"][0].update(kind="classes"), "a head of kind 'ctc'"),
        (lambda told: told["heads"][0]["parameters"].update(tokens=["a", " "]), "a head of kind 'ctc'"),
        (lambda told: told["task_parameters"].pop("beam_count"), "beam_count"),
        (lambda told: told["task_parameters"].update(beam_count=0), "beam_count is below 1"),
        (lambda told: told["task_parameters"].update(words=["zz"]), "cannot be spelled"),
    ],
)
def test_a_bundle_that_says_too_little_is_refused(tmp_path, change, problem):
    folder = copy_bundle(tmp_path, SPEECH)
    assert Transcription.from_bundle(load_bundle(folder)).name == "transcription"
    edit_manifest(folder, change)
    with pytest.raises(BundleError, match=problem):
        Transcription.from_bundle(load_bundle(folder))


def opened(words=(), beam_count=8):
    """Letters are words here, each opened by a space where it begins."""
    return Transcription(SpeechModel("samples", "logits", TOKENS, tuple(words), beam_count, opens=True))


def test_a_word_that_was_opened_begins_there():
    options = TranscriptionOptions(16000, interim=False, words=True)
    for words in ((), ("a", "b")):
        (answers,) = said([[audio(".. ..a. ....b..... "), End()]], options, of=opened(words))
        final = answers[-1].item
        assert final.readings[0].text == "a b"
        found = [(word.text, word.start / STEP, word.stop / STEP) for word in final.readings[0].words]
        assert found == [("a", 2, 6), ("b", 7, 13)]


def test_speech_begins_where_its_first_word_was_opened():
    (answers,) = said([[audio("." * 10 + " ..a" + "." * 10 + " ....b" + "." * 9), End()]], PAUSES, of=opened())
    assert events(answers) == [("started", 10), ("ended", 14), ("started", 24), ("ended", 30)]
    assert texts(answers) == ["a", "b"]


def test_a_space_that_opens_a_word_is_no_silence():
    heard = [[audio("a" + "." * 4 + " " + "." * 4 + "b" + "." * 9), End()]]
    assert texts(said(heard, PAUSES, of=opened())[0]) == ["a b"]
    assert texts(said(heard, PAUSES)[0]) == ["a", "b"]
