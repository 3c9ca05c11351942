"""The user's own data: one text file, or a CSV with the columns text and label (and rating, if there is one)."""

import csv
from pathlib import Path

from training.data.austen import Corpus
from training.data.cache import DataError, Licensed
from training.data.movie_snippets import Example, Examples, split

SHORTEST_TEXT = 2000


def load_text(path: Path) -> Corpus:
    """A UTF-8 text file; its last 5 % are the test part, the 5 % before them the validation part."""
    text = _read(path)
    if len(text) < SHORTEST_TEXT:
        raise DataError(f"{path} holds {len(text)} characters; at least {SHORTEST_TEXT} are needed to learn and test")
    first, second = int(len(text) * 0.9), int(len(text) * 0.95)
    return Corpus((text[:first],), (text[first:second],), (text[second:],), _source(path))


def load_rows(path: Path) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """All rows of a CSV file with the columns text and label, and the labels in alphabetical order."""
    reader = csv.DictReader(_read(path).splitlines(keepends=True))
    missing = {"text", "label"} - set(reader.fieldnames or ())
    if missing:
        raise DataError(f"{path} needs a first line that names the columns text,label; missing: {sorted(missing)}")
    rows = [row for row in reader if (row["text"] or "").strip() and (row["label"] or "").strip()]
    labels = tuple(sorted({row["label"].strip() for row in rows}))
    if len(labels) < 2:
        raise DataError(f"{path} has {len(labels)} label(s); at least 2 are needed")
    places = {label: place for place, label in enumerate(labels)}
    return tuple(
        Example(row["text"], places[row["label"].strip()], number, _rating(path, number, row.get("rating")))
        for number, row in enumerate(rows)
    ), labels


def load_table(path: Path) -> Examples:
    """The rows of a CSV file, split 80/10/10 by a hash of the text."""
    rows, labels = load_rows(path)
    examples = split(rows, labels, _source(path))
    if not (examples.train and examples.valid and examples.test):
        raise DataError(f"{path} has {len(rows)} rows: too few for three parts; give 30 or more")
    return examples


def _rating(path: Path, number: int, text: str | None) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{path}, row {number + 1}: rating {text!r} is not a number") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}; convert it first, e.g. with iconv") from error


def _source(path: Path) -> Licensed:
    return Licensed(path.name, "the user's own", "a local file")
