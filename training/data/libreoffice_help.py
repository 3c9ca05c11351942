"""The help of LibreOffice in English and Spanish, paragraph by paragraph, from Debian packages; MPL-2.0.

A paragraph has the same number in every language, so pairs need no alignment. The split is by a hash of the file, each
source kept where it comes first; validation and test hold paragraphs of 3 to 40 words. The training part also has the
shorter and longer ones and the program's own messages, but for those that share six words in a row with a source or a
target that is held out.
"""

from __future__ import annotations

import gettext
import html
import re
import tarfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from training.data.cache import Licensed, Package, check_digest, fetch
from training.data.debian import package_files
from training.data.pairs import PARTS, Pair, PairedText, part_of

SOURCE = Licensed(
    name="LibreOffice 7.4 help and messages, English and Spanish",
    licence="MPL-2.0",
    source="Debian packages libreoffice-help-en-us, libreoffice-help-es and libreoffice-l10n-es 7.4.7",
)
DIGEST = "e8c459419dbc2ba2660b5b5f36425da961b7551d0b7b333d30e188929425a9d6"
"""SHA-256 of all pairs: one a line, parts in order, source and target parted by a tab."""
SHORTEST, LONGEST, RUN = 3, 40, 6

_PARAGRAPH = re.compile(r'<(p|h[1-4]|td|li)\b[^>]*\bid="((?:par|hd)_id[^"]*)"[^>]*>(.*?)</\1>', re.DOTALL)
_TAG, _BLANKS = re.compile(r"<[^>]*>"), re.compile(r"\s+")
_ACCELERATOR = re.compile(r"[~_](?=\w)")
Paragraphs = Mapping[tuple[str, str], str]
"""The text of each paragraph, by its file and its number."""


def package(name: str) -> Package:
    """One of the Debian packages."""
    return Package(
        name=name,
        command=("apt-get", "download", name),
        pattern=f"{name}_*.deb",
        advice="On a bare machine run `apt-get update` first (Debian 12 has this version), then try again; or train on "
        "your own pairs with --data FILE (CSV: source,target).",
    )


def load(cache: Path | None = None) -> PairedText:
    """Fetch, check and split. Raises DataError."""
    names = ("libreoffice-help-en-us", "libreoffice-help-es", "libreoffice-l10n-es")
    english, spanish, messages = (package_files(fetch(package(name), cache).read_bytes(), name) for name in names)
    with english, spanish, messages:
        text = split(read_help(english, "en-US"), read_help(spanish, "es"), read_messages(messages))
    lines = (f"{pair.source}\t{pair.targets[0]}" for part in PARTS for pair in getattr(text, part))
    check_digest("\n".join(lines).encode(), DIGEST, "the text of LibreOffice")
    return text


def split(english: Paragraphs, spanish: Paragraphs, messages: Iterable[tuple[str, str]]) -> PairedText:
    """Paragraphs in both languages and messages → pairs in parts."""
    parts: dict[str, dict[str, str]] = {part: {} for part in PARTS}
    known: set[str] = set()
    for key, source in english.items():
        target = spanish.get(key, "")
        if not target or source == target or source in known or not any(map(str.isalpha, source)):
            continue
        known.add(source)
        part = part_of(key[0])
        if part == "train" or SHORTEST <= len(source.split()) <= LONGEST:
            parts[part][source] = target
    held_out = [text for part in PARTS[1:] for pair in parts[part].items() for text in pair]
    runs = {run for text in held_out for run in _runs(text)}
    for source, target in messages:
        if source not in known and not any(run in runs for text in (source, target) for run in _runs(text)):
            parts["train"].setdefault(source, target)
    train, valid, test = (tuple(Pair(source, (target,)) for source, target in parts[part].items()) for part in PARTS)
    return PairedText(train, valid, test, SOURCE)


def read_help(files: tarfile.TarFile, language: str) -> dict[tuple[str, str], str]:
    """All paragraphs with text, in the order of the names of their files."""
    top = f"./usr/share/libreoffice/help/{language}/text/"
    found: dict[tuple[str, str], str] = {}
    for name in sorted(name for name in files.getnames() if name.startswith(top) and name.endswith(".html")):
        content = files.extractfile(name)
        for number, text in parse(content.read().decode("utf-8") if content else ""):
            found.setdefault((name.removeprefix(top), number), text)
    return found


def parse(page: str) -> Iterator[tuple[str, str]]:
    """The number and the text of each paragraph that has any."""
    for match in _PARAGRAPH.finditer(page):
        if text := plain(html.unescape(_TAG.sub("", match[3]))):
            yield match[2], text


def read_messages(files: tarfile.TarFile) -> list[tuple[str, str]]:
    """Messages of one line and their translations, without the marks of keys to press."""
    found = []
    for name in sorted(name for name in files.getnames() if name.endswith(".mo")):
        catalogue = gettext.GNUTranslations(files.extractfile(name))
        for key, target in catalogue._catalog.items():  # type: ignore[attr-defined]  # the only way to list them
            # The context of a message stands before it, parted by this character.
            source = key.rpartition("\x04")[2] if isinstance(key, str) else ""
            if source and source != target and "\n" not in source + target:
                found.append((plain(_ACCELERATOR.sub("", source)), plain(_ACCELERATOR.sub("", target))))
    return [(source, target) for source, target in found if target and any(map(str.isalpha, source))]


def plain(text: str) -> str:
    """Composed characters, and single spaces between words."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip()


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of six words in a text; a shorter text is one of its own."""
    words = text.casefold().split()
    for first in range(max(1, len(words) - RUN + 1)):
        yield tuple(words[first : first + RUN])
