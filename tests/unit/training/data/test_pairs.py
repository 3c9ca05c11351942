"""Pairs of the user's own: three formats that mean the same, and clear words about what is wrong with a file."""

import json

import pytest

from training.data.cache import DataError, Licensed
from training.data.pairs import Pair, gathered, load_own, part_of, read_rows, split

ROWS = [("cat", "K AE T"), ("a, b", 'he said "c"'), ("cat", "K A T")]


def as_csv() -> str:
    return 'source,target\ncat,K AE T\n"a, b","he said ""c"""\ncat,K A T\n'


def as_tsv() -> str:
    return 'target\tsource\nK AE T\tcat\n"he said ""c"""\ta, b\nK A T\tcat\n'


def as_jsonl() -> str:
    return "\n".join(json.dumps({"source": source, "target": target}) for source, target in ROWS)


@pytest.mark.parametrize(("name", "text"), [("a.csv", as_csv()), ("a.tsv", as_tsv()), ("a.jsonl", as_jsonl())])
def test_three_formats_say_the_same(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_rows(tmp_path / name) == ROWS


def test_rows_of_one_source_are_several_targets_of_it():
    assert gathered(ROWS) == (Pair("cat", ("K AE T", "K A T")), Pair("a, b", ('he said "c"',)))


def test_a_file_is_split_by_its_sources_and_a_folder_by_its_files(tmp_path):
    lines = "".join(f"word {number},x\n" for number in range(300))
    (tmp_path / "all.csv").write_text(f"source,target\n{lines}")
    text = load_own(tmp_path / "all.csv")
    assert (len(text.train) > 240, len(text.valid) > 4, len(text.test) > 4) == (True, True, True)
    assert all(part_of(pair.source) == "test" for pair in text.test)
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.csv").write_text(f"source,target\n{part},y\n")
    assert load_own(tmp_path).valid == (Pair("valid", ("y",)),)


def test_a_pair_stays_in_its_part_whatever_stands_beside_it():
    pairs = [Pair(f"{number}", ("x",)) for number in range(200)]
    whole, half = (split(given, Licensed("a", "b", "c")) for given in (pairs, pairs[::2]))
    assert set(half.test) <= set(whole.test)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "x", "ends in none of .csv, .tsv, .jsonl"),
        ("a.csv", "word,sound\na,b\n", "does not name source, target"),
        ("a.csv", "source,target\na,\n", "row 1: source or target is missing"),
        ("a.csv", "source,target\n", "holds no row"),
        ("a.csv", "source,target\na,b\n", "too few sources"),
        ("a.jsonl", "{", "row 1 is not JSON"),
        ("a.jsonl", '{"source": 3, "target": "x"}', "row 1 is no object with text"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load_own(tmp_path / name)


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"source,target\n\xff")
    for name, message in (("a.csv", "not UTF-8"), ("b.csv", "No such file")):
        with pytest.raises(DataError, match=message):
            load_own(tmp_path / name)
    with pytest.raises(DataError, match="holds no train file"):
        load_own(tmp_path)
