"""What music is compared with: chains that know one frame back, of single pitches or of single voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.frontends.music import FRAMES_OF_QUARTER, HOLD, ORDER, VOICES

PITCHES = 128
Rolls = NDArray[np.bool_]


def piano_roll(pitches: NDArray[np.int16]) -> Rolls:
    """pitches [frames, voices], 0 is silence → which pitches sound, [frames, PITCHES]."""
    roll = np.zeros((len(pitches), PITCHES), np.bool_)
    roll[np.arange(len(pitches))[:, None], pitches] = True
    roll[:, 0] = False
    return roll


class PitchMarkov:
    """Each pitch by itself sounds or not, depending on whether it did in the frame before: a chain for every pitch."""

    def __init__(self, rolls: Sequence[Rolls]) -> None:
        on, all_ = np.zeros((2, PITCHES)), np.zeros((2, PITCHES))
        for roll in rolls:
            for before in (False, True):
                follows = _before(roll) == before
                on[int(before)] += (roll & follows).sum(axis=0)
                all_[int(before)] += follows.sum(axis=0)
        self._on = (on + 0.5) / (all_ + 1.0)  # [before, pitch]

    def nats_per_frame(self, rolls: Sequence[Rolls]) -> float:
        """The mean over frames of the negative log-likelihood of all pitches."""
        total = 0.0
        for roll in rolls:
            on = np.where(_before(roll), self._on[1], self._on[0])
            total -= float(np.log(np.where(roll, on, 1 - on)).sum())
        return total / sum(map(len, rolls))


class VoiceMarkov:
    """Each voice by itself does what it did after what it sounds now, at this place in the beat; tokens that are rare
    there borrow from how often the voice does them at all.
    """

    def __init__(self, pieces: Sequence[NDArray[np.int64]], tokens: int, borrowed: float = 2.0) -> None:
        counts = np.zeros((VOICES, FRAMES_OF_QUARTER, tokens, tokens))
        for piece in pieces:
            for voice in ORDER:
                np.add.at(counts[voice], _seen(piece[:, voice]), 1)
        seldom = counts.sum(axis=2, keepdims=True) + 0.1
        seldom /= seldom.sum(axis=3, keepdims=True)
        self._odds = (counts + borrowed * seldom) / (counts.sum(axis=3, keepdims=True) + borrowed)

    def nats(self, piece: NDArray[np.int64], voices: Sequence[int] = ORDER) -> float:
        """The negative log-likelihood of these voices of a piece, tokens [frames, VOICES]."""
        return -sum(float(np.log(self._odds[voice][_seen(piece[:, voice])]).sum()) for voice in voices)


def _before(roll: Rolls) -> Rolls:
    """What sounded in the frame before each; nothing before the first."""
    return np.concatenate([np.zeros((1, PITCHES), np.bool_), roll[:-1]])


def _seen(tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The place in the beat, what sounded before, and what is done: [frames] each."""
    frames = np.arange(len(tokens))
    begun = np.where(tokens == HOLD, 0, frames)
    sounding = tokens[np.maximum.accumulate(begun)]
    return frames % FRAMES_OF_QUARTER, np.concatenate([[HOLD], sounding[:-1]]), tokens
