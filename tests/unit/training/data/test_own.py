"""The user's own data: text and CSV files, and what is said of those that cannot be used."""

import pytest

from training.data import own
from training.data.cache import DataError


def test_a_text_is_cut_into_three_parts_in_order(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("0123456789" * 400, encoding="utf-8")
    corpus = own.load_text(path)
    assert (len(corpus.train[0]), len(corpus.valid[0]), len(corpus.test[0])) == (3600, 200, 200)
    assert corpus.train[0] + corpus.valid[0] + corpus.test[0] == path.read_text()
    assert corpus.source.name == "mine.txt"


def test_a_table_gives_labels_in_alphabetical_order_and_ratings_where_there_are_any(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text('text,label,rating\n"good, very",yes,2.5\nbad,no,\n,no,1\n"two\nlines",yes,1\n', encoding="utf-8")
    rows, labels = own.load_rows(path)
    assert labels == ("no", "yes")
    assert [(row.text, row.label, row.rating) for row in rows] == [
        ("good, very", 1, 2.5),
        ("bad", 0, None),
        ("two\nlines", 1, 1.0),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,x\nb,x\n", "at least 2"),
        ("words,label\na,x\n", r"missing: \['text'\]"),
        ("text,label\na,x\nb,y\n", "too few"),
        ("text,label,rating\na,x,high\nb,y,1\n", "row 1: rating 'high'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(tmp_path, content, message):
    path = tmp_path / "mine.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        own.load_table(path)


def test_a_text_that_is_short_missing_or_not_utf8_is_refused(tmp_path):
    path = tmp_path / "mine.txt"
    with pytest.raises(DataError, match="No such file"):
        own.load_text(path)
    path.write_bytes(b"short")
    with pytest.raises(DataError, match="at least 2000"):
        own.load_text(path)
    path.write_bytes(b"caf\xe9" * 1000)
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        own.load_text(path)
