"""Digits and letters as a person says them: prompts of the telephone exchange Asterisk, 8 kHz, spoken by A. Smith.

From the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav 1.6.1, CC-BY-SA-3.0: read from the
cache, for measuring alone; neither sound nor model made from it is kept. Every prompt is heard alone, and many times
joined to numbers and spellings, with pauses, as an exchange plays them.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from training.data.cache import DataError, Licensed, Package, fetch
from training.data.debian import package_files
from training.data.spoken import DIGITS, LETTERS, Clip
from training.data.synthesizers import RATE, Samples, read_wave, trimmed

SOURCE = Licensed(
    name="Asterisk core sounds, English (measured on, not learned from)",
    licence="CC-BY-SA-3.0",
    source="Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav 1.6.1",
)
JOINED = 100
"""Numbers, and spellings, that are joined from prompts."""
LONGEST = 6
PAUSES = (0.05, 0.3)
"""Seconds between two prompts of a number."""

_SOUNDS = "./usr/share/asterisk/sounds/en_US_f_Allison/"
_TEXTS = "./usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"


def package(name: str) -> Package:
    """One of the Debian packages."""
    return Package(
        name=name,
        command=("apt-get", "download", name),
        pattern=f"{name}_*.deb",
        advice="On a bare machine run `apt-get update` first, then try again.",
    )


def load(cache: Path | None = None) -> dict[str, tuple[Clip, ...]]:
    """Digits and letters: each prompt alone, then joined. Raises DataError."""
    texts, sounds = (
        package_files(fetch(package(name), cache).read_bytes(), name)
        for name in ("asterisk-core-sounds-en", "asterisk-core-sounds-en-wav")
    )
    with texts, sounds:
        said = read_texts(gzip.decompress(_content(texts, _TEXTS)).decode())
        return {
            f"Asterisk {name}": _clips(sounds, said, f"{name}/", words)
            for name, words in (("digits", DIGITS), ("letters", LETTERS))
        }


def read_texts(content: str) -> dict[str, str]:
    """A prompt a line, `folder/name: what is said`; `;` begins a remark."""
    rows = (line.partition(": ") for line in content.splitlines() if not line.startswith(";"))
    return {name.strip(): text.strip().lower() for name, _, text in rows if text}


def joined(prompts: Sequence[Clip], count: int, seed: int) -> tuple[Clip, ...]:
    """Numbers of two prompts or more, drawn from these, with pauses between."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        chosen = [prompts[place] for place in random.integers(0, len(prompts), random.integers(2, LONGEST + 1))]
        sounds: list[Samples] = []
        for clip in chosen:
            sounds += [clip.samples, np.zeros(int(random.uniform(*PAUSES) * RATE), np.int16)]
        found.append(Clip(np.concatenate(sounds[:-1]), " ".join(clip.text for clip in chosen)))
    return tuple(found)


def _clips(sounds: tarfile.TarFile, said: Mapping[str, str], folder: str, words: Sequence[str]) -> tuple[Clip, ...]:
    """The prompts of a folder that say one of these words, then what is joined from them."""
    names = [name for name, text in said.items() if name.startswith(folder) and text in words]
    prompts = [
        Clip(trimmed(read_wave(_content(sounds, f"{_SOUNDS}{name}.wav"), name)), said[name]) for name in sorted(names)
    ]
    return *prompts, *joined(prompts, JOINED, seed=len(words))


def _content(package: tarfile.TarFile, name: str) -> bytes:
    try:
        file = package.extractfile(name)
    except KeyError as error:
        raise DataError(f"the sounds of Asterisk do not hold {name}: delete the package and fetch it again") from error
    if file is None:
        raise DataError(f"{name} is no file: delete the package and fetch it again")
    return file.read()
