"""Music as steps and back: voices in their turn, notes on the grid, keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.frontends.music import (
    HOLD,
    LOOK_AHEAD,
    ORDER,
    REST,
    VOICES,
    Choir,
    Grid,
    Key,
    Range,
    Setting,
    SungNote,
    key_of,
    melody_ahead,
    shift_of,
    sounding_melody,
    steps_of,
    tokens_of,
    tokens_of_frames,
)

PITCHES = Range(48, 72)


def pieces(frames=12):
    return st.lists(st.lists(st.integers(0, PITCHES.tokens - 1), min_size=4, max_size=4), min_size=1, max_size=frames)


def test_a_note_begins_where_it_does_and_is_held_up_to_its_end():
    tokens = tokens_of([SungNote(0, 60, 2, 5), SungNote(0, 60, 5, 6), SungNote(3, 48, 0, 2)], 0, 8, PITCHES)
    c4, c3 = 2 + 12, 2
    assert tokens[:, 0].tolist() == [REST, HOLD, c4, HOLD, HOLD, c4, REST, HOLD]
    assert tokens[:, 3].tolist() == [c3, HOLD, REST, HOLD, HOLD, HOLD, HOLD, HOLD]


def test_by_quarters_every_frame_says_what_sounds():
    assert tokens_of_frames(np.array([[60, 60, 0, 0]] * 2), None, PITCHES).tolist() == [[14, 14, REST, REST]] * 2


def test_a_pitch_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"pitch 47 is not in 48\.\.72"):
        tokens_of([SungNote(0, 47, 0, 1)], 0, 1, PITCHES)


@given(tokens=pieces(), minor=st.booleans(), grid=st.sampled_from(Grid))
def test_steps_stay_in_their_columns_and_tell_what_was_decided_before(tokens, minor, grid):
    tokens = np.array(tokens)
    steps = steps_of(tokens, Setting(minor=minor, grid=grid), PITCHES.tokens, countdown=True, look_ahead=True)
    assert steps.shape == (len(tokens) * VOICES, len(PITCHES.column_sizes()))
    assert (steps >= 0).all()
    assert (steps < np.array(PITCHES.column_sizes())).all()
    assert steps[:, VOICES + 1].tolist() == list(ORDER) * len(tokens)
    # The last decision is a column of the next step.
    assert steps[1:, VOICES].tolist() == tokens[:, ORDER].reshape(-1)[:-1].tolist()


@given(tokens=pieces(), cut=st.integers(0, 48))
def test_a_step_knows_nothing_of_what_comes_later(tokens, cut):
    tokens = np.array(tokens)
    other = tokens.copy()
    frame = cut // VOICES
    other[frame:] = REST
    whole, changed = (steps_of(each, Setting(), PITCHES.tokens) for each in (tokens, other))
    known = min(frame * VOICES + 1, len(whole))
    assert whole[:known].tolist() == changed[:known].tolist()


def test_the_place_in_the_bar_and_the_quarters_left_are_counted():
    steps = steps_of(np.full((40, VOICES), REST), Setting(bar=12), PITCHES.tokens, place=8, countdown=True)
    firsts = steps[::VOICES]
    assert firsts[:6, VOICES + 2].tolist() == [8, 9, 10, 11, 0, 1]
    assert firsts[:, VOICES + 5].tolist() == [9] * 8 + [left for left in range(8, 0, -1) for _ in range(4)]


def test_the_melody_ahead_is_what_sounds_quarters_later_and_silence_behind_its_end():
    melody = sounding_melody([14, HOLD, HOLD, HOLD, 16, HOLD, HOLD, HOLD, REST])
    assert melody == [14] * 4 + [16] * 4 + [REST]
    assert LOOK_AHEAD == (1, 2)
    assert melody_ahead(melody, 0, 4) == (16, REST)
    assert melody_ahead(melody, 6, 4) == (REST, REST)


def test_what_a_voice_sounds_is_kept_over_a_held_note():
    choir, setting = Choir(), Setting()
    for token in (14, 5, 9, 8, HOLD, HOLD, HOLD, HOLD):
        choir.take(token, setting)
    assert (choir.frame, choir.turn) == (2, 0)
    assert [choir.sounding[voice] for voice in ORDER] == [14, 5, 9, 8]


@pytest.mark.parametrize(("tonic", "shift"), [(0, 0), (7, -5), (6, 6), (11, -1), (5, 5)])
def test_music_is_moved_by_half_an_octave_at_most(tonic, shift):
    assert shift_of(Key(tonic, minor=False)) == shift


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_that_dwells_on_its_tonic_and_fifth_tells_its_key(tonic):
    for minor, scale in ((False, (0, 2, 4, 5, 7, 9, 11)), (True, (0, 2, 3, 5, 7, 8, 11))):
        weights = np.zeros(12)
        weights[[(tonic + step) % 12 for step in scale]] = 1
        weights[[tonic, (tonic + 7) % 12, (tonic + scale[2]) % 12]] += 2
        assert key_of(weights) == Key(tonic, minor)
