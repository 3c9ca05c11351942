"""Nats of music, their baselines, and the recipe in its smallest size."""

import math

import numpy as np
import pytest
import torch

from service.frontends.music import HOLD, REST, VOICES, Grid
from training.data.chorales import made_up
from training.tasks.music import CHORALES
from training.tasks.music_baselines import PitchMarkov, VoiceMarkov, piano_roll
from training.tasks.music_figures import PITCHES, figures, nats_per_quarter, piece_of, torch_runner

DATA = made_up()


def indifferent(inputs):
    return np.zeros((*inputs.shape[:2], PITCHES.tokens), np.float32)


@pytest.mark.parametrize(("grid", "frames"), [(Grid.QUARTERS, 1), (Grid.SIXTEENTHS, 4)])
def test_one_who_knows_nothing_pays_the_logarithm_of_all_tokens_for_every_voice_of_every_frame(grid, frames):
    nats = nats_per_quarter(indifferent, DATA.test, grid)
    assert nats == pytest.approx(frames * VOICES * math.log(PITCHES.tokens))
    added = nats_per_quarter(indifferent, DATA.test, grid, added=True)
    assert added == pytest.approx(frames * (VOICES - 1) * math.log(PITCHES.tokens))


def test_a_piece_is_moved_into_c():
    chorale = DATA.test[0]
    in_d = type(chorale)("d", chorale.pitches + 2, chorale.begins, chorale.places, 16, 2, minor=False)
    for grid in Grid:
        assert np.array_equal(piece_of(in_d, grid).tokens, piece_of(chorale, grid).tokens)


def test_a_piano_roll_holds_each_pitch_and_no_silence():
    roll = piano_roll(np.array([[60, 60, 0, 48]], np.int16))
    assert np.flatnonzero(roll[0]).tolist() == [48, 60]


def test_a_chain_of_pitches_pays_what_its_counts_say():
    roll = np.zeros((4, 128), bool)
    roll[:, 60] = True
    chain = PitchMarkov([roll])
    # Pitch 60 began once after silence and went on three times; all others stayed silent four times.
    expected = -math.log(1.5 / 2) - 3 * math.log(3.5 / 4) - 4 * 127 * math.log(1 - 0.5 / 5)
    assert chain.nats_per_frame([roll]) == pytest.approx(expected / 4)


def test_a_chain_of_voices_learns_what_follows():
    piece = np.full((400, VOICES), HOLD)
    piece[::4], piece[0] = [10, 20, 30, 40], REST
    chain = VoiceMarkov([piece], 50)
    assert chain.nats(piece) / len(piece) < 0.1
    surprising = piece.copy()
    surprising[::4] = 5
    assert chain.nats(surprising) > 10 * chain.nats(piece)


def test_the_figures_stand_beside_their_baselines():
    found = figures(indifferent, DATA, "a command")
    assert [each.metric for each in found] == ["nats per frame", "nats per quarter", "nats per quarter"]
    assert all(each.baseline_value < each.value for each in found)
    assert all(each.anchor is None for each in found)  # of chorales alone


def test_a_batch_is_a_function_of_its_step_and_the_random_state():
    subject = CHORALES.subject(CHORALES.recipe(smoke=True), None)
    torch.manual_seed(3)
    first = subject.loss(2)
    torch.manual_seed(3)
    assert subject.loss(2).item() == first.item()
    assert subject.validate(subject.network) == pytest.approx(
        sum(nats_per_quarter(torch_runner(subject.network), DATA.valid, grid) for grid in Grid)
    )


def test_music_has_no_folds():
    with pytest.raises(ValueError, match="one split"):
        CHORALES.cross_validate(CHORALES.recipe(), None, 3, None, "")
