"""Where audio comes from: wav files, raw samples through a pipe, the microphone."""

from __future__ import annotations

import signal
import sys
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from hiddenstate.command.terminal import missing_extra

RATES = (8_000, 16_000)
PIECES_PER_SECOND = 10
SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Sound:
    """Pieces of a tenth of a second, signed 16-bit integers, `rate` a second. `live`: they come as they are made."""

    rate: int
    pieces: Iterator[bytes]
    live: bool = False


def wav(path: Path) -> Sound:
    """The samples of a wav file of one channel at 8 or 16 kHz, of 8 or 16 bits.

    Exits with code 2, saying what to do, for any other.
    """
    try:
        file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by who reads it to its end
    except (wave.Error, EOFError) as error:
        raise typer.BadParameter(
            f"{path} is no wav file of plain samples ({str(error) or 'it has no header'}): {_convert(path)}"
        ) from error
    channels, rate, width = file.getnchannels(), file.getframerate(), file.getsampwidth()
    problem = ""
    if channels != 1:
        problem = f"has {channels} channels"
    elif rate not in RATES:
        problem = f"has {rate} samples per second"
    elif width not in (1, 2):
        problem = f"has samples of {8 * width} bits"
    if problem:
        file.close()
        raise typer.BadParameter(f"{path} {problem}; one channel at 8000 or 16000 Hz is understood: {_convert(path)}")
    return Sound(rate, _frames(file))


def raw(rate: int) -> Sound:
    """Raw samples from standard input: one channel, signed 16-bit integers, little-endian."""
    return Sound(rate, whole_samples(_standard_input(rate)), live=True)


def whole_samples(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces cut between samples, wherever a pipe cut them; half a sample at the end is dropped.

    Exits with code 2 when they are the beginning of a wav file.
    """
    held, begun = b"", False
    for piece in pieces:
        held += piece
        if not begun and held[:4] == b"RIFF":
            raise typer.BadParameter(
                "a wav file came through the pipe: name the file, or send samples without a header"
            )
        whole = len(held) - len(held) % SAMPLE_BYTES
        if whole and (begun or whole >= 4):
            begun = True
            yield held[:whole]
            held = held[whole:]
    if whole := len(held) - len(held) % SAMPLE_BYTES:
        yield held[:whole]


def microphone(rate: int) -> Sound:
    """What the microphone hears until Ctrl-C. Exits naming what is missing where it cannot be used."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise missing_extra("microphone", "use the microphone") from error
    except OSError as error:
        raise typer.BadParameter(
            f"the microphone needs PortAudio (on Debian: apt-get install libportaudio2): {error}"
        ) from error
    try:
        device = sounddevice.RawInputStream(samplerate=rate, channels=1, dtype="int16")
    except sounddevice.PortAudioError as error:
        raise typer.BadParameter(f"there is no microphone that records at {rate} Hz: {error}") from error
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    # The last words are still to be told: Ctrl-C ends the audio, and once more the command.
    before = signal.signal(signal.SIGINT, stop)
    return Sound(rate, _recorded(device, rate, stopped), live=True)


def _recorded(device: Any, rate: int, stopped: threading.Event) -> Iterator[bytes]:
    with device:
        while not stopped.is_set():
            samples, _ = device.read(rate // PIECES_PER_SECOND)
            yield bytes(samples)


def _frames(file: wave.Wave_read) -> Iterator[bytes]:
    with file:
        while data := file.readframes(file.getframerate() // PIECES_PER_SECOND):
            yield data if file.getsampwidth() == SAMPLE_BYTES else _widened(data)


def _widened(data: bytes) -> bytes:
    """Samples of 8 bits, which wav files hold from 0 to 255, as 16 bits."""
    return b"".join(((value - 128) << 8).to_bytes(2, "little", signed=True) for value in data)


def _standard_input(rate: int) -> Iterator[bytes]:
    source: Any = sys.stdin.buffer
    while data := source.read1(SAMPLE_BYTES * rate // PIECES_PER_SECOND):
        yield data


def _convert(path: Path) -> str:
    return f"convert it, e.g.  sox {path} -r 16000 -c 1 -b 16 -e signed-integer out.wav"
