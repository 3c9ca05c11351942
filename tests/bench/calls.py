"""What the sessions of each scenario say, as bytes made once.

An answer's first byte is the key of its first field, so most answers are told apart without being parsed.
"""

from __future__ import annotations

import numpy as np

from hiddenstate.v1 import inference_pb2, session_pb2, tensor_pb2, text_generation_pb2
from tests.bench import echo_server
from tests.bench.load import Call
from tests.bench.models import FEATURES, LOGITS, REFERENCE

PROMPT = "It is a truth universally acknowledged, that "
MANY_TOKENS = 100_000
"""More than a session can generate while it is measured."""

OUTPUTS_KEY = inference_pb2.InferResponse.OUTPUTS_FIELD_NUMBER << 3 | 2
TOKENS_KEY = text_generation_pb2.GenerateTextResponse.TOKENS_FIELD_NUMBER << 3 | 2


def infer(steps: int) -> Call:
    """Steps of the reference model, `steps` in each message."""
    session = session_pb2.SessionConfig(model=REFERENCE)
    config = inference_pb2.InferRequest(config=inference_pb2.InferConfig(session=session))
    chunk = chunk_of(steps)
    return Call(
        path="/hiddenstate.v1.InferenceService/Infer",
        opening=(config.SerializeToString(), chunk),
        units=lambda answer: steps if answer[0] == OUTPUTS_KEY else 0,
        next_message=lambda answer: chunk if answer[0] == OUTPUTS_KEY else None,
    )


def echo(steps: int) -> Call:
    """Messages and answers of the same sizes as those of `infer`."""
    message = echo_server.request(len(chunk_of(steps)), len(_outputs(steps)))
    return Call(echo_server.PATH, (message,), units=lambda _: steps, next_message=lambda _: message)


def generate(model: str) -> Call:
    """One prompt and a text without an end; every token counts."""
    options = text_generation_pb2.GenerateTextOptions(max_token_count=MANY_TOKENS, temperature=1.0)
    config = text_generation_pb2.GenerateTextConfig(
        session=session_pb2.SessionConfig(model=model), options=options, seed=1
    )
    opening = (
        text_generation_pb2.GenerateTextRequest(config=config),
        text_generation_pb2.GenerateTextRequest(prompt=text_generation_pb2.Prompt(text=PROMPT)),
        text_generation_pb2.GenerateTextRequest(generate=text_generation_pb2.Generate()),
    )
    return Call(
        path="/hiddenstate.v1.TextGenerationService/GenerateText",
        opening=tuple(message.SerializeToString() for message in opening),
        units=_tokens,
        next_message=lambda _: None,
    )


def chunk_of(steps: int) -> bytes:
    """A message of so many steps for the reference model."""
    values = np.random.default_rng(0).standard_normal((steps, FEATURES), np.float32)
    tensor = tensor_pb2.Tensor(
        name="inputs",
        data_type=tensor_pb2.DATA_TYPE_FLOAT32,
        shape=[steps, FEATURES],
        data=values.astype("<f4").tobytes(),
    )
    return inference_pb2.InferRequest(chunk=inference_pb2.InferChunk(inputs=[tensor])).SerializeToString()


def _outputs(steps: int) -> bytes:
    """An answer as long as the server's."""
    tensor = tensor_pb2.Tensor(
        name="logits", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[steps, LOGITS], data=bytes(4 * LOGITS * steps)
    )
    outputs = inference_pb2.InferOutputs(
        answer_number=1000, sequence_number=1000, first_step_number=1000, outputs=[tensor]
    )
    return inference_pb2.InferResponse(outputs=outputs).SerializeToString()


def _tokens(answer: bytes) -> int:
    if answer[0] != TOKENS_KEY:
        return 0
    return len(text_generation_pb2.GenerateTextResponse.FromString(answer).tokens.tokens)
