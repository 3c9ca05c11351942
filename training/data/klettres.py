"""The letters as two people say them: the alphabet tutor KLettres, American and British.

From the Debian package klettres-data, GPL-2+: read from the cache, learned from, and not kept.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from training.data.cache import DataError, Package, fetch
from training.data.debian import package_files
from training.data.synthesizers import Samples, resampled, trimmed

PEOPLE = {"en": str.upper, "en_GB": str.lower}
"""A folder for each of them, and how the files in it are named."""
NOISE = 0.05
"""Below this share of the loudest sample, what is heard before and after a letter is the room."""
PACKAGE = Package(
    name="klettres-data",
    command=("apt-get", "download", "klettres-data"),
    pattern="klettres-data_*.deb",
    advice="On a bare machine run `apt-get update` first, then try again.",
)


def load(letters: tuple[str, ...], cache: Path | None = None) -> list[dict[str, Samples]]:
    """What each person says of each letter, silence at both ends cut. Raises DataError."""
    with package_files(fetch(PACKAGE, cache).read_bytes(), PACKAGE.name) as files:
        people = []
        for folder, written in PEOPLE.items():
            said = {}
            for letter in letters:
                name = f"./usr/share/klettres/{folder}/alpha/{written(letter)}.ogg"
                try:
                    file = files.extractfile(name)
                except KeyError:
                    file = None
                if file is None:
                    raise DataError(f"{PACKAGE.name} does not hold {name}: delete it and fetch it again")
                said[letter] = trimmed(read_ogg(file.read()), NOISE)
            people.append(said)
    return people


def read_ogg(content: bytes) -> Samples:
    """A recording as one channel at 16 kHz. Raises DataError."""
    try:
        import soundfile
    except ImportError as error:
        raise DataError("soundfile is missing: `pip install 'hiddenstate[voices]'`") from error
    sound, rate = soundfile.read(io.BytesIO(content), dtype="float64", always_2d=True)
    return resampled(np.round(sound.mean(axis=1) * 32767), rate)
