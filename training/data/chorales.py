"""Bach's four-part chorales, from the corpus of the package music21 10.5.1, read with that library.

Those with exactly four parts, as notes on a grid of sixteenths: 368 of 433 files. The encodings may be used and not
passed on, so nothing of them is kept but in the cache. Variants of one chorale (the same number of the
Bach-Werke-Verzeichnis) share a part: 60 % train, 20 % validate, 20 % test, by a hash of the number.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.cache import DataError, Licensed, Package, cache_folder, check_digest, fetch, pip_wheel

SOURCE = Licensed(
    name="Bach chorales",
    licence="music in the public domain; encodings of the music21 corpus, not redistributed",
    source="PyPI package music21 10.5.1",
)
PACKAGE = Package(
    name="music21",
    command=pip_wheel("music21==10.5.1"),
    pattern="music21-10.5.1-py3-none-any.whl",
    advice="Or train on your own music with --data FOLDER (MIDI files of four tracks).",
)
DIGEST = "dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1"
"""SHA-256 of the package."""
READ = "chorales-1.npz"
"""The chorales as they were read, in the cache; the number is that of this reader."""

_PIECE = re.compile(r"music21/corpus/bach/[^/]*\.(mxl|xml|krn)")

SCORES = (".mid", ".midi", ".mxl", ".musicxml", ".xml", ".krn", ".abc")
LEAST_OWN = 5

GRID = 4  # frames of a quarter note
VOICES = 4
Frames = NDArray[np.int16]


@dataclass(frozen=True)
class Chorale:
    """Four voices on a grid of sixteenths.

    pitches [frames, voices]: MIDI note numbers, 0 is silence, the highest voice first. begins [frames, voices]: whether
    a note begins there. places [frames]: sixteenths since the bar line. `bar` is the length of a bar in sixteenths,
    `tonic` a pitch class, 0 is C.
    """

    name: str
    pitches: Frames
    begins: NDArray[np.bool_]
    places: Frames
    bar: int
    tonic: int
    minor: bool


@dataclass(frozen=True)
class Chorales:
    """The parts, and what is said of them."""

    train: tuple[Chorale, ...]
    valid: tuple[Chorale, ...]
    test: tuple[Chorale, ...]
    source: Licensed


def load(cache: Path | None = None) -> Chorales:
    """Fetch, check, read (a minute, once) and split. Raises DataError."""
    package = fetch(PACKAGE, cache)
    check_digest(package.read_bytes(), DIGEST, f"the package {PACKAGE.name}")
    kept = (cache or cache_folder()) / READ
    if not kept.is_file():
        store(kept, read_package(package))
    parts: dict[str, list[Chorale]] = {"train": [], "valid": [], "test": []}
    for chorale in restore(kept):
        parts[part_of(chorale.name)].append(chorale)
    return Chorales(tuple(parts["train"]), tuple(parts["valid"]), tuple(parts["test"]), SOURCE)


def load_own(folder: Path) -> Chorales:
    """The user's own music: a folder of files of four parts each that music21 reads (MIDI, MusicXML, ABC, Humdrum);
    split by the names of the files. Raises DataError.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SCORES) if folder.is_dir() else []
    chorales = [chorale for path in paths if (chorale := _read_file(path)) is not None]
    if len(chorales) < LEAST_OWN:
        raise DataError(
            f"{folder} holds {len(chorales)} pieces of four parts; give a folder of {LEAST_OWN} or more, as "
            f"{', '.join(SCORES)}"
        )
    # In turn rather than by hash: few pieces would leave a part empty.
    parts = [chorales[place::5] for place in range(5)]
    own = Licensed(f"own music ({len(chorales)} pieces)", "the user's own", folder.name)
    return Chorales(tuple(parts[0] + parts[1] + parts[2]), tuple(parts[3]), tuple(parts[4]), own)


def made_up(count: int = 20, bars: int = 4) -> Chorales:
    """Triads that walk up and down a scale of C major, for trials in seconds: no music by anybody."""
    random = np.random.default_rng(7)
    chorales = []
    for number in range(count):
        frames = bars * 4 * GRID
        steps = np.cumsum(random.integers(-1, 2, size=frames // GRID)) % 7
        scale = np.array([0, 2, 4, 5, 7, 9, 11])
        chords = np.stack([scale[(steps + third) % 7] for third in (4, 2, 0, 0)], axis=1)
        chords += np.array([72, 60, 55, 43])
        begins = np.zeros((frames, VOICES), np.bool_)
        begins[::GRID] = True
        pitches, places = np.repeat(chords, GRID, axis=0).astype(np.int16), np.arange(frames, dtype=np.int16) % 16
        chorales.append(Chorale(f"made-up-{number}", pitches, begins, places, 16, 0, minor=False))
    fifth = count // 5
    source = Licensed("made-up chords", "none needed", "made by the recipe")
    return Chorales(tuple(chorales[2 * fifth :]), tuple(chorales[:fifth]), tuple(chorales[fifth : 2 * fifth]), source)


def part_of(name: str) -> str:
    """The part that a chorale belongs to, by its number alone: bwv66.6 and bwv66.6a are variants of one."""
    number = re.match(r"bwv\d+(\.\d+)?", name)
    share = hashlib.sha256((number[0] if number else name).encode()).digest()[0] / 256
    return "train" if share < 0.6 else "valid" if share < 0.8 else "test"


def read_package(path: Path) -> list[Chorale]:
    """Every piece of the folder `bach` that has four parts. Raises DataError."""
    chorales = []
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as files:
        for name in sorted(name for name in files.namelist() if _PIECE.fullmatch(name)):
            if (chorale := _read_file(Path(files.extract(name, folder)))) is not None:
                chorales.append(chorale)
    return chorales


def _read_file(path: Path) -> Chorale | None:
    """A file that music21 reads; None when it has not four parts. Raises DataError."""
    try:
        from music21 import converter
    except ModuleNotFoundError as error:
        raise DataError("the library music21 is missing: pip install 'hiddenstate[training]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            score = converter.parse(path)
        except Exception as error:  # it raises whatever a damaged file makes it trip over
            raise DataError(f"{path} cannot be read: {error}") from error
        return read_score(path.stem, score) if len(getattr(score, "parts", ())) == VOICES else None


def read_score(name: str, score: Any) -> Chorale | None:
    """A score of music21 on the grid; None when it has no bars to count by."""
    frames = round(float(score.highestTime) * GRID)
    pitches = np.zeros((frames, VOICES), np.int16)
    begins = np.zeros((frames, VOICES), np.bool_)
    for voice, part in enumerate(score.parts):
        for note in part.flatten().notes:
            start = round(float(note.offset) * GRID)
            end = round(float(note.offset + note.quarterLength) * GRID)
            if end > start:
                pitches[start:end, voice] = max(pitch.midi for pitch in note.pitches)
                # A note that is tied to one before it goes on.
                begins[start, voice] = note.tie is None or note.tie.type == "start"
    bars = list(score.parts[0].getElementsByClass("Measure"))
    if not bars or not frames:
        return None
    places = np.zeros(frames, np.int16)
    for bar in bars:
        start = round(float(bar.offset) * GRID)
        before = round(float(bar.paddingLeft) * GRID)
        places[start:] = np.arange(frames - start) + before
    key = score.analyze("key")
    length = round(float(bars[min(1, len(bars) - 1)].barDuration.quarterLength) * GRID)
    return Chorale(name, pitches, begins, places, length, key.tonic.pitchClass, key.mode == "minor")


def store(path: Path, chorales: list[Chorale]) -> None:
    """Keep what was read, aside first, so that a cut write is never taken for the whole."""
    arrays: dict[str, Any] = {}
    for chorale in chorales:
        arrays[f"{chorale.name}/notes"] = np.concatenate(
            [chorale.pitches, chorale.begins, chorale.places[:, None]], axis=1, dtype=np.int16
        )
        arrays[f"{chorale.name}/facts"] = np.array([chorale.bar, chorale.tonic, chorale.minor])
    scratch = path.with_suffix(".part.npz")
    np.savez_compressed(scratch, **arrays)
    scratch.replace(path)


def restore(path: Path) -> list[Chorale]:
    """What `store` kept, in the order of the names."""
    chorales = []
    with np.load(path) as kept:
        for name in sorted({key.rpartition("/")[0] for key in kept.files}):
            notes, (bar, tonic, minor) = kept[f"{name}/notes"], kept[f"{name}/facts"].tolist()
            pitches, begins, places = notes[:, :VOICES], notes[:, VOICES : 2 * VOICES] > 0, notes[:, -1]
            chorales.append(Chorale(name, pitches, begins, places, bar, tonic, bool(minor)))
    return chorales
