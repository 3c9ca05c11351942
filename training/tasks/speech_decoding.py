"""Texts from the logits of whole recordings, by the server's own decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.tasks.ctc import Decoder, candidates_of
from service.tasks.phrases import Phrases
from service.tasks.readings import Reader
from service.tasks.scoring import probabilities
from training.tasks.speech_learning import Floats
from training.tasks.speech_spelling import SPACE

BEAMS = 8
"""Texts that are followed at once."""


def decoded(scores: Sequence[Floats], tokens: Sequence[str], words: Sequence[str]) -> list[str]:
    """The likeliest text of each recording, from its logits [steps, tokens]; of these `words` alone, if there are any.

    A recording is an utterance; the server, asked to end utterances by itself, begins anew at long pauses.
    """
    decoder = Decoder(BEAMS, list(tokens).index(SPACE), Phrases(words, tokens) if words else None)
    reader = Reader(decoder, tokens)
    return [_text(each, decoder, reader) for each in scores]


def _text(scores: Floats, decoder: Decoder, reader: Reader) -> str:
    search = decoder.begin()
    (candidates,) = candidates_of(probabilities(scores.astype(np.float64)), [(0, len(scores))])
    for each in candidates:
        decoder.advance(search, each)
    return reader.final(search, 1, words=False)[0].text
