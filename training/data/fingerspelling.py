"""Fingerspelling: the one-handed alphabets of 13 sign languages as hand landmarks, 335 clips of 26 letters.

From the PyPI package spoken-to-signed 0.4.0: landmarks that MediaPipe found in videos of signers. The package is under
the MIT licence, the videos are others': clips stay in the cache. Reads the `.pose` format with `pose-format`. Tested on
a language of which nothing was learned: the last of the alphabet of codes, or each in turn (`--folds 13`).
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.frontends.pose import LANDMARKS, column_names
from training.data.cache import DataError, Licensed, cache_folder
from training.data.recordings import Recording, Recordings, some_of
from training.data.wheels import inner_file, opened, wheel

SOURCE = Licensed(
    name="fingerspelling lexicon, MediaPipe landmarks",
    licence="MIT (package); cache only",
    source="PyPI package spoken-to-signed 0.4.0",
)
PACKAGE = wheel("spoken-to-signed", "0.4.0", "train on your own landmarks with --data PATH.")
DIGEST = "10570745f622476c0f890a9715e5376b650fb85bb0d0cef4b7cb031892055367"
"""SHA-256 of the package."""
LANGUAGES = tuple("ase asq bzs eso gsg ise lls mfs psr sgg ssp svk swl".split())  # noqa: SIM905
"""Sign languages, by ISO 639-3, that spell Latin letters with one hand."""
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
FRAME_RATE = 25.0
DEPTH, _DEPTHS = 720.0, {"sgg": 2200.0}
"""What depth is multiplied with to be in the unit of x and y, and where videos are wider. The package has x and y in
units of the signer, but left z in widths of the video. Found without a look at letters: at this factor the bones of a
hand are about as long in every frame (best at 600 to 800 in twelve languages, at 2,000 to 2,500 in `sgg`).
"""

_FOLDER = "spoken_to_signed/assets/fingerspelling_lexicon/"
_HANDS = ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")
_EXTRACTED = "fingerspelling-0.4.0-in-one-unit.npz"


def load(cache: Path | None = None) -> Recordings:
    """Fetch, check and parse; tested on the last language. Raises DataError."""
    recordings = load_all(cache)
    train = tuple(each for each in recordings if each.group != LANGUAGES[-1])
    return Recordings(
        kind="hands",
        labels=LETTERS,
        columns=column_names(),
        frame_rate=FRAME_RATE,
        train=train,
        valid=some_of(train),
        test=tuple(each for each in recordings if each.group == LANGUAGES[-1]),
        source=SOURCE,
        split=f"sign language {LANGUAGES[-1]}, which was not learned from",
    )


def load_all(cache: Path | None = None) -> tuple[Recording, ...]:
    """Every clip, whose it is being its language; read once from the package, then from the cache."""
    extracted = (cache or cache_folder()) / _EXTRACTED
    if not extracted.is_file():
        with opened(PACKAGE, DIGEST, cache) as package:
            save(extracted, read(package))
    with np.load(extracted) as file:
        frames = np.split(file["frames"], np.cumsum(file["counts"])[:-1])
        labels, groups = file["labels"].tolist(), file["groups"].tolist()
    return tuple(Recording(*each) for each in zip(frames, labels, groups, strict=True))


def read(package: zipfile.ZipFile) -> tuple[Recording, ...]:
    """The clips that the lexicon's index names: one letter of one of the languages each."""
    index = csv.DictReader(io.StringIO(inner_file(package, _FOLDER + "index.csv").decode("utf-8")))
    return tuple(
        Recording(
            in_one_unit(landmarks(inner_file(package, _FOLDER + row["path"])), row["signed_language"]),
            LETTERS.index(row["words"]),
            row["signed_language"],
        )
        for row in index
        if row["signed_language"] in LANGUAGES and row["words"] in LETTERS
    )


def landmarks(content: bytes) -> NDArray[np.float32]:
    """The landmarks of both hands in a `.pose` file, [frames, 2 x 21 x 3], NaN where a hand was not seen."""
    try:
        from pose_format import Pose
    except ImportError as error:
        message = "landmarks are read with the package pose-format: `pip install hiddenstate[training]` brings it"
        raise DataError(message) from error
    pose = Pose.read(content)
    values = np.ma.filled(pose.body.data.astype(np.float32), np.nan)[:, 0]  # [frames, points, 3]
    starts, first = {}, 0
    for component in pose.header.components:
        starts[component.name] = first
        first += len(component.points)
    hands = [values[:, starts[name] : starts[name] + LANDMARKS, :3] for name in _HANDS]
    joined: NDArray[np.float32] = np.stack(hands, axis=1).reshape(len(values), -1)
    return joined


def in_one_unit(frames: NDArray[np.float32], language: str) -> NDArray[np.float32]:
    """Frames with depth from each hand's wrist, in the unit of x and y."""
    hands = frames.reshape(-1, 2, LANDMARKS, 3).copy()
    hands[..., 2] = (hands[..., 2] - hands[:, :, :1, 2]) * _DEPTHS.get(language, DEPTH)
    return hands.reshape(frames.shape)


def save(path: Path, recordings: tuple[Recording, ...]) -> None:
    """Keep what was read, moved into its place when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new.npz")
    np.savez_compressed(
        aside,
        frames=np.concatenate([each.frames for each in recordings]),
        counts=np.array([len(each.frames) for each in recordings]),
        labels=np.array([each.label for each in recordings]),
        groups=np.array([each.group for each in recordings]),
    )
    aside.replace(path)
