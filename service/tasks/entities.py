"""Tags that mark runs of words: the runs, and the most likely tags among those that make sense together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OUTSIDE, BEGIN, INSIDE = "O", "B-", "I-"


class Span(NamedTuple):
    """A run of words `start` (included) to `stop` (not included) of one kind."""

    label: str
    start: int
    stop: int


def spans(labels: Sequence[str]) -> list[Span]:
    """The runs that IOB2 labels mark (`B-PER I-PER O`). An `I-` that continues nothing begins a run of its own."""
    found: list[Span] = []
    open_since, kind = 0, ""
    for place, label in enumerate([*labels, OUTSIDE]):
        continues = label.startswith(INSIDE) and label[2:] == kind
        if kind and not continues:
            found.append(Span(kind, open_since, place))
            kind = ""
        if not kind and label.startswith((BEGIN, INSIDE)):
            open_since, kind = place, label[2:]
    return found


def marks_runs(labels: Sequence[str]) -> bool:
    """Whether a set of labels is IOB2: outside, and a beginning for every kind."""
    return OUTSIDE in labels and any(label.startswith(BEGIN) for label in labels)


def best_path(scores: Floats, transitions: Floats) -> NDArray[np.int64]:
    """The labels [words] of the highest sum of scores [words, labels] and transitions [labels + 1, labels], whose last
    row is what each label costs at the start of a sentence (Viterbi, 1967).
    """
    reached = scores[0] + transitions[-1]
    came_from = np.zeros(scores.shape, np.int64)
    for word in range(1, len(scores)):
        ways = reached[:, None] + transitions[:-1]  # [from, to]
        came_from[word] = ways.argmax(axis=0)
        reached = ways.max(axis=0) + scores[word]
    path = np.empty(len(scores), np.int64)
    path[-1] = reached.argmax()
    for word in range(len(scores) - 1, 0, -1):
        path[word - 1] = came_from[word, path[word]]
    return path
