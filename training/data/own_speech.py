"""The user's own recordings: a folder of WAV files with a `transcripts.csv`, whose columns are `file` and `text`.

WAV files have one channel of 16 bits and any sample rate. What is written is what is learned: any characters, in any
language. Where a column `speaker` is there, speakers are kept apart: one in five validates and one in five tests (where
there are five or more), else recordings.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from training.data.cache import DataError, Licensed
from training.data.spoken import Clip, Speaker, Speech
from training.data.synthesizers import RATE, read_wave

TRANSCRIPTS = "transcripts.csv"
FILE, TEXT, SPEAKER = "file", "text", "speaker"
FEWEST = 10
"""Recordings that are needed."""
LONGEST = 4.0
"""Seconds of a recording: what fits into a stretch that is learned from."""
CLOSED_SHARE = 10
"""Words are a closed list where each was said so often, on the average."""
PARTS, VALID, TEST = 5, 3, 4


def load(folder: Path) -> Speech:
    """Read the folder. Raises DataError, which names the file and line of what is wrong."""
    rows = _rows(folder / TRANSCRIPTS)
    if len(rows) < FEWEST:
        raise DataError(f"{folder / TRANSCRIPTS} names {len(rows)} recordings; {FEWEST} or more are needed")
    clips = [_clip(folder, row, number) for number, row in enumerate(rows, 2)]
    parts = split([row.get(SPEAKER) or "" for row in rows])
    train = [clip for clip, part in zip(clips, parts, strict=True) if part not in (VALID, TEST)]
    valid, test = (tuple(clip for clip, part in zip(clips, parts, strict=True) if part == own) for own in (VALID, TEST))
    source = Licensed(folder.name, "the user's own", "local files")
    return Speech(
        closed(train), (Speaker("own", tuple(train)),), valid, lambda: {"every fifth recording": test}, source
    )


def split(speakers: Sequence[str]) -> list[int]:
    """The part of each recording: by speaker where there are enough of them, else by its place."""
    names = sorted(set(speakers))
    if len(names) >= PARTS:
        return [names.index(speaker) % PARTS for speaker in speakers]
    return [place % PARTS for place in range(len(speakers))]


def closed(clips: Sequence[Clip]) -> tuple[str, ...]:
    """All words, where they are few and said often; else () for any."""
    said = [word for clip in clips for word in clip.text.split()]
    words = sorted(set(said))
    return tuple(words) if len(said) >= CLOSED_SHARE * len(words) else ()


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}; it lists WAV files with what is said: file,text") from error
    if missing := {FILE, TEXT} - names:
        raise DataError(f"{path} needs a first line that names its columns; missing: {', '.join(sorted(missing))}")
    return rows


def _clip(folder: Path, row: dict[str, str], number: int) -> Clip:
    place, text = f"{folder / TRANSCRIPTS}, line {number}", " ".join((row[TEXT] or "").split())
    if not text:
        raise DataError(f"{place}: no text")
    try:
        samples = read_wave((folder / row[FILE]).read_bytes(), row[FILE])
    except OSError as error:
        raise DataError(f"{place}: {row[FILE]} cannot be read: {error}") from error
    if not 0 < len(samples) <= LONGEST * RATE:
        raise DataError(f"{place}: {row[FILE]} has {len(samples) / RATE:.1f} seconds; cut it to at most {LONGEST:g}")
    return Clip(samples, text)
