"""Options to requests, and answers to results: all that knows how the v1 protocol spells things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hiddenstate.options import GenerateOptions, InferOptions, SentimentOptions, SessionOptions, TextOptions
from hiddenstate.protocol import Rpc
from hiddenstate.results import Completion, Model, ModelProblem, Quality, Sentiment, TensorType, Token, TokenAlternative
from hiddenstate.v1 import inference_pb2, model_pb2, sentiment_pb2, session_pb2, tensor_pb2, text_generation_pb2
from hiddenstate.v1.token_pb2 import StopReason
from hiddenstate.v1.token_pb2 import Token as TokenMessage

GENERATE_TEXT = Rpc(
    "/hiddenstate.v1.TextGenerationService/GenerateText",
    text_generation_pb2.GenerateTextRequest,
    text_generation_pb2.GenerateTextResponse,
)
ANALYZE_SENTIMENT = Rpc(
    "/hiddenstate.v1.SentimentService/AnalyzeSentiment",
    sentiment_pb2.AnalyzeSentimentRequest,
    sentiment_pb2.AnalyzeSentimentResponse,
)
INFER = Rpc("/hiddenstate.v1.InferenceService/Infer", inference_pb2.InferRequest, inference_pb2.InferResponse)
LIST_MODELS = Rpc("/hiddenstate.v1.ModelService/ListModels", model_pb2.ListModelsRequest, model_pb2.ListModelsResponse)

_TEXT_FIELDS = {
    "max_tokens": "max_token_count",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "log_probabilities": "log_probabilities",
    "alternatives": "alternative_count",
}


def session_config(options: SessionOptions, model: str | None) -> session_pb2.SessionConfig:
    """The part of a config that all tasks share."""
    given = _given(options)
    config = session_pb2.SessionConfig(model=model, **{key: given[key] for key in ("version", "label") if key in given})
    if "durability" in given:
        config.durability = getattr(session_pb2, f"DURABILITY_{given['durability'].upper()}")
    if "priority" in given:
        config.priority = getattr(session_pb2, f"PRIORITY_{given['priority'].upper()}")
    if "cadence" in given:
        config.cadence_duration.FromNanoseconds(round(given["cadence"] * 1e9))
    if "idle_timeout" in given:
        config.idle_timeout.FromNanoseconds(round(given["idle_timeout"] * 1e9))
    if "initial_state" in given:
        import numpy as np

        from hiddenstate.tensors import to_tensor

        config.initial_state.extend(to_tensor(name, np.asarray(each)) for name, each in given["initial_state"].items())
    return config


def text_options(options: TextOptions | GenerateOptions) -> text_generation_pb2.GenerateTextOptions:
    """The options of one text."""
    given = _given(options)
    fields = {field: given[key] for key, field in _TEXT_FIELDS.items() if key in given}
    stop = given.get("stop", ())
    return text_generation_pb2.GenerateTextOptions(stop_sequences=[stop] if isinstance(stop, str) else stop, **fields)


def generate_config(options: GenerateOptions) -> text_generation_pb2.GenerateTextConfig:
    """The config of a session that generates."""
    return text_generation_pb2.GenerateTextConfig(
        session=session_config(options, options.get("model")),
        options=text_options(options),
        seed=options.get("seed"),
        explain=bool(options.get("explain")),
    )


def sentiment_config(options: SentimentOptions) -> sentiment_pb2.AnalyzeSentimentConfig:
    """The config of a session that reads."""
    return sentiment_pb2.AnalyzeSentimentConfig(
        session=session_config(options, options.get("model")),
        interim_results=options.get("interim_results"),
        explain=bool(options.get("explain")),
    )


def infer_config(model: str, options: InferOptions) -> inference_pb2.InferConfig:
    """The config of a session on tensors."""
    return inference_pb2.InferConfig(
        session=session_config(options, model),
        outputs=options.get("outputs") or (),
        last_step_only=bool(options.get("last_step_only")),
    )


def token(message: TokenMessage) -> Token:
    """A token of generated text."""
    alternatives = tuple(
        TokenAlternative(each.text, each.token_id, each.log_probability) for each in message.alternatives
    )
    log_probability = message.log_probability if message.HasField("log_probability") else None
    return Token(message.text, message.token_id, message.answer_number, log_probability, alternatives)


def completion(message: text_generation_pb2.Completion) -> Completion:
    """The end of a text."""
    reason = word(StopReason, message.stop_reason, "STOP_REASON_")
    return Completion(reason, message.token_count, message.stop_sequence, message.seed, message.answer_number)


def sentiment(message: sentiment_pb2.SentimentResult) -> Sentiment:
    """A running or final result."""
    probabilities = {each.label: each.probability for each in message.class_probabilities}
    return Sentiment(
        score=message.score,
        label=message.label,
        probabilities=probabilities,
        token_count=message.token_count,
        is_final=message.is_final,
        sequence_number=message.sequence_number,
    )


def model(message: model_pb2.Model) -> Model:
    """One version of a model."""
    problem = ModelProblem(message.problem.reason, message.problem.message) if message.HasField("problem") else None
    independence = word(
        model_pb2.BatchIndependenceResult, message.batch_independence.result, "BATCH_INDEPENDENCE_RESULT_"
    )
    return Model(
        name=message.name,
        version=message.version,
        labels=tuple(message.labels),
        is_default=message.is_default,
        task=word(model_pb2.Task, message.task, "TASK_"),
        topology=word(model_pb2.Topology, message.topology, "TOPOLOGY_"),
        cell=word(model_pb2.Cell, message.cell, "CELL_"),
        description=message.description,
        state=word(model_pb2.ModelState, message.state, "MODEL_STATE_"),
        problem=problem,
        services=tuple(message.services),
        inputs=tuple(map(_tensor_type, message.inputs)),
        outputs=tuple(map(_tensor_type, message.outputs)),
        state_tensors=tuple(map(_tensor_type, message.state_tensors)),
        state_byte_count=message.state_byte_count,
        whole_sequence=message.whole_sequence,
        variant=message.active_variant,
        device=message.device,
        batch_independence=independence,
        quality=tuple(map(_quality, message.quality)),
        class_labels=tuple(message.class_labels),
        digest=message.digest,
    )


def _tensor_type(message: tensor_pb2.TensorSpec) -> TensorType:
    return TensorType(message.name, word(tensor_pb2.DataType, message.data_type, "DATA_TYPE_"), tuple(message.shape))


def _quality(message: model_pb2.QualityFigure) -> Quality:
    return Quality(
        message.metric,
        message.value,
        message.higher_is_better,
        message.split,
        message.baseline,
        message.baseline_value if message.HasField("baseline_value") else None,
        message.command,
    )


def word(enum: Any, number: int, prefix: str) -> str:
    """The value of an enum as a lower-case word; its number when a later server sends one not known here."""
    name: str = enum.Name(number) if number in enum.values() else str(number)
    return name.removeprefix(prefix).lower()


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
