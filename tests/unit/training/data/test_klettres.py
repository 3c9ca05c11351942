"""Letters that people said: read from their package, without the room before and after them."""

import io
import tarfile

import numpy as np
import pytest

from training.data import klettres
from training.data.cache import DataError

soundfile = pytest.importorskip("soundfile")


def recording(count: int) -> bytes:
    """A second of silence at 8 kHz, in two channels, with so many samples of a tone in the middle."""
    sound = np.zeros((8_000, 2))
    sound[4_000 : 4_000 + count] = 0.5 * np.sin(np.arange(count) / 2)[:, None]
    content = io.BytesIO()
    soundfile.write(content, sound, 8_000, format="OGG")
    return content.getvalue()


def opened(content):
    """What opens the package, whatever its bytes are."""
    return lambda *_: tarfile.open(fileobj=content)


def package(tmp_path, monkeypatch, names):
    """The package, with these files alone."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as files:
        for name in names:
            sound = recording(1_600)
            entry = tarfile.TarInfo(f"./usr/share/klettres/{name}.ogg")
            entry.size = len(sound)
            files.addfile(entry, io.BytesIO(sound))
    content.seek(0)
    path = tmp_path / "klettres-data_1.deb"
    path.write_bytes(b"")
    monkeypatch.setattr(klettres, "fetch", lambda *_: path)
    monkeypatch.setattr(klettres, "package_files", opened(content))


def test_each_person_says_each_letter_and_no_silence(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch, ["en/alpha/A", "en/alpha/B", "en_GB/alpha/a", "en_GB/alpha/b"])
    people = klettres.load(("a", "b"))
    assert [list(person) for person in people] == [["a", "b"], ["a", "b"]]
    for person in people:
        for samples in person.values():
            assert samples.dtype == np.int16
            assert 3_000 < len(samples) < 4_500  # a tone of 0.2 s, and 20 ms at both ends
            assert 12_000 < np.abs(samples).max() < 20_000


def test_a_package_without_a_letter_says_so(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch, ["en/alpha/A"])
    with pytest.raises(DataError, match=r"does not hold .*en_GB/alpha/a\.ogg"):
        klettres.load(("a",))
