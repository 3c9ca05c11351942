"""Scores on a grid, their split, and what is kept of them."""

import numpy as np
import pytest

from hiddenstate.command.midi import write_midi
from hiddenstate.tasks.music import Note
from training.data.cache import DataError
from training.data.chorales import load_own, made_up, part_of, restore, store


def test_variants_of_one_chorale_share_a_part():
    assert part_of("bwv66.6") == part_of("bwv66.6a") == part_of("bwv66.6-sc")
    parts = [part_of(f"bwv{number}") for number in range(250, 650)]
    assert parts.count("train") == pytest.approx(240, abs=25)
    assert parts.count("valid") == pytest.approx(80, abs=25)


def test_what_is_kept_is_restored(tmp_path):
    chorales = made_up().test
    store(tmp_path / "kept.npz", list(chorales))
    for kept, made in zip(restore(tmp_path / "kept.npz"), chorales, strict=True):
        assert (kept.name, kept.bar, kept.tonic, kept.minor) == (made.name, made.bar, made.tonic, made.minor)
        for name in ("pitches", "begins", "places"):
            assert np.array_equal(getattr(kept, name), getattr(made, name)), name


def write_pieces(folder, count):
    for number in range(count):
        notes = [Note(voice, 72 - 7 * voice, beat, 1.0) for beat in range(8) for voice in range(4)]
        notes += [Note(0, 74, 8.0, 0.25), Note(0, 76, 8.25, 0.25)]
        write_midi(notes, 100.0, folder / f"piece{number}.mid")


def test_own_music_is_a_folder_of_scores(tmp_path):
    write_pieces(tmp_path, 5)
    chorales = load_own(tmp_path)
    assert [len(part) for part in (chorales.train, chorales.valid, chorales.test)] == [3, 1, 1]
    piece = chorales.test[0]
    assert piece.pitches[0].tolist() == [72, 65, 58, 51]
    assert piece.pitches[32:34, 0].tolist() == [74, 76]
    assert piece.begins[:8, 0].tolist() == [True, False, False, False] * 2
    assert piece.places[:20].tolist() == [place % 16 for place in range(20)]
    assert piece.bar == 16


def test_too_little_music_is_told(tmp_path):
    with pytest.raises(DataError, match="holds 0 pieces of four parts; give a folder of 5 or more"):
        load_own(tmp_path)
    (tmp_path / "noise.musicxml").write_text("<score")
    with pytest.raises(DataError, match=r"noise\.musicxml cannot be read"):
        load_own(tmp_path)
