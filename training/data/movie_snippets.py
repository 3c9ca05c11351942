"""Movie review snippets with the mean rating of twenty people each, and the labels of the reviews they come from.

The MR polarity set as rated for VADER (Hutto and Gilbert, 2014), from the PyPI package vaderSentiment 0.5, MIT
licence. Neither the word list of that package nor anything made from it is read. Two splits: by hash of the text
80/10/10 for a release, and ten folds by `id % 10` for comparison with published figures.
"""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.data.cache import DataError, Licensed, Package, check_digest, fetch, pip_download

SOURCE = Licensed(
    name="movie review snippets (MR) with mean human ratings",
    licence="MIT",
    source="PyPI package vaderSentiment 0.5",
)
PACKAGE = Package(
    name="vaderSentiment",
    command=pip_download("vaderSentiment==0.5"),
    pattern="vaderSentiment-0.5.*",
    advice="Check the network and pip; or train on your own examples with --data FILE (CSV: text,label).",
)
LABELS = ("negative", "positive")
FOLDS = 10
DIGEST = "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350"
"""SHA-256 of the file of snippets."""

_INNER = "additional_resources/hutto_ICWSM_2014.tar.gz"
_ROWS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
# The original labels, by row: the file holds the positive reviews first, but for a few blocks near its end.
_POSITIVE = (range(5152), range(10312, 10347), range(10378, 10481))


@dataclass(frozen=True)
class Example:
    """A text, the index of its class, its fold or split number, and the mean rating (-4..4), where one is known."""

    text: str
    label: int
    number: int
    rating: float | None = None


@dataclass(frozen=True)
class Examples:
    """Labelled texts by split."""

    labels: tuple[str, ...]
    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    source: Licensed


def load(cache: Path | None = None) -> Examples:
    """Fetch, check and split 80/10/10 by hash of the text. Raises DataError."""
    return split(load_rows(cache), LABELS, SOURCE)


def load_rows(cache: Path | None = None) -> tuple[Example, ...]:
    """Fetch and check; all rows in the order of the file. Raises DataError."""
    return parse_rows(check_digest(read_package(fetch(PACKAGE, cache)), DIGEST, f"the snippets in {PACKAGE.name}"))


def read_package(path: Path) -> bytes:
    """The file of snippets inside the package (a zip that holds a tar)."""
    try:
        with zipfile.ZipFile(path) as package:
            inner = next(name for name in package.namelist() if name.endswith(_INNER))
            content = package.read(inner)
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            member = files.extractfile(_ROWS)
            rows = member.read() if member is not None else b""
    except (zipfile.BadZipFile, tarfile.TarError, StopIteration, KeyError) as error:
        raise DataError(f"{path} does not hold {_ROWS}: delete it and try again") from error
    return rows


def parse_rows(content: bytes) -> tuple[Example, ...]:
    """Lines of id, mean rating and text, parted by tabs; the label comes from the place of the row in the file."""
    examples = []
    for row, line in enumerate(content.decode("utf-8").rstrip("\n").split("\n")):
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 3:
            raise DataError(f"line {row + 1} has {len(fields)} fields instead of 3")
        label = int(any(row in block for block in _POSITIVE))
        examples.append(Example(fields[2], label, int(fields[0]), float(fields[1])))
    return tuple(examples)


def split(rows: tuple[Example, ...], labels: tuple[str, ...], source: Licensed) -> Examples:
    """Split 80/10/10 by a hash of the text, so that the same text always lands in the same part."""
    parts: tuple[list[Example], ...] = ([], [], [])
    for row in rows:
        place = hashlib.sha256(row.text.encode()).digest()[0] / 256
        parts[0 if place < 0.8 else 1 if place < 0.9 else 2].append(row)
    train, valid, test = map(tuple, parts)
    return Examples(labels, train, valid, test, source)


def folds(rows: tuple[Example, ...], fold: int, count: int = FOLDS) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(train, test) of one fold: the test part has `id % count == fold`."""
    train = tuple(row for row in rows if row.number % count != fold)
    return train, tuple(row for row in rows if row.number % count == fold)
