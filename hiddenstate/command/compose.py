"""`hiddenstate compose`: music in four voices, seen as it is made, written as MIDI."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, note, print_json

if TYPE_CHECKING:
    from hiddenstate.sessions import MusicStream
    from hiddenstate.tasks.music import Note

DEFAULT_QUARTERS = 32.0


def compose(
    out: Annotated[Path | None, typer.Argument(help="MIDI file to write.", show_default=False)] = None,
    quarters: Annotated[float, typer.Option("--quarters", "-n", help="How long, in quarter notes.")] = DEFAULT_QUARTERS,
    key: Annotated[str, typer.Option("--key", "-k", help="Such as 'G major' or 'f# minor'. Default: C major.")] = "",
    tempo: Annotated[float, typer.Option(help="Quarter notes per minute, 20 to 400.")] = 80.0,
    seed: Annotated[int | None, typer.Option("--seed", "-s", help="The same seed gives the same music.")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="0 to 100. Default: 1.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Choose among the k likeliest notes of each voice.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Choose among the likeliest that reach p together.")] = None,
    prime: Annotated[Path | None, typer.Option(help="MIDI file to go on from.", show_default=False)] = None,
    melody: Annotated[
        Path | None, typer.Option(help="MIDI file of one voice, to add the other three to.", show_default=False)
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Also make a wav file.", show_default=False)] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw a piano roll.", show_default=False)] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that composes.")] = "",
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Make music; a piano roll grows as it is made.

    Harmonise a melody:  hiddenstate compose chorale.mid --melody tune.mid --key 'G major'
    """
    from hiddenstate.client import Client
    from hiddenstate.command.midi import read_midi
    from hiddenstate.tasks.music import VOICE_NAMES

    if audio and not out:
        raise typer.BadParameter("--audio is made from the MIDI file: name one, e.g. hiddenstate compose out.mid")
    _check_key(key)
    primed = read_midi(prime, len(VOICE_NAMES)) if prime else []
    given = read_midi(melody, 1) if melody else []
    with Client(address) as client:
        music = client.compose(
            model=model,
            quarters=quarters,
            key=key,
            tempo=tempo,
            seed=seed,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            prime=primed,
            melody=given,
            log_probabilities=json,
        )
        end = max((each.end for each in [*given, *primed]), default=0.0) + (0.0 if given else quarters)
        notes = _print_json(music, [*primed, *given]) if json else _show(music, [*primed, *given], end)
    _write_files(notes, tempo, out, audio, plot)


def _check_key(key: str) -> None:
    from hiddenstate.tasks.music import musical_key

    try:
        if key:
            musical_key(key)
    except ValueError as error:
        raise typer.BadParameter(f"--key {error}") from error


def _write_files(notes: list[Note], tempo: float, out: Path | None, audio: Path | None, plot: Path | None) -> None:
    """The music in every form that was asked for."""
    from hiddenstate.command.midi import write_audio, write_midi
    from hiddenstate.command.piano_roll import save_roll

    if out:
        write_midi(notes, tempo, out)
        note(f"wrote {out}")
    if out and audio:
        write_audio(out, audio)
        note(f"wrote {audio}")
    if plot:
        save_roll(notes, plot)
        note(f"wrote {plot}")


def _print_json(music: MusicStream, told: list[Note]) -> list[Note]:
    notes = list(told)
    for each in music:
        print_json(each)
        notes.append(each)
    if music.composition is not None:
        print_json(music.composition)
    return notes


def _show(music: MusicStream, told: list[Note], end: float) -> list[Note]:
    """A growing piano roll at a terminal; through a pipe a line for each note. Returns all notes, those told first."""
    started, notes = time.perf_counter(), list(told)
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.live import Live

        from hiddenstate.command.piano_roll import roll

        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False) as live:
            for each in music:
                notes.append(each)
                live.update(roll(notes, console.width, end), refresh=True)
    else:
        from hiddenstate.tasks.music import VOICE_NAMES

        for each in music:
            notes.append(each)
            print(f"{each.start:g}\t{each.length:g}\t{VOICE_NAMES[each.voice]}\t{each.name}", flush=True)
    done, opened = music.composition, music.opened
    if done is not None and opened is not None and sys.stderr.isatty():
        seconds = time.perf_counter() - started
        note(
            f"{done.note_count} notes · {done.end:g} quarters at {done.tempo:g} · {seconds:.1f} s · seed {done.seed} · "
            f"{opened.model} {opened.version} {opened.variant}"
        )
    return notes
