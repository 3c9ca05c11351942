"""The baseline of tagging: each word gets the tag it had most often; a new word that of its ending."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from training.data.tagged import Sentence

LONGEST_ENDING = 4


class MostFrequentTag:
    """Counts of tags by word and by the last letters of words."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in zip(sentence.words, sentence.tags, strict=True):
                for key in self._keys(word):
                    counts[key][tag] += 1
        self._best = {key: tags.most_common(1)[0][0] for key, tags in counts.items()}

    def predict(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """The tags of sentences."""
        return [[self._tag(word) for word in sentence.words] for sentence in sentences]

    def _tag(self, word: str) -> str:
        return next(self._best[key] for key in self._keys(word) if key in self._best)

    @staticmethod
    def _keys(word: str) -> list[tuple[str, str]]:
        """What a word is known by, the most telling first."""
        endings = [("ending", word[-length:]) for length in range(LONGEST_ENDING, 0, -1)]
        return [("word", word), ("folded", word.lower()), *endings, ("any", "")]
