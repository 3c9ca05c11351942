"""MIDI files: notes in and out, one track for each voice, with the library mido."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import typer

from hiddenstate.command.terminal import missing_extra
from hiddenstate.tasks.music import VOICE_NAMES, Note

TICKS_OF_QUARTER = 480
PROGRAM = 52
"""General MIDI: choir."""


def write_midi(notes: Sequence[Note], tempo: float, path: Path) -> None:
    """Write notes as a MIDI file of format 1. tempo: quarter notes per minute. Exits naming the extra without mido."""
    try:
        from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo
    except ModuleNotFoundError as error:
        raise missing_extra("music", "write MIDI files") from error
    file = MidiFile(type=1, ticks_per_beat=TICKS_OF_QUARTER)
    file.tracks.append(MidiTrack([MetaMessage("set_tempo", tempo=bpm2tempo(tempo))]))
    for voice, name in enumerate(VOICE_NAMES):
        track = MidiTrack(
            [MetaMessage("track_name", name=name), Message("program_change", channel=voice, program=PROGRAM)]
        )
        own = [note for note in notes if note.voice == voice]
        # At the same moment a note ends before the next begins.
        ends = [(round(note.end * TICKS_OF_QUARTER), 0, note.pitch, 0) for note in own]
        begins = [(round(note.start * TICKS_OF_QUARTER), 1, note.pitch, note.velocity) for note in own]
        before = 0
        for ticks, begin, pitch, velocity in sorted(ends + begins):
            kind = "note_on" if begin else "note_off"
            track.append(Message(kind, channel=voice, note=pitch, velocity=velocity, time=ticks - before))
            before = ticks
        file.tracks.append(track)
    file.save(str(path))


def read_midi(path: Path, voices: int) -> list[Note]:
    """The notes of a MIDI file in order of their begin; its tracks with notes are the voices, the highest first.

    Of notes that sound together in a track the highest is taken. Exits with code 2 when it has other than `voices`.
    """
    try:
        from mido import MidiFile
    except ModuleNotFoundError as error:
        raise missing_extra("music", "read MIDI files") from error
    try:
        file = MidiFile(str(path))
    except FileNotFoundError as error:
        raise typer.BadParameter(f"there is no file {path}") from error
    except (OSError, EOFError, ValueError) as error:
        raise typer.BadParameter(f"{path} is no MIDI file: {error}") from error
    tracks = [found for track in file.tracks if (found := _track(track, file.ticks_per_beat))]
    tracks.sort(key=lambda notes: -sum(note.pitch for note in notes) / len(notes))
    if not 1 <= len(tracks) <= voices:
        wanted = "one, the melody" if voices == 1 else f"1 to {voices}, one for each voice"
        raise typer.BadParameter(f"{path} has {len(tracks)} tracks with notes; give {wanted}")
    notes = [
        Note(voice, note.pitch, note.start, note.length, note.velocity)
        for voice, track in enumerate(tracks)
        for note in track
    ]
    return sorted(notes, key=lambda note: note.start)


def _track(track: object, ticks_of_quarter: int) -> list[Note]:
    """The notes of a track, one at a time: a note ends when a later one begins."""
    sounding: dict[int, tuple[int, int]] = {}
    found: list[Note] = []
    now = 0
    for message in track:  # type: ignore[attr-defined]
        now += message.time
        if message.type == "note_on" and message.velocity:
            sounding[message.note] = (now, message.velocity)
        elif message.type in ("note_on", "note_off") and message.note in sounding:
            begin, velocity = sounding.pop(message.note)
            length = (now - begin) / ticks_of_quarter
            if length > 0:
                found.append(Note(0, message.note, begin / ticks_of_quarter, length, velocity))
    found.sort(key=lambda note: (note.start, -note.pitch))
    single: list[Note] = []
    for note in found:
        if single and note.start < single[-1].end:
            if note.start == single[-1].start:
                continue
            last = single[-1]
            single[-1] = Note(0, last.pitch, last.start, note.start - last.start, last.velocity)
        single.append(note)
    return single


def write_audio(midi: Path, path: Path) -> None:
    """Have a synthesizer of this machine play a MIDI file into a wav file. Exits naming what to install."""
    if timidity := shutil.which("timidity"):
        command = [timidity, str(midi), "-Ow", "-o", str(path)]
    elif fluidsynth := shutil.which("fluidsynth"):
        command = [fluidsynth, "--no-midi-in", "--quiet", "--fast-render", str(path), str(midi)]
    else:
        typer.secho("error: to make audio, install timidity or fluidsynth", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        typer.secho(f"error: {command[0]} failed: {done.stderr.strip()[-300:]}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
