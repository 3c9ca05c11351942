"""Sessions that compose: every voice in its turn, what was told before it, and the same music among strangers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import InputSpec
from service.bundle import load_bundle
from service.errors import BundleError, Reason, ServiceError
from service.frontends.music import HOLD, VOICES, Key, Range
from service.state import StateSpec
from service.tasks.composing import (
    Compose,
    ComposedNote,
    ComposingOptions,
    Composition,
    Melody,
    MusicOptions,
    Note,
    Prime,
    StopReason,
)
from service.tasks.music import MusicComposition
from service.tasks.sampling import Sampling
from service.tasks.task import End
from tests.fakes import crowd, engine_of, play
from tests.repositories import MUSIC, REPOSITORY, SERIES
from tests.strategies import few, limits

PITCHES = Range(40, 80)
TASK = MusicComposition(PITCHES, input_name="steps", output_name="logits")
COLUMNS = len(PITCHES.column_sizes())


class Echo:
    """A network whose scores are made from all it has read, so that a step that is lost or changed is heard."""

    inputs = (InputSpec("steps", (COLUMNS,), "int64"),)
    states = (StateSpec("seen", (), "int64"),)

    def run(self, inputs: Mapping[str, Any], lengths: Any, state: Mapping[str, Any]) -> tuple[dict, dict]:
        weighed = inputs["steps"] @ np.arange(1, COLUMNS + 1)  # [batch, time]
        valid = np.arange(weighed.shape[1]) < lengths[:, None]
        seen = state["seen"][:, None] + np.cumsum(np.where(valid, weighed, 0), axis=1)
        scores = (seen[..., None] * np.arange(1, PITCHES.tokens + 1)) % 17 / 4.0
        scores[..., HOLD] += 2.0
        return {"logits": np.where(valid[..., None], scores, np.nan).astype(np.float32)}, {"seen": seen[:, -1]}


def options(quarters=1.0, *, key=None, temperature=1.0, seed=7, told=False):
    return MusicOptions(ComposingOptions(quarters, Sampling(temperature), told), seed, key)


def composed(messages, said=None, **engine):
    (answers,) = play(crowd(engine_of(Echo(), **engine), TASK, said or options(), [messages]))
    return [answer.item for answer in answers]


def notes_of(items):
    return [item.note for item in items if isinstance(item, ComposedNote)]


def sounding(notes, frames):
    """What every voice sounds, [frames, VOICES], 0 for silence."""
    found = np.zeros((frames, VOICES), int)
    for note in notes:
        start, end = round(4 * note.start), round(4 * (note.start + note.length))
        assert not found[start:end, note.voice].any(), "notes of a voice overlap"
        found[start:end, note.voice] = note.pitch
    return found


C_TO_E = (Note(0, 60, 0.0, 1.0), Note(3, 52, 0.0, 2.0), Note(0, 64, 1.0, 1.0))


def test_music_is_as_long_as_was_asked_and_ends_with_what_was_made():
    *notes, done = composed([Compose(), End()], options(2.0))
    assert done == Composition(StopReason.MAX_COUNT, len(notes), 2.0, 7, 80.0)
    assert sounding(notes_of(notes), 8).shape == (8, VOICES)
    assert max(each.note.start + each.note.length for each in notes) <= 2.0


def test_notes_come_in_the_order_of_their_end():
    ends = [note.start + note.length for note in notes_of(composed([Compose(), End()], options(4.0)))]
    assert ends == sorted(ends)


def test_a_seed_gives_the_same_music_and_another_one_other_music():
    first, second, other = (composed([Compose(), End()], options(4.0, seed=seed)) for seed in (7, 7, 8))
    assert first == second != other


def test_a_key_moves_all_notes_alike():
    in_c, in_g = (notes_of(composed([Compose(), End()], options(2.0, key=Key(tonic, False)))) for tonic in (0, 7))
    assert [note._replace(pitch=note.pitch - 5) for note in in_c] == in_g


def test_music_goes_on_behind_the_notes_that_were_told():
    *notes, done = composed([Prime(C_TO_E), Compose(), End()])
    assert min(note.start for note in notes_of(notes)) == 2.0
    assert done.end == 3.0
    said = composed([Prime(C_TO_E), Compose(), Compose(), End()])
    assert [each.end for each in said if isinstance(each, Composition)] == [3.0, 4.0]


def test_notes_told_in_one_message_or_several_are_the_same_music():
    one = composed([Prime(C_TO_E), Compose(), End()])
    several = composed([Prime(C_TO_E[:1]), Prime(C_TO_E[1:2]), Prime(C_TO_E[2:]), Compose(), End()])
    assert one == several


def test_a_melody_is_kept_and_the_others_are_added_up_to_its_end():
    melody = Melody((Note(0, 60, 0.0, 1.5), Note(0, 62, 2.0, 1.0)))
    *notes, done = composed([melody, Compose(), End()], options(32.0))
    assert {note.voice for note in notes_of(notes)} <= {1, 2, 3}
    assert (done.stop_reason, done.end) == (StopReason.END_OF_MELODY, 3.0)
    other = Melody((Note(0, 60, 0.0, 1.5), Note(0, 65, 2.0, 1.0)))
    assert notes_of(composed([other, Compose(), End()], options(32.0))) != notes_of(notes)


def test_the_end_answers_notes_that_nobody_asked_about():
    *_, done = composed([Prime(C_TO_E), End()])
    assert done.end == 3.0
    assert composed([End()]) == []


def test_the_key_is_that_of_the_notes_when_none_is_given():
    scale = [Note(0, pitch, float(place), 1.0) for place, pitch in enumerate((57, 59, 61, 62, 64, 66, 68, 69, 64, 57))]
    progress = TASK.begin(options())
    TASK.accept(progress, Prime(tuple(scale)), 1, 0.0)
    TASK.accept(progress, Compose(), 2, 0.0)
    assert progress.key == Key(9, minor=False)


def test_the_log_probability_of_a_note_is_that_of_its_begin_and_of_all_it_is_held():
    """Greedy music, whose every step can be asked again."""
    items = composed([Compose(), End()], options(1.0, temperature=0.0, told=True))
    assert all(item.log_probability < 0 for item in items if isinstance(item, ComposedNote))
    assert all(
        item.log_probability is None
        for item in composed([Compose(), End()], options(1.0, temperature=0.0))
        if isinstance(item, ComposedNote)
    )


def test_a_tempo_holds_until_another_is_given():
    said = [Compose(tempo=120.0), Compose(), Compose(tempo=60.0), End()]
    assert [item.tempo for item in composed(said) if isinstance(item, Composition)] == [120.0, 120.0, 60.0]


conversations = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([(), (Prime(C_TO_E),), (Melody((Note(0, 60, 0.0, 0.75),)),)])),
    min_size=1,
    max_size=4,
)


@few
@given(sessions=conversations, limits=limits)
def test_music_is_the_same_among_strangers(sessions, limits):
    said = [[*told, Compose(ComposingOptions(0.25 * (1 + length))), Compose(), End()] for length, told in sessions]
    among = play(crowd(engine_of(Echo(), limits=limits), TASK, options(0.5), said))
    assert [[answer.item for answer in answers] for answers in among] == [composed(each, options(0.5)) for each in said]
    for answers in among:
        assert [answer.number for answer in answers] == list(range(1, len(answers) + 1))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Prime((Note(0, 45, 0.0, 1.0),)), Reason.NOTE_INVALID),
        (Prime((Note(0, 76, 0.0, 1.0),)), Reason.NOTE_INVALID),
        (Prime((Note(0, 60, 1.0, 1.0), Note(0, 60, 1.5, 1.0))), Reason.TIME_NOT_LATER),
        (Compose(ComposingOptions(0.0)), Reason.OPTION_OUT_OF_RANGE),
        (Compose(tempo=1.0), Reason.OPTION_OUT_OF_RANGE),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(message, reason):
    with pytest.raises(ServiceError) as caught:
        TASK.accept(TASK.begin(options()), message, 1, 0.0)
    assert caught.value.reason is reason


def test_a_bundle_of_music_is_read_and_another_refused():
    task = MusicComposition.from_bundle(load_bundle(REPOSITORY / MUSIC / "1"))
    assert task.begin(options()).key is None
    with pytest.raises(BundleError, match="not a bundle that makes music"):
        MusicComposition.from_bundle(load_bundle(REPOSITORY / SERIES / "1"))
