"""What is inside a Debian package: an ar archive that holds a tar archive of files."""

from __future__ import annotations

import io
import tarfile

from training.data.cache import DataError

_MAGIC = b"!<arch>\n"
_MEMBER_HEADER = 60  # bytes before each member of an ar archive: name 16, …, size 10 at offset 48


def package_files(package: bytes, name: str) -> tarfile.TarFile:
    """The files of a .deb, their names beginning with `./`; `name` is used in errors. Raises DataError."""
    try:
        return tarfile.open(fileobj=io.BytesIO(_data_member(package, name)))
    except tarfile.TarError as error:
        raise DataError(f"{name}: its files are packed in a way that Python does not know: {error}") from error


def _data_member(archive: bytes, name: str) -> bytes:
    """The first member whose name begins with `data.tar`."""
    if not archive.startswith(_MAGIC):
        raise DataError(f"{name} is not a Debian package: delete it and fetch it again")
    place = len(_MAGIC)
    while place < len(archive):
        header = archive[place : place + _MEMBER_HEADER]
        size = int(header[48:58])
        place += _MEMBER_HEADER
        if header[:16].decode("ascii").strip().startswith("data.tar"):
            return archive[place : place + size]
        place += size + size % 2
    raise DataError(f"{name} holds no data.tar: fetch it again")
