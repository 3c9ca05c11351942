"""Words to steps: by the word alone, new ones by their letters and shape."""

import json

import pytest

from service.errors import ServiceError
from service.frontends.words import END_ID, FEATURES, FIRST_ID, UNKNOWN_ID, WordFrontend, features

COUNTS = dict.fromkeys(FEATURES, 1)


def test_a_word_is_known_by_itself_its_ends_and_its_shape():
    assert features("Fulton") == ("fulton", "f", "fu", "ful", "n", "on", "ton", "lton", "Xxx")
    assert features("1961-62")[0] == "0000-00"
    assert features("1961-62")[-1] == "00-00"
    assert features("a") == ("a", "a", "a", "a", "a", "a", "a", "a", "x")


def test_ids_count_from_the_most_frequent_and_new_values_are_unknown():
    frontend = WordFrontend.fitted(["the", "the", "cat"], COUNTS)
    (the, cat, new) = frontend.encode(["the", "cat", "zebra"])
    assert (the[0], cat[0], new[0]) == (FIRST_ID, FIRST_ID + 1, UNKNOWN_ID)
    assert new[-1] == FIRST_ID, "its shape is known"
    assert (frontend.end(2) == END_ID).all()
    assert all(row.max() < size for row, size in zip(frontend.encode(["the", "cat"]).T, frontend.sizes, strict=True))


def test_rare_values_are_not_kept():
    frontend = WordFrontend.fitted(["the", "the", "cat"], COUNTS | {"word": 2})
    assert [row[0] for row in frontend.encode(["the", "cat"])] == [FIRST_ID, UNKNOWN_ID]


def test_no_words_are_no_steps():
    assert WordFrontend.fitted(["a"], COUNTS).encode([]).shape == (0, len(FEATURES))


def test_it_comes_back_from_its_file(tmp_path):
    frontend = WordFrontend.fitted(["der", "Häuser", "der"], COUNTS)
    (tmp_path / "words.json").write_bytes(frontend.to_bytes())
    again = WordFrontend.from_file(tmp_path / "words.json")
    assert again.encode(["der", "Häuser", "x"]).tolist() == frontend.encode(["der", "Häuser", "x"]).tolist()


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"word": []})])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(ServiceError, match="no vocabulary"):
        WordFrontend.from_file(tmp_path / "words.json")
