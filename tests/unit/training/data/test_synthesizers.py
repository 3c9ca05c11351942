"""What synthesizers give is one rate, without silence around it; one that is missing is named."""

import io
import sys
import wave

import numpy as np
import pytest

from training.data import synthesizers
from training.data.cache import DataError
from training.data.synthesizers import Voice, read_wave, resampled, speak, trimmed


def wave_file(samples, rate=16_000, channels=1):
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return content.getvalue()


def test_silence_at_both_ends_is_cut():
    sound = np.zeros(10_000, np.int16)
    sound[4_000:5_000] = 1_000
    assert len(trimmed(sound)) == 1_000 + 2 * 320 - 1
    assert len(trimmed(np.zeros(7, np.int16))) == 7


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_a_tone_stays_the_same_tone_at_another_rate(rate):
    tone = 8_000 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate)
    found = read_wave(wave_file(tone, rate), "tone.wav")
    assert len(found) == 16_000
    assert np.abs(np.fft.rfft(found)).argmax() == 500
    assert np.abs(found).max() == pytest.approx(8_000, rel=0.02)


def test_loud_sound_is_not_turned_over():
    square = np.where(np.arange(8_000) % 40 < 20, 32_767, -32_768)
    assert resampled(square, 8_000).dtype == np.int16
    assert (np.sign(resampled(square, 8_000)[100:110]) == np.sign(square[50])).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"odd", "odd.wav is no WAV file"), (wave_file(np.zeros(4), channels=2), "odd.wav must have one channel")],
)
def test_what_is_no_plain_wave_file_is_named(content, message):
    with pytest.raises(DataError, match=message):
        read_wave(content, "odd.wav")


@pytest.mark.parametrize("name", ["flite", "festival"])
def test_a_missing_program_is_named_with_what_to_install(name, monkeypatch):
    monkeypatch.setattr(synthesizers.shutil, "which", lambda _: None)
    with pytest.raises(DataError, match=f"apt-get install {name}"):
        speak(Voice(name, "any"), ["word"])


def test_a_missing_library_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(synthesizers.ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(synthesizers, "_LOADED", [])
    with pytest.raises(DataError, match="apt-get install espeak-ng"):
        speak(Voice("espeak", "en"), ["word"])


@pytest.mark.parametrize(("package", "name"), [("piper", "piper"), ("hibari", "hibari"), ("py_nanotts", "pico")])
def test_a_missing_package_is_named_with_what_to_install(package, name, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match="pip install"):
        speak(Voice(name, "any"), ["word"])
