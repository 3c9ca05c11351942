"""The baseline of named entities: a conditional random field on hand-made features of each word and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from service.frontends.words import FEATURES, features
from training.data.tagged import Sentence

REACH = 2
"""Words to each side whose features count."""


def crf_labels(train: Sequence[Sentence], test: Sequence[Sentence]) -> list[list[str]]:
    """Learn from `train` (L-BFGS, elastic net) and label `test`."""
    from sklearn_crfsuite import CRF

    field = CRF(algorithm="lbfgs", c1=0.1, c2=0.01, max_iterations=100)
    field.fit([_columns(each.words) for each in train], [list(each.tags) for each in train])
    found: list[list[str]] = field.predict([_columns(each.words) for each in test])
    return found


def _columns(words: Sequence[str]) -> list[dict[str, str]]:
    known = [dict(zip(FEATURES, features(word), strict=True)) for word in words]
    return [
        {
            f"{reach:+d}{name}": value
            for reach in range(-REACH, REACH + 1)
            if 0 <= place + reach < len(words)
            for name, value in known[place + reach].items()
        }
        for place in range(len(words))
    ]
