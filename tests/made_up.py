"""Made-up data of each task's own format, and one stream to ask of a model that learned from it: no network needed.

A new recipe gets an entry here; the tests that go through all recipes fail without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hiddenstate import Client
from service.frontends.pose import column_names

FRAMES = 20
LETTERS = "abcdefghijkl"


@dataclass(frozen=True)
class MadeUp:
    """`write` makes data in a folder and gives its path, None where the smoke recipe makes up its own; `ask` gives the
    answers of a served model.
    """

    write: Callable[[Path], Path | None]
    ask: Callable[[Client, str], Iterable[Any]]


def curve(turns: int, dice: np.random.Generator) -> np.ndarray:
    """A recording [frames, 2]: so many turns around a circle, with some noise."""
    angles = turns * np.linspace(0, 2 * np.pi, FRAMES)
    return np.stack([np.sin(angles), np.cos(angles)], axis=1) + dice.normal(0, 0.05, (FRAMES, 2))


def _text(folder: Path) -> Path:
    path = folder / "mine.txt"
    path.write_text("It was the best of times, it was the worst of times, said the cat. " * 120, encoding="utf-8")
    return path


def _labelled_texts(folder: Path) -> Path:
    words = {"good": ("fine", "great", "moving"), "bad": ("dull", "poor", "empty")}
    rows = [f"a {word} film {number},{label}" for number in range(30) for label in words for word in words[label]]
    path = folder / "mine.csv"
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return path


def _tagged_words(folder: Path) -> Path:
    sentences = [f"Ida B-PER\nGrey I-PER\nsaw O\n{word}{number} O" for number in range(40) for word in ("a", "the")]
    path = folder / "mine.txt"
    path.write_text("\n\n".join(sentences), encoding="utf-8")
    return path


def _pairs(folder: Path) -> Path:
    rows = [f"{first}{second}\t{first.upper()} {second.upper()}" for first in LETTERS for second in LETTERS]
    path = folder / "mine.tsv"
    path.write_text("\n".join(["source\ttarget", *rows]), encoding="utf-8")
    return path


def _recordings(folder: Path, columns: Sequence[str]) -> Path:
    dice = np.random.default_rng(5)
    for turns, label in enumerate(("circle", "wave"), start=1):
        (folder / label).mkdir()
        for number in range(15):
            frames = np.resize(curve(turns, dice), (FRAMES, len(columns)))
            rows = [",".join(map(str, [frame / 20, *values])) for frame, values in enumerate(frames.round(3))]
            (folder / label / f"{number}.csv").write_text("\n".join([",".join(["t", *columns]), *rows]))
    return folder


def _gestures(columns: Sequence[str]) -> MadeUp:
    recording = np.resize(curve(1, np.random.default_rng(6)), (FRAMES, len(columns)))
    return MadeUp(
        lambda folder: _recordings(folder, columns), lambda client, model: client.gestures([recording], model=model)
    )


def _tags() -> MadeUp:
    return MadeUp(_tagged_words, lambda client, model: client.tag("Ida Grey saw", model=model))


_PAIRS = MadeUp(_pairs, lambda client, model: client.translations(["ab"], model=model))
_SERIES = MadeUp(lambda _: None, lambda client, model: client.forecast([1.0, 2.0, None, 4.0], model=model))
_CURVES = _gestures(("x", "y"))
TONES = (0.3 * np.sin(0.4 * np.arange(16_000))).astype(np.float32)
"""A second of sound."""

MADE_UP: dict[str, MadeUp] = {
    "text_generation": MadeUp(_text, lambda client, model: client.generate("It was", model=model, max_tokens=3)),
    "sentiment": MadeUp(_labelled_texts, lambda client, model: client.sentiment("a fine film", model=model)),
    "tagging": _tags(),
    "tagging_whole": _tags(),
    "named_entities": _tags(),
    "forecast_yearly": _SERIES,
    "forecast_quarterly": _SERIES,
    "forecast_monthly": _SERIES,
    "forecast_other": _SERIES,
    "fingerspelling": _gestures(column_names()),
    "japanese_vowels": _CURVES,
    "cricket": _CURVES,
    "music": MadeUp(lambda _: None, lambda client, model: client.compose(model=model, quarters=2.0, seed=1)),
    "pronunciation": _PAIRS,
    "translation": _PAIRS,
    "speech": MadeUp(lambda _: None, lambda client, model: client.transcriptions([TONES], model=model)),
}
"""By recipe; those without recurrent layers are not here. What shares an entry differs in its data alone."""
