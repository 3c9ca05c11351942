"""Prompts of a telephone exchange: their texts, and numbers that are joined from them."""

import io
import tarfile

import numpy as np
import pytest

from training.data import asterisk
from training.data.asterisk import joined, read_texts
from training.data.cache import DataError
from training.data.spoken import Clip


def test_texts_are_read_by_the_name_of_their_sound():
    content = "; sounds\ndigits/1: one\nletters/z: Z\n\nletters/at: at [@]\n"
    assert read_texts(content) == {"digits/1": "one", "letters/z": "z", "letters/at": "at [@]"}


def test_numbers_are_joined_with_pauses_and_the_same_every_time():
    prompts = [Clip(np.full(100, 5, np.int16), "one"), Clip(np.full(50, 7, np.int16), "two")]
    first, again = joined(prompts, 20, 1), joined(prompts, 20, 1)
    assert [clip.text for clip in first] == [clip.text for clip in again]
    for clip in first:
        words = clip.text.split()
        assert 2 <= len(words) <= 6
        assert np.count_nonzero(clip.samples) == sum(100 if word == "one" else 50 for word in words)
        pauses = len(clip.samples) - np.count_nonzero(clip.samples)
        assert 800 * (len(words) - 1) <= pauses <= 4_800 * (len(words) - 1)
        assert clip.samples[-1] != 0


def test_a_package_without_a_prompt_says_so():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w"):
        pass
    content.seek(0)
    with tarfile.open(fileobj=content) as package, pytest.raises(DataError, match="do not hold"):
        asterisk._content(package, "./one.wav")
