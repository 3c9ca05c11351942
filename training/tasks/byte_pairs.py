"""Byte-pair vocabularies of sentences, as `tokenizers` files."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from training.tasks.seq2seq import END, START

# A word with the blank before it; each digit, mark or blank alone: numbers and formulas are copied piece by piece.
_PIECES = Regex(r" ?\p{L}+|\d| ?[^\s\p{L}\d]|\s")


def fit_byte_pairs(texts: Iterable[str], size: int, *, is_source: bool) -> Tokenizer:
    """A vocabulary of `size` tokens at most (the 256 bytes among them). That of sources ends each with a token, and
    takes any white space for one blank.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if is_source:
        end = tokenizer.token_to_id(END)
        tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, end)])
    return tokenizer
