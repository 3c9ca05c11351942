"""Stretches hold what fits, with the words that were said, and silence where nothing was."""

import numpy as np
import pytest

from training.data.spoken import Clip, Speaker
from training.data.stretches import PACES, TAIL, Stretches, spoken_at

SAMPLES = 32_000
WORD = Clip(np.full(4_000, 900, np.int16), "word")


def drawn(speakers, count=60):
    stretches, random = Stretches(speakers, SAMPLES), np.random.default_rng(4)
    return [stretches.draw(random) for _ in range(count)]


def text_of(stretch):
    return " ".join(each.text for each in stretch.said)


def test_every_word_is_heard_and_the_end_is_silent():
    for sound, said in drawn([Speaker("a", (WORD,))]):
        assert len(sound) == SAMPLES
        voiced = np.count_nonzero(sound) / 4_000
        count = len(said)
        assert count / (PACES[1] * 1.06) <= voiced <= count / (PACES[0] * 0.94) or count == voiced == 0
        assert not sound[-int(TAIL * 16_000) + 1 :].any()


def test_it_is_told_when_each_clip_was_said():
    for sound, said in drawn([Speaker("a", (WORD,))]):
        for each in said:
            assert (sound[each.start : each.stop] > 0).all()
            sound[each.start : each.stop] = 0
        assert not sound.any()


def test_some_stretches_are_silence_alone():
    texts = [text_of(stretch) for stretch in drawn([Speaker("a", (WORD,))], 400)]
    assert 4 <= texts.count("") <= 40


def test_kinds_of_speakers_are_heard_equally_often():
    other = Clip(WORD.samples, "other")
    speakers = [*(Speaker("many", (WORD,)) for _ in range(9)), Speaker("one", (other,))]
    texts = [text_of(stretch) for stretch in drawn(speakers, 300) if stretch.said]
    assert 0.4 < sum("other" in text for text in texts) / len(texts) < 0.6


def test_a_kind_is_heard_as_often_as_its_share_says():
    other = Clip(WORD.samples, "other")
    texts = [text_of(stretch) for stretch in drawn([Speaker("a", (WORD,), 3.0), Speaker("b", (other,))], 300)]
    spoken = [text for text in texts if text]
    assert 0.15 < sum("other" in text for text in spoken) / len(spoken) < 0.35


def test_what_is_too_long_is_not_begun():
    long = Clip(np.ones(2 * SAMPLES, np.int16), "long")
    assert not any(stretch.said for stretch in drawn([Speaker("a", (long,))]))


def test_a_faster_clip_is_shorter_and_its_loudest_sample_is_one():
    found = spoken_at(WORD, 1.25)
    assert len(found) == pytest.approx(3_200, abs=1)
    assert found.max() == 1
    assert not spoken_at(Clip(np.zeros(10, np.int16), ""), 1).any()
