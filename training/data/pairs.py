"""Pairs of a source and what it becomes, and the plain formats for the user's own: CSV, TSV or JSON lines.

A file names its columns, `source` and `target`; rows with the same source are several right targets of it. A folder
holds `train`, `valid` and `test` with one of these endings; a single file is split 90/5/5 by a hash of each source.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from training.data.cache import DataError, Licensed

ENDINGS = (".csv", ".tsv", ".jsonl")
PARTS = ("train", "valid", "test")
_ADVICE = "give CSV or TSV with the columns source,target, or JSON lines with these keys"


class Pair(NamedTuple):
    """A source and all of its targets that are right, the most usual one first."""

    source: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class PairedText:
    """Pairs by split."""

    train: tuple[Pair, ...]
    valid: tuple[Pair, ...]
    test: tuple[Pair, ...]
    source: Licensed


def load_own(path: Path) -> PairedText:
    """A folder with three files, or one file. Raises DataError."""
    source = Licensed(path.name, "the user's own", "a local file")
    if path.is_dir():
        train, valid, test = (gathered(read_rows(_part(path, part))) for part in PARTS)
        return PairedText(train, valid, test, source)
    text = split(gathered(read_rows(path)), source)
    if not (text.train and text.valid and text.test):
        raise DataError(f"{path} has too few sources for three parts; give 100 or more")
    return text


def split(pairs: Iterable[Pair], source: Licensed) -> PairedText:
    """Split 90/5/5 by a hash of each source."""
    parts: dict[str, list[Pair]] = {part: [] for part in PARTS}
    for pair in pairs:
        parts[part_of(pair.source)].append(pair)
    train, valid, test = (tuple(parts[part]) for part in PARTS)
    return PairedText(train, valid, test, source)


def part_of(key: str) -> str:
    """The part of whatever has this key: train (90 %), valid (5 %) or test (5 %)."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
    return "train" if place < 90 else "valid" if place < 95 else "test"


def gathered(rows: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    """Rows of a source and a target → one pair for each source, in the order of their first rows."""
    found: dict[str, dict[str, None]] = {}
    for source, target in rows:
        found.setdefault(source, {})[target] = None
    return tuple(Pair(source, tuple(targets)) for source, targets in found.items())


def read_rows(path: Path) -> list[tuple[str, str]]:
    """The sources and targets of a file, blanks around them removed. Raises DataError."""
    text = _read(path)
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} ends in none of {', '.join(ENDINGS)}; {_ADVICE}")
    found = []
    for number, row in _objects(path, text) if path.suffix == ".jsonl" else _table(path, text):
        source, target = ((row.get(name) or "").strip() for name in ("source", "target"))
        if not source or not target:
            raise DataError(f"{path}, row {number}: source or target is missing; {_ADVICE}")
        found.append((source, target))
    if not found:
        raise DataError(f"{path} holds no row; {_ADVICE}")
    return found


def _table(path: Path, text: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter="\t" if path.suffix == ".tsv" else ",")
    if missing := {"source", "target"} - set(reader.fieldnames or ()):
        raise DataError(f"{path}: the first line does not name {', '.join(sorted(missing))}; {_ADVICE}")
    return enumerate(reader, 1)


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, row {number} is not JSON: {error}; {_ADVICE}") from error
        if not isinstance(row, dict) or not all(isinstance(row.get(name, ""), str) for name in ("source", "target")):
            raise DataError(f"{path}, row {number} is no object with text; {_ADVICE}")
        yield number, row


def _part(folder: Path, part: str) -> Path:
    for ending in ENDINGS:
        if (path := folder / f"{part}{ending}").is_file():
            return path
    raise DataError(f"{folder} holds no {part} file ({', '.join(ENDINGS)}); {_ADVICE}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {_ADVICE}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}; convert it first, e.g. with iconv") from error
