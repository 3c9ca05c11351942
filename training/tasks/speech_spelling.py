"""How texts are written with tokens, and about when each token of a recording is heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.frontends.audio import STEP_SAMPLES
from training.data.spoken import Speech
from training.data.stretches import Said

BLANK, SPACE = "", " "
LATE = 2
"""Steps from the end of a sound to its token."""
OPENED = 3
"""Steps from the begin of a word to the space that opens it."""


class Spelling:
    """A closed list of words is written with a token for each, and a space where it begins. Else tokens are characters,
    and a space stands behind every word, so that its end is told without waiting for another.
    """

    def __init__(self, speech: Speech) -> None:
        self.whole = bool(speech.words)
        clips = [clip for speaker in speech.train for clip in speaker.clips]
        letters = sorted(set("".join(clip.text for clip in clips)) - {SPACE})
        self.tokens = (BLANK, SPACE, *(speech.words if self.whole else letters))
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        self._alone = any(SPACE not in clip.text for clip in clips)

    def spelled(self, text: str) -> list[int]:
        """The tokens of a text."""
        if self.whole:
            return [number for word in text.split() for number in (self._numbers[SPACE], self._numbers[word])]
        return [self._numbers[letter] for word in text.split() for letter in word + SPACE]

    def hinted(self, said: Sequence[Said], steps: int) -> NDArray[np.int64]:
        """About when each token is heard, [steps]; the blank where none is. Of phrases nothing is told where words are
        said alone as well; else their words, and the characters of any clip, are at even distances.
        """
        tokens = np.zeros(steps, np.int64)
        for each in said:
            for sample, late, token in self._words(each) if self.whole else self._letters(each):
                tokens[min(int(sample / STEP_SAMPLES) + late, steps - 1)] = token
        return tokens

    def _words(self, said: Said) -> list[tuple[float, int, int]]:
        words = said.text.split()
        if len(words) > 1 and self._alone:
            return []
        places = np.linspace(said.start, said.stop, len(words) + 1).tolist()
        found = []
        for word, begin, end in zip(words, places, places[1:], strict=False):
            found += [(begin, OPENED, self._numbers[SPACE]), (end, LATE, self._numbers[word])]
        return found

    def _letters(self, said: Said) -> list[tuple[float, int, int]]:
        spelled = self.spelled(said.text)
        each = (said.stop - said.start) / (len(spelled) - 0.5)
        return [(said.start + each * (number + 0.5), LATE, token) for number, token in enumerate(spelled)]
