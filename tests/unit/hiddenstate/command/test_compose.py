"""MIDI in and out, and the piano roll."""

import io

import pytest
import typer
from rich.console import Console

from hiddenstate.command import midi
from hiddenstate.command.midi import read_midi, write_audio, write_midi
from hiddenstate.command.piano_roll import roll, save_roll
from hiddenstate.tasks.music import Note

NOTES = [
    Note(0, 72, 0.0, 1.0),
    Note(1, 64, 0.0, 2.0),
    Note(2, 60, 0.0, 0.25),
    Note(3, 48, 0.0, 4.0),
    Note(2, 60, 0.25, 0.75),
    Note(0, 74, 1.0, 1.5),
]


def test_what_is_written_is_read_again(tmp_path):
    write_midi(NOTES, 90.0, tmp_path / "a.mid")
    assert read_midi(tmp_path / "a.mid", 4) == sorted(NOTES, key=lambda note: note.start)


def test_a_file_has_the_tempo_and_a_track_for_each_voice(tmp_path):
    from mido import MidiFile, tempo2bpm

    write_midi(NOTES, 90.0, tmp_path / "a.mid")
    file = MidiFile(tmp_path / "a.mid")
    assert tempo2bpm(file.tracks[0][0].tempo) == pytest.approx(90)
    assert [track.name for track in file.tracks[1:]] == ["soprano", "alto", "tenor", "bass"]


def test_of_notes_that_sound_together_in_a_track_the_highest_is_taken(tmp_path):
    from mido import Message, MidiFile, MidiTrack

    chord = [Message("note_on", note=pitch, velocity=64) for pitch in (60, 64, 67)]
    ends = [Message("note_off", note=pitch, time=480 if pitch == 60 else 0) for pitch in (60, 64, 67)]
    MidiFile(tracks=[MidiTrack(chord + ends)], ticks_per_beat=480).save(tmp_path / "c.mid")
    assert [(note.pitch, note.length) for note in read_midi(tmp_path / "c.mid", 1)] == [(67, 1.0)]


def test_too_many_voices_or_no_midi_at_all_is_told(tmp_path):
    write_midi(NOTES, 90.0, tmp_path / "a.mid")
    with pytest.raises(typer.BadParameter, match="4 tracks with notes; give one, the melody"):
        read_midi(tmp_path / "a.mid", 1)
    (tmp_path / "b.mid").write_bytes(b"no music")
    with pytest.raises(typer.BadParameter, match="there is no file"):
        read_midi(tmp_path / "nowhere.mid", 1)
    with pytest.raises(typer.BadParameter, match="no MIDI file"):
        read_midi(tmp_path / "b.mid", 4)


def test_without_a_synthesizer_the_command_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(midi.shutil, "which", lambda name: None)
    with pytest.raises(typer.Exit):
        write_audio(tmp_path / "a.mid", tmp_path / "a.wav")
    assert "install timidity or fluidsynth" in capsys.readouterr().err


def test_the_roll_shows_each_note_at_its_height_and_time():
    console = Console(width=45, file=io.StringIO())
    console.print(roll([Note(0, 61, 0.0, 2.0), Note(3, 60, 2.0, 2.0)], 45, 8.0))
    line = console.file.getvalue().splitlines()[0]
    assert line.startswith("  C4 " + "▀" * 10 + "▄" * 10)


def test_an_empty_roll_and_a_picture(tmp_path):
    assert roll([], 40, 8.0).plain == ""
    save_roll(NOTES, tmp_path / "roll.png")
    assert (tmp_path / "roll.png").read_bytes().startswith(b"\x89PNG")
