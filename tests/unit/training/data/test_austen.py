"""The novels: read from a package of the same format, with made-up lines."""

import bz2
import io
import lzma
import tarfile
import zlib

import numpy as np
import pytest
import rdata

from training.data import austen
from training.data.cache import DataError

BOOKS = {"emma": ["EMMA", "", "by a hand"], "persuasion": ["One line."]}


def r_object(value: object) -> bytes:
    return rdata.unparser.unparse_data(rdata.conversion.convert_python_to_r_data(value), file_type="rds")


def chunk(content: bytes, kind: bytes) -> bytes:
    packed = {b"Z": lzma.compress, b"2": bz2.compress, b"": zlib.compress}[kind](content)
    return len(content).to_bytes(4, "big") + kind + packed


def database() -> tuple[bytes, bytes]:
    chunks, places = b"", {}
    for kind, (name, lines) in zip((b"Z", b""), BOOKS.items(), strict=True):
        written = chunk(r_object(np.array(lines)), kind)
        places[name] = np.array([len(chunks), len(written)], np.int32)
        chunks += written
    return r_object({"variables": places}), chunks


def package() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as files:
        for name, content in zip(("Rdata.rdx", "Rdata.rdb"), database(), strict=True):
            member = tarfile.TarInfo(f"./usr/lib/R/site-library/janeaustenr/data/{name}")
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": buffer.getvalue()}
    archive = b"!<arch>\n"
    for name, content in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n".encode()
        archive += header + content + b"\n" * (len(content) % 2)
    return archive


def test_books_are_read_from_a_package_with_their_lines_joined():
    assert austen.read_package(package()) == {"emma": "EMMA\n\nby a hand", "persuasion": "One line."}


@pytest.mark.parametrize("kind", [b"Z", b"2", b""], ids=["xz", "bzip2", "zlib"])
def test_every_kind_of_chunk_is_unpacked(kind):
    assert austen.unpack_chunk(chunk(b"content", kind)) == b"content"


def test_a_chunk_of_another_length_than_it_says_is_an_error():
    with pytest.raises(DataError, match="fetch it again"):
        austen.unpack_chunk((9).to_bytes(4, "big") + zlib.compress(b"content"))


def test_another_file_is_no_package():
    with pytest.raises(DataError, match="not a Debian package"):
        austen.read_package(b"PK")


def test_the_splits_share_no_book():
    assert len({*austen.TRAIN, *austen.VALID, *austen.TEST}) == 6
