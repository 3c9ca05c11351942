"""The text frontend: streaming equals whole, what is held is bounded, and tokens turn back into their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from service.errors import BundleError, Reason
from service.frontends.text import TextFrontend, piece_pattern

SAMPLE = "It was a truth, it is said -- 'twas Mr. D's own -- that the 9 others thought otherwise.\n\n\"Oh!\" said he. "
LONGEST = 6


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|start|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(piece_pattern().findall(SAMPLE * 5), trainer)
    return tokenizer


def words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<|unknown|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])
    trainer = trainers.WordLevelTrainer(special_tokens=["<|unknown|>"], show_progress=False)
    tokenizer.train_from_iterator(piece_pattern().findall(SAMPLE), trainer)
    return tokenizer


BYTES = TextFrontend(byte_level(), "<|start|>", LONGEST)
WORDS = TextFrontend(words(), longest_piece=LONGEST)

# Letters, marks and spaces in runs that are often longer than the longest piece, and any other character now and then.
texts = st.text(st.one_of(st.sampled_from("abz' -._\n\t 19½é"), st.characters(exclude_categories=["Cs"])), max_size=60)


@st.composite
def cuts(draw: st.DrawFn) -> list[str]:
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize("frontend", [BYTES, WORDS], ids=["bytes", "words"])
@given(parts=cuts())
def test_every_cut_of_a_text_gives_the_ids_of_the_whole(frontend, parts):
    stream = frontend.stream()
    ids = [token for part in parts for token in stream.feed(part)] + stream.flush()
    assert ids == frontend.encode("".join(parts))


@given(parts=cuts())
def test_a_stream_holds_at_most_one_piece(parts):
    stream = BYTES.stream()
    for part in parts:
        stream.feed(part)
        assert len(stream.held) <= LONGEST + 1


@given(parts=cuts())
def test_a_stream_goes_on_from_what_another_one_held(parts):
    ids, held = [], ""
    for part in parts:
        stream = BYTES.stream(held)
        ids += stream.feed(part)
        held = stream.held
    assert ids + BYTES.stream(held).flush() == BYTES.encode("".join(parts))


@given(text=texts)
def test_pieces_joined_are_the_text(text):
    assert "".join(piece_pattern(LONGEST).findall(text)) == text


@given(text=texts)
def test_tokens_decode_to_the_text_they_came_from(text):
    decoder = BYTES.decoder()
    assert "".join(decoder.feed(token) for token in BYTES.encode(text)) + decoder.flush() == text


def test_a_character_in_several_tokens_appears_when_it_is_whole():
    decoder, tokens = BYTES.decoder(), BYTES.encode("€")
    assert len(tokens) == 3
    assert [decoder.feed(token) for token in tokens] == ["", "", "€"]


def test_a_decoder_goes_on_from_what_another_one_held():
    first, *rest = BYTES.encode("€")
    decoder = BYTES.decoder()
    decoder.feed(first)
    again = BYTES.decoder(decoder.held)
    assert decoder.held == "e2"
    assert "".join(again.feed(token) for token in rest) == "€"


def test_an_unfinished_character_ends_as_a_replacement_and_is_forgotten():
    decoder = BYTES.decoder()
    decoder.feed(BYTES.encode("€")[0])
    assert decoder.flush() == "\N{REPLACEMENT CHARACTER}"
    assert decoder.flush() == ""


def test_the_start_token_has_no_text_and_cannot_be_typed():
    (start,) = BYTES.start_ids
    assert BYTES.token_text(start) == ""
    assert start not in BYTES.encode("a <|start|> b<|start|>")


def test_word_tokens_ignore_case_and_white_space():
    assert WORDS.encode("TRUTH,\n\t it") == WORDS.encode("truth, it")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"surprise": 1}, Reason.BUNDLE_MANIFEST_INVALID),
        ({"longest_piece": 0}, Reason.BUNDLE_MANIFEST_INVALID),
        ({"start_token": "<|nowhere|>"}, Reason.BUNDLE_MANIFEST_INVALID),
        ({"tokenizer": "absent.json"}, Reason.BUNDLE_MISSING_FILE),
        ({"tokenizer": "broken.json"}, Reason.BUNDLE_DAMAGED),
    ],
)
def test_wrong_files_and_parameters_are_refused_with_a_reason(tmp_path, parameters, reason):
    byte_level().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BundleError) as caught:
        TextFrontend.from_files(tmp_path, parameters)
    assert caught.value.reason is reason


def test_a_frontend_read_from_files_is_the_one_that_was_saved(tmp_path):
    byte_level().save(str(tmp_path / "tokenizer.json"))
    parameters = {"tokenizer": "tokenizer.json", "start_token": "<|start|>", "longest_piece": LONGEST}
    frontend = TextFrontend.from_files(tmp_path, parameters)
    assert frontend.encode(SAMPLE) == BYTES.encode(SAMPLE)
    assert frontend.start_ids == BYTES.start_ids
