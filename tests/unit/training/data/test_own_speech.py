"""Own recordings: a folder of WAV files and what is said in them; what is wrong is named with its line."""

import numpy as np
import pytest

from tests.unit.training.data.test_synthesizers import wave_file
from training.data.cache import DataError
from training.data.own_speech import closed, load, split
from training.data.spoken import Clip


def folder(path, rows, head="file,text", seconds=0.5):
    for number in range(len(rows)):
        (path / f"{number}.wav").write_bytes(wave_file(np.full(round(16_000 * seconds), number)))
    (path / "transcripts.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


def test_three_in_five_are_learned_from_and_few_words_are_a_closed_list(tmp_path):
    speech = load(folder(tmp_path, [f"{number}.wav,{'ja' if number % 2 else ' nein  danke '}" for number in range(60)]))
    assert speech.words == ("danke", "ja", "nein")
    (test,) = speech.tests().values()
    assert [len(speech.train[0].clips), len(speech.valid), len(test)] == [36, 12, 12]
    assert {clip.text for clip in test} == {"ja", "nein danke"}


def test_many_words_are_an_open_vocabulary():
    assert closed([Clip(np.zeros(1, np.int16), f"word{number}") for number in range(30)]) == ()


def test_speakers_are_kept_apart():
    names = ["ann", "bob", "cem", "dee", "eve", "ann", "eve"]
    assert split(names) == [0, 1, 2, 3, 4, 0, 4]
    assert split(["ann"] * 6) == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (["0.wav,ja"] * 9, "file,text", "names 9 recordings; 10 or more"),
        (["0.wav,ja"] * 10, "path,text", "missing: file"),
        (["0.wav,ja"] * 9 + ["0.wav, "], "file,text", "line 11: no text"),
        (["0.wav,ja"] * 9 + ["lost.wav,ja"], "file,text", "line 11: lost.wav cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, rows, head, message):
    with pytest.raises(DataError, match=message):
        load(folder(tmp_path, rows, head))


def test_a_recording_that_fits_into_no_stretch_is_named(tmp_path):
    with pytest.raises(DataError, match=r"line 2: 0.wav has 4.5 seconds; cut it to at most 4"):
        load(folder(tmp_path, [f"{number}.wav,ja" for number in range(10)], seconds=4.5))


def test_a_folder_without_transcripts_says_what_they_are(tmp_path):
    with pytest.raises(DataError, match="it lists WAV files with what is said"):
        load(tmp_path)
