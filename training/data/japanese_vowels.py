"""Japanese vowels: nine men say two vowels; who speaks? 12 cepstral coefficients for each of 7 to 29 frames.

From the PyPI package aeon 1.6.0, BSD-3-Clause (Kudo, Toyama and Shimbo, 1999; UCI archive). Official split: 270 for
training, 370 for the test. One frame lasts 12.8 ms and they follow each other by 6.4 ms.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.cache import DataError, Licensed
from training.data.recordings import Recording, Recordings, some_of
from training.data.wheels import inner_file, opened, wheel

SOURCE = Licensed(
    name="JapaneseVowels (UCI, UEA archive)",
    licence="BSD-3-Clause (package), CC BY 4.0 (UCI)",
    source="PyPI package aeon 1.6.0",
)
PACKAGE = wheel("aeon", "1.6.0", "train on your own recordings with --data PATH.")
DIGEST = "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409"
"""SHA-256 of the package."""
CHANNELS = 12
FRAME_RATE = 156.25

_FOLDER = "aeon/datasets/data/JapaneseVowels/JapaneseVowels"


def load(cache: Path | None = None) -> Recordings:
    """Fetch, check and parse. Raises DataError."""
    with opened(PACKAGE, DIGEST, cache) as package:
        train, test = (parse(inner_file(package, f"{_FOLDER}_{part}.ts").decode()) for part in ("TRAIN", "TEST"))
    return Recordings(
        kind="sensors",
        labels=tuple(f"speaker {number}" for number in range(1, 10)),
        columns=tuple(f"cepstrum_{number}" for number in range(1, CHANNELS + 1)),
        frame_rate=FRAME_RATE,
        train=train,
        valid=some_of(train),
        test=test,
        source=SOURCE,
        split="official test part",
    )


def parse(text: str) -> tuple[Recording, ...]:
    """The `ts` format: after `@data` a recording a line, its channels and then its class parted by colons."""
    lines = text.partition("@data")[2].strip().splitlines()
    recordings = []
    for number, line in enumerate(lines, 1):
        *channels, label = line.split(":")
        try:
            frames = np.array([channel.split(",") for channel in channels], np.float32).T
            recordings.append(Recording(np.ascontiguousarray(frames), int(label) - 1))
        except ValueError as error:
            raise DataError(f"recording {number} is damaged: {error}") from error
    return tuple(recordings)
