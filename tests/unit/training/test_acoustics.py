"""Conditions under which speech is heard: what each of them does to a tone."""

import numpy as np
import pytest

from training.acoustics import RATE, Acoustics, Conditions

SAMPLES = RATE // 2
PLAIN = Conditions(
    telephone=0, muffled=0, room=0, noise=0, companded=0, clipped=0, tilt=0, loudness=(6, 6), signal=(20, 20)
)


def tone(hertz, rows=1):
    wave = np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / RATE)
    return np.tile(wave, (rows, 1)).astype(np.float32)


def heard(sound, **changed):
    conditions = Conditions(**{**vars(PLAIN), **changed})
    return Acoustics(conditions, SAMPLES, 1).heard(sound, np.random.default_rng(2))


def strength(sound, hertz):
    return float(np.abs(np.fft.rfft(sound[0]))[round(hertz * SAMPLES / RATE)])


def test_without_conditions_only_the_loudness_changes():
    found = heard(tone(440))
    np.testing.assert_allclose(found, tone(440) * 10 ** (-6 / 20), atol=1e-3)


def test_a_telephone_takes_high_and_low_tones_away():
    for hertz, share in ((1000, 0.9), (6000, 0.01)):
        mixed = tone(hertz) + tone(2000)
        found = heard(mixed, telephone=1)
        kept = strength(found, hertz) / strength(found, 2000)
        assert kept > share if hertz == 1000 else kept < share


def test_noise_is_so_many_decibels_below_speech():
    found = heard(tone(1000), noise=1)
    clean = heard(tone(1000))
    scale = strength(found, 1000) / strength(clean, 1000)
    rest = found - scale * clean
    assert 20 * np.log10(clean.std() * scale / rest.std()) == pytest.approx(20, abs=1)


def test_clipping_flattens_the_loudest():
    assert (np.abs(heard(tone(440), clipped=1)) > 0.99).mean() > 0.3


def test_a_room_rings_on():
    clap = np.zeros((1, SAMPLES), np.float32)
    clap[0, 100] = 1
    plain, rings = (
        float((sound[0, 400:] ** 2).sum() / (sound**2).sum()) for sound in (heard(clap), heard(clap, room=1))
    )
    assert plain < 0.01 < rings


def test_a_telephone_line_keeps_256_levels():
    assert len(np.unique(heard(tone(441.7), companded=1))) <= 256


def test_silence_stays_finite_and_the_same_seed_gives_the_same():
    everything = Conditions(telephone=1, room=1, noise=1, companded=1, clipped=1)
    sounds = np.concatenate([np.zeros((1, SAMPLES), np.float32), tone(700)])
    first, again = (Acoustics(everything, SAMPLES, 1).heard(sounds, np.random.default_rng(5)) for _ in range(2))
    assert np.isfinite(first).all()
    assert np.abs(first).max() <= 1
    assert np.array_equal(first, again)
