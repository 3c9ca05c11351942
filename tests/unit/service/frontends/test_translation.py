"""Sentences to source tokens and target tokens to text: nothing lost, nothing that a cut could change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from service.errors import BundleError, Reason
from service.frontends.translation import TranslationFrontend
from tests.repositories import byte_tokenizer

LANGUAGES = {"source_language": "en", "target_language": "es"}
ENDS = {"start_token": "<start>", "end_token": "<end>"}


def of_bytes() -> Tokenizer:
    tokenizer = Tokenizer.from_str(byte_tokenizer("<start>").decode())
    tokenizer.add_special_tokens(["<end>"])
    return tokenizer


def of_letters() -> Tokenizer:
    """Letters, with an end token that the tokenizer adds."""
    known = {letter: place for place, letter in enumerate(["<unk>", "</s>", *"abc"])}
    tokenizer = Tokenizer(models.WordLevel(known, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def of_sounds() -> Tokenizer:
    known = {sound: place for place, sound in enumerate(["<start>", "<end>", "AH0", "B", "K"])}
    tokenizer = Tokenizer(models.WordLevel(known, "<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<start>", "<end>"])
    return tokenizer


TEXT = TranslationFrontend(of_bytes(), of_bytes(), **LANGUAGES, **ENDS)
SOUNDS = TranslationFrontend(of_letters(), of_sounds(), **LANGUAGES, **ENDS, separator=" ")


@given(st.text())
def test_a_target_comes_back_as_it_was_but_for_the_blanks_around_it(text):
    assert TEXT.decode(TEXT.encode_target(text)) == text.strip()


def test_tokens_of_a_character_that_is_not_complete_have_no_text_yet():
    decoder = TEXT.decoder()
    assert [decoder.feed(token) for token in TEXT.encode_target("ñu")] == ["", "ñ", "u"]


@given(st.text("añ€ ", min_size=1), st.integers(0, 9))
def test_a_decoder_goes_on_from_what_another_held(text, cut):
    tokens = TEXT.encode_target(text)
    first = TEXT.decoder()
    begin = "".join(first.feed(token) for token in tokens[:cut])
    second = TEXT.decoder(first.held, first.begun)
    assert begin + "".join(second.feed(token) for token in tokens[cut:]) == TEXT.decode(tokens)


def test_sounds_are_separated_and_letters_keep_their_places():
    assert SOUNDS.encode(" cab\n") == ((4, 2, 3, 1), ("c", "a", "b", "</s>"))
    assert SOUNDS.decode(SOUNDS.encode_target("K AH0 B")) == "K AH0 B"
    assert SOUNDS.token_text(4) == "K"


def test_a_source_of_blanks_is_empty():
    assert SOUNDS.encode(" \n").ids == ()


def test_start_and_end_have_no_text():
    assert (TEXT.never_written, SOUNDS.never_written) == ((TEXT.start_id,), (SOUNDS.start_id,))
    assert TEXT.decode([TEXT.start_id, *TEXT.encode_target("a"), TEXT.end_id]) == "a"


@pytest.mark.parametrize("missing", ["start_token", "source_tokenizer", "target_language"])
def test_every_parameter_is_needed(missing, tmp_path):
    (tmp_path / "t.json").write_bytes(of_bytes().to_str().encode())
    said = {**LANGUAGES, **ENDS, "source_tokenizer": "t.json", "target_tokenizer": "t.json"}
    assert TranslationFrontend.from_files(tmp_path, said).end_id == 257
    with pytest.raises(BundleError) as refused:
        TranslationFrontend.from_files(tmp_path, {name: value for name, value in said.items() if name != missing})
    assert refused.value.reason is Reason.BUNDLE_MANIFEST_INVALID


def test_a_token_that_is_not_in_the_vocabulary_is_refused():
    with pytest.raises(BundleError, match="nowhere"):
        TranslationFrontend(of_letters(), of_letters(), **LANGUAGES, start_token="</s>", end_token="nowhere")
