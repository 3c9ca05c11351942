"""PocketSphinx 5 (Huggins-Daines et al., 2006) with its own English model and a grammar of the same words.

The word list of its own dictionary says how they sound; a grammar in JSGF lets any number of them follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from training.data.cache import DataError
from training.data.spoken import Clip
from training.tasks.speech_learning import heard_alone

NAME = "PocketSphinx 5 with a grammar of the same words"


def recognised(clips: Sequence[Clip], words: Sequence[str]) -> list[str]:
    """What it writes down of each clip. Raises DataError where it is not installed, or does not know a word."""
    decoder = _decoder(words)
    texts = []
    for clip in clips:
        sound = np.round(heard_alone(clip).ravel() * 32768).astype("<i2")
        decoder.start_utt()
        decoder.process_raw(sound.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        texts.append("" if found is None else found.hypstr.lower())
    return texts


def _decoder(words: Sequence[str]) -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise DataError("PocketSphinx is missing: `pip install 'hiddenstate[baselines]'`") from error
    with TemporaryDirectory() as folder:
        path = Path(folder) / "words.gram"
        path.write_text(f"#JSGF V1.0;\ngrammar words;\npublic <words> = ( {' | '.join(words)} )+ ;\n", encoding="utf-8")
        try:
            return Decoder(jsgf=str(path), lm=None, samprate=16000, loglevel="FATAL")
        except RuntimeError as error:
            raise DataError(f"PocketSphinx cannot be had say these words: {error}") from error
