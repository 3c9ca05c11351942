"""`hiddenstate transcribe`: audio from files and pipes, lines from answers, captions that are corrected in place."""

import io
import wave

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from hiddenstate.command.app import app
from hiddenstate.command.captions import Captions, show_live
from hiddenstate.command.sound import wav, whole_samples
from hiddenstate.command.transcribe import described, plain_lines
from hiddenstate.tasks.transcription import SpeechEvent, SpokenWord, Transcript, TranscriptAlternative


def recording(folder, data, *, rate=16000, channels=1, width=2):
    path = folder / "in.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def test_a_wav_file_comes_in_pieces_of_a_tenth_of_a_second(tmp_path):
    samples = np.arange(2000, dtype="<i2").tobytes()
    sound = wav(recording(tmp_path, samples, rate=8000))
    pieces = list(sound.pieces)
    assert (sound.rate, b"".join(pieces)) == (8000, samples)
    assert [len(piece) for piece in pieces] == [1600, 1600, 800]


def test_samples_of_8_bits_are_widened(tmp_path):
    sound = wav(recording(tmp_path, bytes([0, 128, 255]), width=1))
    assert np.frombuffer(b"".join(sound.pieces), "<i2").tolist() == [-32768, 0, 32512]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"channels": 2}, "has 2 channels.*sox .*in.wav -r 16000 -c 1"),
        ({"rate": 44100}, "has 44100 samples per second.*sox"),
        ({"width": 4}, "has samples of 32 bits.*sox"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_do(tmp_path, said, message):
    with pytest.raises(typer.BadParameter, match=message):
        wav(recording(tmp_path, bytes(64), **said))


@pytest.mark.parametrize(("content", "message"), [(b"", "it has no header"), (b"hello, world", "does not start")])
def test_a_file_that_is_no_recording_is_named(tmp_path, content, message):
    (tmp_path / "in.wav").write_bytes(content)
    with pytest.raises(typer.BadParameter, match=message):
        wav(tmp_path / "in.wav")


def test_a_pipe_is_cut_between_samples():
    assert list(whole_samples(iter([b"a", b"bcd", b"efg", b"h", b"i"]))) == [b"abcd", b"ef", b"gh"]
    assert list(whole_samples(iter([b"ab"]))) == [b"ab"]
    with pytest.raises(typer.BadParameter, match="a wav file came through the pipe"):
        list(whole_samples(iter([b"RI", b"FF...."])))


SURE, UNSURE = SpokenWord("yes", 0.5, 0.75, 0.99), SpokenWord("no", 1.0, 1.25, 0.4)
BOTH = TranscriptAlternative("yes no", 0.75, (SURE, UNSURE))
INTERIM = Transcript((BOTH,), False, 0.5, 0.5, 1.5, 3)
FINAL = Transcript((BOTH, TranscriptAlternative("yes", 0.25)), True, 1.0, 0.5, 1.5, 3)
STARTED, CLIPPED = SpeechEvent("started", 0.5), SpeechEvent("clipped", 0.75)


def test_a_pipe_gets_a_line_for_each_utterance_or_for_each_word():
    assert [plain_lines(each, "", words=False) for each in (STARTED, INTERIM, FINAL)] == [[], [], ["yes no\tyes"]]
    assert plain_lines(FINAL, "in.wav", words=False) == ["in.wav\tyes no\tyes"]
    assert plain_lines(FINAL, "", words=True) == ["0.50\t0.75\tyes\t0.990", "1.00\t1.25\tno\t0.400"]


def test_json_tells_events_and_transcripts_apart():
    assert described(STARTED, "a.wav") == {"file": "a.wav", "event": "started", "seconds": 0.5}
    said = described(FINAL, "")
    assert (said["text"], said["is_final"]) == ("yes no", True)
    assert said["alternatives"][0]["words"][0]["text"] == "yes"


def shown(renderable, width=60):
    console = Console(file=io.StringIO(), width=width, height=10, force_terminal=True, color_system="standard")
    console.print(renderable)
    return console.file.getvalue()


def test_words_that_may_change_are_dim():
    captions = Captions(words=False)
    assert captions.add(STARTED) == []
    assert captions.add(INTERIM) == []
    text = shown(captions)
    assert "\x1b[1myes\x1b[0m" in text
    assert "\x1b[2mno\x1b[0m" in text
    (line, other) = captions.add(FINAL)
    assert line.plain == "    0.50  yes no  75%"
    assert other.plain.split() == ["yes", "25%"]
    assert "yes" not in shown(captions)


def test_only_the_end_of_a_long_utterance_is_shown():
    captions = Captions(words=False)
    words = tuple(SpokenWord(f"word{number}", 0, 1, 1.0) for number in range(200))
    captions.add(Transcript((TranscriptAlternative("long", 1.0, words),), False, 1.0, 0, 1, 1))
    lines = shown(captions).splitlines()
    assert len(lines) == 8
    assert "word199" in lines[-1]


def test_what_is_settled_stays_above_the_captions():
    console = Console(file=io.StringIO(), width=60, height=10)
    show_live([STARTED, CLIPPED, INTERIM, FINAL], words=True, console=console)
    told = console.file.getvalue()
    assert "the audio is clipped" in told
    assert "yes no  75%" in told
    assert [line.split()[2] for line in told.splitlines() if "  1.25  " in line] == ["no"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rate", "44100", "in.wav"], "8000 or 16000"), (["--phrases", "none.txt", "in.wav"], "holds no phrase")],
)
def test_options_that_make_no_sense_say_what_does(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.txt").write_text("\n \n")
    done = CliRunner().invoke(app, ["transcribe", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert message in done.output
