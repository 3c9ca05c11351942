"""The movie snippets: read from a package of the same format, with made-up rows."""

import io
import tarfile
import zipfile

import pytest

from training.data import movie_snippets
from training.data.cache import DataError, Licensed
from training.data.movie_snippets import Example, folds, parse_rows, split


def rows(count: int = 200) -> tuple[Example, ...]:
    return tuple(Example(f"text {number}", number % 2, number) for number in range(count))


def test_rows_are_read_from_the_archive_inside_the_package(tmp_path):
    content, inner = b"1\t0.5\tgood\n", io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as files:
        member = tarfile.TarInfo("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt")
        member.size = len(content)
        files.addfile(member, io.BytesIO(content))
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz", inner.getvalue())
    assert movie_snippets.read_package(path) == content


def test_another_zip_is_refused_by_name(tmp_path):
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("other.txt", "")
    with pytest.raises(DataError, match="does not hold"):
        movie_snippets.read_package(path)


def test_a_row_gives_text_rating_and_number():
    (example,) = parse_rows("7\t-1.25\tdull, and \u0085 long\r\n".encode())
    assert example == Example("dull, and \u0085 long", 1, 7, -1.25)


def test_labels_come_from_the_place_of_the_row():
    content = "\n".join(f"{row + 1}\t0\tx" for row in range(10_500)).encode()
    labels = [example.label for example in parse_rows(content)]
    places = {0: 1, 5151: 1, 5152: 0, 10311: 0, 10312: 1, 10346: 1, 10347: 0, 10377: 0, 10378: 1, 10480: 1, 10481: 0}
    assert {row: labels[row] for row in places} == places


def test_a_row_with_too_few_fields_is_named():
    with pytest.raises(DataError, match="line 2 has 2 fields"):
        parse_rows(b"1\t0\tx\n2\t0\n")


def test_the_split_keeps_every_row_once_and_does_not_depend_on_the_others():
    source = Licensed("made up", "none", "a test")
    whole, half = split(rows(), ("a", "b"), source), split(rows(100), ("a", "b"), source)
    assert sorted(e.number for part in (whole.train, whole.valid, whole.test) for e in part) == list(range(200))
    assert len(whole.train) > 140
    assert set(half.test) <= set(whole.test)


def test_ten_folds_test_every_row_once_and_never_train_on_it():
    tested = []
    for fold in range(10):
        train, test = folds(rows(), fold)
        assert not {e.number for e in train} & {e.number for e in test}
        assert len(train) + len(test) == 200
        tested += [example.number for example in test]
    assert sorted(tested) == list(range(200))
