"""The two vocabularies of pronunciation, as `tokenizers` files: letters in, sounds out."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from training.tasks.seq2seq import END, START, UNKNOWN


def letter_tokenizer(words: Iterable[str]) -> Tokenizer:
    """Every letter is a token, in lower case and without accents; one that was never seen is the unknown one."""
    tokenizer = _of_words([UNKNOWN, END], sorted({letter for word in words for letter in word.lower()}))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(?m:.)"), "isolated")
    return tokenizer


def sound_tokenizer(pronunciations: Iterable[str]) -> Tokenizer:
    """Every sound, between blanks, is a token."""
    sounds = sorted({sound for each in pronunciations for sound in each.split()})
    tokenizer = _of_words([START, END, UNKNOWN], sounds)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([START, END, UNKNOWN])
    return tokenizer


def _of_words(special: list[str], words: list[str]) -> Tokenizer:
    return Tokenizer(models.WordLevel({word: place for place, word in enumerate([*special, *words])}, UNKNOWN))
