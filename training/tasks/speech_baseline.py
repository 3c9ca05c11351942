"""PocketSphinx 5 (Huggins-Daines et al., 2006) with its own English model and a grammar of the same words.

The word list of its own dictionary says how they sound; a grammar in JSGF lets any number of them follow each other.
Its penalty for one more word was chosen on twenty clips of the validation part (words wrong: 54 %, and 68 to 98 % with
others); its beams are narrower than by default, where it takes 15 times as long. What they cost was not measured.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from training.data.cache import DataError
from training.data.spoken import Clip
from training.tasks.speech_learning import heard_alone

NAME = "PocketSphinx 5 with a grammar of the same words"
TUNED = {"wip": 0.05, "beam": 1e-30, "pbeam": 1e-30, "wbeam": 1e-20}
CLIPS_AT_ONCE = 16


def recognised(clips: Sequence[Clip], words: Sequence[str]) -> list[str]:
    """What it writes down of each clip, on all cores. Raises DataError where it is not installed, or does not know a
    word.
    """
    _decoder(words)
    parts = [clips[start : start + CLIPS_AT_ONCE] for start in range(0, len(clips), CLIPS_AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return [text for texts in pool.map(partial(_written_down, words), parts) for text in texts]


def _written_down(words: Sequence[str], clips: Sequence[Clip]) -> list[str]:
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
            return Decoder(jsgf=str(path), lm=None, samprate=16000, loglevel="FATAL", **TUNED)
        except RuntimeError as error:
            raise DataError(f"PocketSphinx cannot be had say these words: {error}") from error
