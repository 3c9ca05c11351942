"""`hiddenstate transcribe`: what is said in recordings, through a pipe, into the microphone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiddenstate.command.sound import PIECES_PER_SECOND, RATES, Sound, microphone, raw, wav
from hiddenstate.command.terminal import ADDRESS, Address, Json, note, print_json
from hiddenstate.command.words import paced

if TYPE_CHECKING:
    from hiddenstate.tasks.transcription import SpeechEvent, TranscribeOptions, Transcript


def transcribe(
    files: Annotated[
        list[str] | None, typer.Argument(help="Wav files; -: raw samples through a pipe.", show_default=False)
    ] = None,
    mic: Annotated[bool, typer.Option("--microphone", help="Listen to the microphone until Ctrl-C.")] = False,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the only one that listens.")] = "",
    rate: Annotated[int, typer.Option(help="Samples per second of a pipe or the microphone: 8000, 16000.")] = 16_000,
    pace: Annotated[bool, typer.Option("--pace", help="Send files as fast as they were spoken, to watch it.")] = False,
    words: Annotated[bool, typer.Option("--words", "-w", help="Tell when each word was spoken.")] = False,
    best: Annotated[int, typer.Option("--best", "-n", help="Tell so many possible texts, best first.", min=1)] = 1,
    phrases: Annotated[
        Path | None, typer.Option(help="Only the lines of this file can be said.", show_default=False)
    ] = None,
    silence: Annotated[float, typer.Option(help="Seconds of silence that end an utterance. 0: none does.")] = 0.8,
    longest: Annotated[float, typer.Option(help="Seconds of speech that end an utterance in any case.")] = 60.0,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Turn speech into words: a line for each utterance.

    At a terminal the words appear while they are spoken, dim as long as they may change. Raw samples are one channel of
    signed 16-bit integers:  arecord -t raw -f S16_LE -r 16000 | hiddenstate transcribe -
    """
    from hiddenstate.client import Client

    options: TranscribeOptions = {
        "model": model,
        "word_times": words or (sys.stdout.isatty() and not json),
        "alternatives": best,
        "interim_results": sys.stdout.isatty() and not json,
        "phrases": _lines(phrases) if phrases else None,
    }
    if silence > 0:
        options |= {"silence": silence, "max_utterance": longest}
    with Client(address) as client:
        for name, sound in _sounds(files or [], mic, rate):
            live = sound.live or not pace
            pieces = sound.pieces if live else paced(sound.pieces, PIECES_PER_SECOND)
            named = name if len(files or []) > 1 else ""
            options["sample_rate"] = sound.rate
            _show(client.transcribe(pieces, **options), named, words=words, json=json)


def _sounds(files: list[str], mic: bool, rate: int) -> Iterator[tuple[str, Sound]]:
    """What to listen to, one after the other, by name. Exits with code 2 when there is nothing."""
    if rate not in RATES:
        raise typer.BadParameter(f"--rate {rate} is not understood: it is 8000 or 16000")
    if mic:
        note("listening; Ctrl-C ends it")
        yield "microphone", microphone(rate)
    elif not files and sys.stdin.isatty():
        raise typer.BadParameter("give wav files, raw samples through a pipe, or --microphone")
    for file in files or ([] if mic else ["-"]):
        yield file, raw(rate) if file == "-" else wav(Path(file))


def _show(answers: Iterable[Transcript | SpeechEvent], name: str, *, words: bool, json: bool) -> None:
    if json:
        for answer in answers:
            print_json(described(answer, name))
    elif sys.stdout.isatty():
        from hiddenstate.command.captions import show_live

        if name:
            note(name)
        show_live(answers, words=words)
    else:
        for answer in answers:
            for line in plain_lines(answer, name, words=words):
                print(line, flush=True)


def plain_lines(answer: Transcript | SpeechEvent, name: str, *, words: bool) -> list[str]:
    """A final result as its texts, best first, parted by tabs, behind the name of its file; or its words, a line each,
    as begin, end, word and confidence.
    """
    from hiddenstate.tasks.transcription import SpeechEvent

    if isinstance(answer, SpeechEvent) or not answer.is_final:
        return []
    before = [name] if name else []
    if words:
        rows = [[f"{word.start:.2f}", f"{word.end:.2f}", word.text, f"{word.confidence:.3f}"] for word in answer.words]
    else:
        rows = [[each.text for each in answer.alternatives]]
    return ["\t".join([*before, *row]) for row in rows]


def described(answer: Transcript | SpeechEvent, name: str) -> dict[str, object]:
    """An answer as JSON data: an event by its kind, a transcript by its text."""
    from hiddenstate.tasks.transcription import SpeechEvent

    file = {"file": name} if name else {}
    if isinstance(answer, SpeechEvent):
        return {**file, "event": answer.kind, "seconds": answer.seconds}
    return {**file, "text": answer.text, **asdict(answer)}


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [line for line in lines if line]
    if not found:
        raise typer.BadParameter(f"{path} holds no phrase: one is a line")
    return found
