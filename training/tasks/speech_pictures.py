"""What the report of a recogniser shows: words that are taken for others, and what the network says over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

import numpy as np

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from training.data.spoken import Clip, Speech
from training.report import Section, picture, store_picture, tidy
from training.speech_network import SpeechNetwork
from training.tasks.speech_decoding import decoded
from training.tasks.speech_learning import Floats, heard_alone, scores_of

PICTURE = "posteriors.png"
SHOWN = 25
"""Confusions in the table."""
NOTHING = "–"


def sections(network: SpeechNetwork, tokens: Sequence[str], speech: Speech, folder: Path) -> list[Section]:
    """Both, on the validation part."""
    scores = scores_of(network, speech.valid)
    pairs = zip((clip.text for clip in speech.valid), decoded(scores, tokens, speech.words), strict=True)
    rows = ["| said | written | times |", "|---|---|---|"]
    rows += [f"| {said} | {written} | {count} |" for (said, written), count in confusions(pairs).most_common(SHOWN)]
    longest = max(range(len(scores)), key=lambda place: len(speech.valid[place].text))
    draw_posteriors(speech.valid[longest], scores[longest], tokens, folder / PICTURE)
    return [
        Section("Words taken for others", "\n".join(rows)),
        Section("What is heard over time", f"![posteriors]({PICTURE})"),
    ]


def confusions(pairs: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """How often which word was taken for which, from (said, written) texts; a dash where there is none."""
    found: Counter[tuple[str, str]] = Counter()
    for said, written in pairs:
        left, right = said.split(), written.split()
        for what, begin, end, first, last in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            if what != "equal":
                found.update(zip_longest(left[begin:end], right[first:last], fillvalue=NOTHING))
    return found


def draw_posteriors(clip: Clip, scores: Floats, tokens: Sequence[str], target: Path) -> None:
    """The sound, and below it the probability of each character that is likely anywhere."""
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    sound = heard_alone(clip).ravel()
    figure, [[above], [below]] = picture(2, 1, (10, 4.6))
    above.plot(np.arange(len(sound)) / SAMPLE_RATE, sound, color="#777777", linewidth=0.5)
    seconds = np.arange(len(shares)) * STEP_SAMPLES / SAMPLE_RATE
    for token in np.flatnonzero(shares.max(axis=0) > 0.3).tolist():
        below.plot(seconds, shares[:, token], linewidth=1.4)
        best = int(shares[:, token].argmax())
        below.text(seconds[best], 1.02, tokens[token] or "(blank)", ha="center", fontsize=9)
    above.set(title=f"“{clip.text}”", ylabel="sound")
    below.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.15))
    for axes in (above, below):
        axes.set_xlim(0, len(sound) / SAMPLE_RATE)
        tidy(axes)
    store_picture(figure, target)
