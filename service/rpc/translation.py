"""Translation on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import session_pb2, translation_pb2
from service.bundle import Manifest
from service.rpc.text_generation import STOP_REASONS, write_token
from service.tasks.generation import Token
from service.tasks.task import Answer, Finish
from service.tasks.translating import Hypothesis, SourceText, Translation, TranslationOptions


class TranslationCodec:
    """Reads sentences, writes tokens and translations; tokens that wait together go out in one message."""

    task = "translation"
    request_type = translation_pb2.TranslateRequest

    def options(self, config: translation_pb2.TranslateConfig) -> TranslationOptions:
        """The languages, and how sentences are translated."""
        options = config.options
        return TranslationOptions(
            source_language=config.source_language_code,
            target_language=config.target_language_code,
            beam_count=options.beam_count,
            hypothesis_count=options.hypothesis_count,
            length_penalty=options.length_penalty if options.HasField("length_penalty") else None,
            max_token_count=options.max_token_count,
            attention=options.attention,
            log_probabilities=options.log_probabilities,
            alternative_count=options.alternative_count,
        )

    def choose(self, config: translation_pb2.TranslateConfig, manifests: Sequence[Manifest]) -> Sequence[Manifest]:
        """The models for the languages of a config."""
        return self.options(config).suiting(manifests)

    def payload(self, request: translation_pb2.TranslateRequest, manifest: Manifest) -> SourceText | Finish:
        """A piece of a sentence, or its end."""
        return SourceText(request.text.text) if request.WhichOneof("content") == "text" else Finish()

    def opened(self, opened: session_pb2.Opened, options: TranslationOptions) -> Any:
        """The first response."""
        return translation_pb2.TranslateResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[translation_pb2.TranslateResponse]:
        """Tokens gathered up to each end of a sentence."""
        gathered: translation_pb2.TranslateResponse | None = None
        for number, sequence_number, item in answers:
            if isinstance(item, Token):
                gathered = gathered or translation_pb2.TranslateResponse()
                gathered.tokens.sequence_number = sequence_number
                write_token(gathered.tokens.tokens.add(), number, item)
                continue
            if gathered is not None:
                yield gathered
                gathered = None
            yield translation_pb2.TranslateResponse(translation=_translation(number, sequence_number, item))
        if gathered is not None:
            yield gathered


def _translation(number: int, sequence_number: int, translation: Translation) -> translation_pb2.Translation:
    return translation_pb2.Translation(
        answer_number=number,
        sequence_number=sequence_number,
        hypotheses=[_hypothesis(each) for each in translation.hypotheses],
        source_tokens=translation.source_tokens,
    )


def _hypothesis(hypothesis: Hypothesis) -> translation_pb2.Hypothesis:
    return translation_pb2.Hypothesis(
        text=hypothesis.text,
        score=hypothesis.score,
        target_tokens=hypothesis.tokens,
        attention=[translation_pb2.AttentionRow(weights=row.tolist()) for row in hypothesis.attention],
        stop_reason=STOP_REASONS[hypothesis.stop_reason],
    )
