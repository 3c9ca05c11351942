"""What may be said: phrases one after the other, each letter by letter."""

import pytest

from service.errors import Reason, ServiceError
from service.tasks.phrases import Phrases, checked_phrases

TOKENS = ("", " ", "o", "n", "f")


def ends(text, *phrases):
    """Whether a text may end here; None where it cannot be said at all."""
    limit = Phrases(phrases, TOKENS)
    place = limit.begin()
    for letter in text:
        place = limit.follow(place, TOKENS.index(letter))
        if place is None:
            return None
    return limit.complete(place)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("o", False),
        ("on", True),
        ("on ", True),
        ("on o", False),
        ("on off", True),
        ("on no", True),
        ("on no on", True),
        ("off on no ", True),
        (" ", True),
        (" on  off", True),
        ("o n", None),
        ("no", None),
        ("off no", None),
        ("onn", None),
    ],
)
def test_phrases_follow_each_other_and_one_may_begin_with_another(text, expected):
    assert ends(text, "on", "off", "on no") is expected


def test_whole_words_are_tokens_as_well():
    tokens = ("", " ", "on", "off")
    limit = Phrases(["on off"], tokens)
    place = limit.begin()
    for token in (1, 2, 1):
        place = limit.follow(place, token)
    assert not limit.complete(place)
    assert limit.follow(place, 2) is None
    assert limit.complete(limit.follow(place, 3))


def test_a_word_without_tokens_is_named_with_the_words_that_have_some():
    with pytest.raises(ServiceError, match=r"phrase 0 has 'no', .* it writes 2 words alone: on, off") as caught:
        checked_phrases(["off no"], ("", " ", "on", "off"))
    assert (caught.value.reason, caught.value.violations[0].field) == (Reason.PHRASE_INVALID, "config.phrases[0]")


def test_phrases_are_read_word_by_word():
    assert checked_phrases(["on  off ", "no"], TOKENS) == ["on off", "no"]


def test_a_letter_that_is_not_known_is_named_with_those_that_are():
    with pytest.raises(ServiceError, match="phrase 1 has 'O', 'x'; this model spells with 'fno' alone") as caught:
        checked_phrases(["on", "xO"], TOKENS)
    assert (caught.value.reason, caught.value.violations[0].field) == (Reason.PHRASE_INVALID, "config.phrases[1]")
