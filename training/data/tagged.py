"""Tagged sentences, and the plain format for the user's own: CoNLL columns, one word a line, a blank line between.

The first column is the word and the last one its tag; columns are parted by blanks or tabs. A folder holds
`train.txt`, `valid.txt` and `test.txt`; a single file is split 80/10/10 by a hash of each sentence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.data.cache import DataError, Licensed

PARTS = ("train", "valid", "test")
DOCUMENT_MARK = "-DOCSTART-"


@dataclass(frozen=True)
class Sentence:
    """Words and the tag of each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TaggedText:
    """Sentences by split."""

    train: tuple[Sentence, ...]
    valid: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    source: Licensed


def load_own(path: Path) -> TaggedText:
    """A folder with train.txt, valid.txt and test.txt, or one file. Raises DataError."""
    source = Licensed(path.name, "the user's own", "a local file")
    if path.is_dir():
        train, valid, test = (read_columns(path / f"{part}.txt") for part in PARTS)
        return TaggedText(train, valid, test, source)
    return split(read_columns(path), source)


def read_columns(path: Path) -> tuple[Sentence, ...]:
    """The sentences of a file in CoNLL columns. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give CoNLL columns: a word and its tag a line") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}; convert it first, e.g. with iconv") from error
    return parse_columns(text, str(path))


def parse_columns(text: str, name: str) -> tuple[Sentence, ...]:
    """The sentences of a text in CoNLL columns; `name` is used in errors. Raises DataError."""
    sentences = tuple(_sentences(name, text.splitlines()))
    if not sentences:
        raise DataError(f"{name} holds no sentence; give CoNLL columns: a word and its tag a line")
    return sentences


def split(sentences: Iterable[Sentence], source: Licensed) -> TaggedText:
    """Split 80/10/10 by a hash of the words. Raises DataError when a part is empty."""
    parts: tuple[list[Sentence], ...] = ([], [], [])
    for sentence in sentences:
        place = hashlib.sha256(" ".join(sentence.words).encode()).digest()[0] / 256
        parts[0 if place < 0.8 else 1 if place < 0.9 else 2].append(sentence)
    train, valid, test = map(tuple, parts)
    if not (train and valid and test):
        raise DataError(f"{source.name} has too few sentences for three parts; give 30 or more")
    return TaggedText(train, valid, test, source)


def _sentences(name: str, lines: Iterable[str]) -> Iterator[Sentence]:
    rows: list[list[str]] = []
    for number, line in enumerate([*lines, ""], 1):
        fields = line.split()
        if fields and fields[0] != DOCUMENT_MARK:
            if len(fields) < 2:
                raise DataError(f"{name}, line {number}: {line!r} has no tag; give a word and its tag a line")
            rows.append(fields)
        elif rows:
            yield Sentence(tuple(row[0] for row in rows), tuple(row[-1] for row in rows))
            rows = []
