"""Text generation on the wire."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import session_pb2, text_generation_pb2, token_pb2
from service.bundle import Manifest
from service.rpc.explanation import explanation_message
from service.tasks.explaining import Explanation
from service.tasks.generation import (
    Completion,
    Generate,
    GenerationOptions,
    Prompt,
    SessionOptions,
    StopReason,
    Token,
)
from service.tasks.sampling import Sampling
from service.tasks.task import Answer

STOP_REASONS = {
    StopReason.MAX_TOKENS: token_pb2.STOP_REASON_MAX_COUNT,
    StopReason.STOP_SEQUENCE: token_pb2.STOP_REASON_STOP_SEQUENCE,
    StopReason.END_OF_TEXT: token_pb2.STOP_REASON_END_OF_SEQUENCE,
}


class TextGenerationCodec:
    """Reads prompts and options, writes tokens; tokens that wait together go out in one message."""

    task = "text_generation"
    request_type = text_generation_pb2.GenerateTextRequest

    def options(self, config: text_generation_pb2.GenerateTextConfig) -> SessionOptions:
        """The options and the seed, drawn when the client has none."""
        seed = config.seed if config.HasField("seed") else secrets.randbits(64)
        return SessionOptions(_generation_options(config.options), seed)

    def payload(self, request: text_generation_pb2.GenerateTextRequest, manifest: Manifest) -> Prompt | Generate:
        """A prompt, or the wish for text."""
        if request.WhichOneof("content") == "prompt":
            return Prompt(request.prompt.text)
        overridden = request.generate.HasField("options")
        return Generate(_generation_options(request.generate.options) if overridden else None)

    def opened(self, opened: session_pb2.Opened, options: SessionOptions) -> Any:
        """The first response, with the seed."""
        opened.seed = options.seed
        return text_generation_pb2.GenerateTextResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[text_generation_pb2.GenerateTextResponse]:
        """Tokens gathered up to each completion or explanation."""
        gathered: text_generation_pb2.GenerateTextResponse | None = None
        for number, sequence_number, item in answers:
            if isinstance(item, Token):
                gathered = gathered or text_generation_pb2.GenerateTextResponse()
                gathered.tokens.sequence_number = sequence_number
                write_token(gathered.tokens.tokens.add(), number, item)
                continue
            if gathered is not None:
                yield gathered
                gathered = None
            if isinstance(item, Explanation):
                explanation = explanation_message(sequence_number, item)
                yield text_generation_pb2.GenerateTextResponse(explanation=explanation)
            else:
                yield _completion(number, sequence_number, item)
        if gathered is not None:
            yield gathered


def _generation_options(options: text_generation_pb2.GenerateTextOptions) -> GenerationOptions:
    sampling = Sampling(
        temperature=options.temperature if options.HasField("temperature") else 1.0,
        top_k=options.top_k,
        top_p=options.top_p if options.HasField("top_p") else 1.0,
        min_p=options.min_p,
        repetition_penalty=options.repetition_penalty if options.HasField("repetition_penalty") else 1.0,
    )
    return GenerationOptions(
        sampling=sampling,
        max_token_count=options.max_token_count if options.HasField("max_token_count") else 256,
        stop_sequences=tuple(options.stop_sequences),
        log_probabilities=options.log_probabilities,
        alternative_count=options.alternative_count,
    )


def write_token(message: token_pb2.Token, number: int, token: Token) -> None:
    """Fill a message with a token and its number."""
    # Filled in place: three times as fast as handing messages to constructors, and this runs for every token.
    message.answer_number = number
    message.text = token.text
    message.token_id = token.token_id
    if token.log_probability is not None:
        message.log_probability = token.log_probability
        for text, token_id, log_probability in token.alternatives:
            message.alternatives.add(text=text, token_id=token_id, log_probability=log_probability)


def _completion(number: int, sequence_number: int, completion: Completion) -> text_generation_pb2.GenerateTextResponse:
    return text_generation_pb2.GenerateTextResponse(
        completion=text_generation_pb2.Completion(
            answer_number=number,
            sequence_number=sequence_number,
            stop_reason=STOP_REASONS[completion.stop_reason],
            token_count=completion.token_count,
            stop_sequence=completion.stop_sequence,
            seed=completion.seed,
        )
    )
