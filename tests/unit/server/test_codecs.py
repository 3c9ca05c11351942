"""The codecs: config to options, messages to payloads, answers to responses, with nothing lost on the way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiddenstate.v1 import inference_pb2, sentiment_pb2, session_pb2, text_generation_pb2, token_pb2
from service.bundle import load_bundle
from service.errors import Code, Reason, ServiceError
from service.rpc.inference import InferenceCodec
from service.rpc.sentiment import SentimentCodec
from service.rpc.text_generation import TextGenerationCodec
from service.tasks.inference import InferenceOptions, Outputs, Tensors
from service.tasks.sampling import Sampling
from service.tasks.sentiment import Sentiment, SentimentOptions, Text
from service.tasks.task import Answer, Finish
from service.tasks.text_generation import (
    Alternative,
    Completion,
    Generate,
    GenerationOptions,
    Prompt,
    StopReason,
    Token,
)
from tests.repositories import PLAIN, REPOSITORY

MANIFEST = load_bundle(REPOSITORY / PLAIN / "1").manifest
inference, sentiment, generation = InferenceCodec(), SentimentCodec(), TextGenerationCodec()


def options_of(**said: object) -> GenerationOptions:
    config = text_generation_pb2.GenerateTextConfig(options=text_generation_pb2.GenerateTextOptions(**said))
    return generation.options(config).generation


def test_options_that_are_left_out_have_the_defaults_of_the_contract():
    assert options_of() == GenerationOptions(Sampling(1.0, 0, 1.0, 0.0, 1.0), 256, (), False, 0)


def test_zero_is_a_value_and_not_a_default():
    """A temperature of 0 takes the most likely token; 0 tokens are out of range, not 256."""
    found = options_of(temperature=0.0, max_token_count=0, top_p=0.0, repetition_penalty=0.0)
    assert (found.sampling.temperature, found.max_token_count, found.sampling.top_p) == (0.0, 0, 0.0)
    assert found.sampling.repetition_penalty == 0.0


@given(
    st.builds(
        dict,
        temperature=st.floats(0, 100, width=32),
        top_k=st.integers(0, 2**32 - 1),
        top_p=st.floats(0, 1, width=32),
        min_p=st.floats(0, 1, width=32),
        repetition_penalty=st.floats(0.0625, 100, width=32),
        max_token_count=st.integers(0, 2**32 - 1),
        stop_sequences=st.lists(st.text()),
        log_probabilities=st.booleans(),
        alternative_count=st.integers(0, 2**32 - 1),
    )
)
def test_every_option_arrives(said: dict[str, object]):
    found = options_of(**said)
    for name, value in said.items():
        arrived = getattr(found, name) if hasattr(found, name) else getattr(found.sampling, name)
        assert (list(arrived) if name == "stop_sequences" else arrived) == value


def test_a_text_has_the_options_of_its_config_unless_its_message_has_any():
    plain = text_generation_pb2.GenerateTextRequest(generate=text_generation_pb2.Generate())
    assert generation.payload(plain, MANIFEST) == Generate(None)
    plain.generate.options.top_k = 5
    payload = generation.payload(plain, MANIFEST)
    assert isinstance(payload, Generate)
    assert payload.options is not None
    assert payload.options.sampling.top_k == 5


@given(st.one_of(st.none(), st.integers(0, 2**64 - 1)))
def test_the_seed_of_the_client_is_kept_or_one_is_drawn_and_told(seed: int | None):
    config = text_generation_pb2.GenerateTextConfig(seed=seed)
    options = generation.options(config)
    assert 0 <= options.seed < 2**64
    assert seed is None or options.seed == seed
    assert generation.opened(session_pb2.Opened(), options).opened.seed == options.seed


@given(st.text())
def test_text_arrives_as_it_was_sent(text: str):
    prompt = text_generation_pb2.GenerateTextRequest(prompt=text_generation_pb2.Prompt(text=text))
    assert generation.payload(prompt, MANIFEST) == Prompt(text)
    piece = sentiment_pb2.AnalyzeSentimentRequest(text=sentiment_pb2.SentimentText(text=text))
    assert sentiment.payload(piece, MANIFEST) == Text(text)


def test_finish_is_a_finish():
    assert sentiment.payload(sentiment_pb2.AnalyzeSentimentRequest(finish=session_pb2.Finish()), MANIFEST) == Finish()
    assert inference.payload(inference_pb2.InferRequest(finish=session_pb2.Finish()), MANIFEST) == Finish()


@pytest.mark.parametrize(("said", "interim"), [(None, True), (True, True), (False, False)])
def test_running_results_come_unless_the_client_says_no(said: bool | None, interim: bool):
    config = sentiment_pb2.AnalyzeSentimentConfig(interim_results=said)
    assert sentiment.options(config) == SentimentOptions(interim)


tokens = st.builds(
    Token,
    st.text(max_size=4),
    st.integers(0, 2**32 - 1),
    st.one_of(st.none(), st.floats(-50, 0, width=32)),
    st.just(()),
)
completions = st.builds(
    Completion, st.sampled_from(StopReason), st.integers(0, 100), st.integers(0, 2**64 - 1), st.text(max_size=4)
)


@given(st.lists(st.one_of(tokens, completions), max_size=20))
def test_tokens_travel_together_up_to_a_completion_and_none_is_lost(items: list[Token | Completion]):
    answers = [Answer(number, 7, item) for number, item in enumerate(items, 1)]
    found: list[tuple[int, object]] = []
    kinds = []
    for response in generation.responses(answers):
        kinds.append(response.WhichOneof("content"))
        if kinds[-1] == "tokens":
            assert response.tokens.sequence_number == 7
            found += [(token.answer_number, token.text) for token in response.tokens.tokens]
        else:
            assert response.completion.sequence_number == 7
            found.append((response.completion.answer_number, response.completion.seed))
    assert found == [(number, item.text if isinstance(item, Token) else item.seed) for number, _, item in answers]
    assert ("tokens", "tokens") not in pairwise(kinds), "neighbours were merged"


def test_a_token_has_its_odds_where_they_were_asked_for_and_nothing_where_not():
    odds = Token("a", 3, -0.5, (Alternative("a", 3, -0.5), Alternative("b", 4, -1.5)))
    (response,) = generation.responses([Answer(1, 2, odds), Answer(2, 2, Token("b", 4))])
    told, untold = response.tokens.tokens
    assert [(each.text, each.token_id, each.log_probability) for each in told.alternatives] == [
        ("a", 3, -0.5),
        ("b", 4, -1.5),
    ]
    assert told.log_probability == -0.5
    assert not untold.HasField("log_probability")
    assert not untold.alternatives


@pytest.mark.parametrize("reason", StopReason)
def test_every_stop_reason_has_its_name_on_the_wire(reason: StopReason):
    (response,) = generation.responses([Answer(1, 1, Completion(reason, 4, 5, "stop"))])
    assert response.completion.stop_reason != token_pb2.STOP_REASON_UNSPECIFIED
    assert (response.completion.token_count, response.completion.stop_sequence) == (4, "stop")


def test_a_result_names_the_likeliest_label_and_every_class():
    said = Sentiment(("negative", "neutral", "positive"), (0.1, 0.2, 0.7), 9, True)
    (response,) = sentiment.responses([Answer(3, 4, said)])
    result = response.result
    assert (result.answer_number, result.sequence_number, result.is_final, result.token_count) == (3, 4, True, 9)
    assert result.label == "positive"
    assert result.score == pytest.approx(0.6)
    assert [each.label for each in result.class_probabilities] == ["negative", "neutral", "positive"]


def test_outputs_say_which_steps_they_are():
    outputs = Outputs({"logits": np.ones((2, 11), np.float32), "other": np.zeros((2,), np.float32)}, 40)
    (response,) = inference.responses([Answer(5, 6, outputs)])
    found = response.outputs
    assert (found.answer_number, found.sequence_number, found.first_step_number) == (5, 6, 40)
    assert [(each.name, list(each.shape)) for each in found.outputs] == [("logits", [2, 11]), ("other", [2])]


def chunk(*names: str) -> inference_pb2.InferRequest:
    request = inference_pb2.InferRequest()
    for name in names:
        request.chunk.inputs.add(name=name, shape=[2], data=np.array([1, 2]).tobytes())
    return request


def test_the_only_input_of_a_model_needs_no_name():
    payload = inference.payload(chunk(""), MANIFEST)
    assert isinstance(payload, Tensors)
    assert {name: array.tolist() for name, array in payload.inputs.items()} == {"inputs": [1, 2]}


@pytest.mark.parametrize("names", [("other",), ("lengths",), ("state_0",), ("inputs", "inputs"), ("inputs", "")])
def test_inputs_that_the_model_does_not_have_or_that_come_twice_are_refused(names: tuple[str, ...]):
    with pytest.raises(ServiceError) as caught:
        inference.payload(chunk(*names), MANIFEST)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, Reason.TENSOR_UNKNOWN)


def test_the_options_of_inference_arrive():
    config = inference_pb2.InferConfig(outputs=["b", "a"], last_step_only=True)
    assert inference.options(config) == InferenceOptions(("b", "a"), True)
