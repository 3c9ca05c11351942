"""What a recogniser is measured by: words that are wrong, on voices it never heard, beside PocketSphinx."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from service.bundle import Bundle, QualityFigure
from service.frontends.audio import SAMPLE_RATE
from service.model import Model, load_model
from service.tasks.listening import Transcript
from service.tasks.task import Finish
from service.tasks.transcription import Audio, Transcription, TranscriptionOptions
from training.alone import answers_alone
from training.batches import padded
from training.data import asterisk
from training.data.spoken import WORDS, Clip, Speech
from training.tasks import speech_baseline
from training.tasks.speech_decoding import decoded
from training.tasks.speech_learning import ROWS_AT_ONCE, Floats, heard_alone, word_error_rate

if TYPE_CHECKING:
    from hiddenstate import Client

METRIC = "word error rate"
Scorer = Callable[[Sequence[Clip]], list[Floats]]
"""Clips to the logits [steps, tokens] of each."""
Tests = Mapping[str, Sequence[Clip]]


def tests_of(speech: Speech) -> Tests:
    """All that is measured on: what the data holds, and real prompts where the words are ours. Raises DataError."""
    return {**speech.tests(), **asterisk.load()} if speech.words == WORDS else speech.tests()


def figures(
    score: Scorer, tokens: Sequence[str], words: Sequence[str], tests: Tests, command: str
) -> tuple[QualityFigure, ...]:
    """The word error rate on each test part, beside PocketSphinx where its grammar can say the same."""
    found = []
    for name, clips in tests.items():
        truth = [clip.text for clip in clips]
        value = word_error_rate(truth, decoded(score(clips), tokens, words))
        theirs = word_error_rate(truth, speech_baseline.recognised(clips, words)) if words == WORDS else None
        said = sum(len(text.split()) for text in truth)
        found.append(
            QualityFigure(
                metric=METRIC,
                value=round(value, 4),
                higher_is_better=False,
                split=f"{name}, {len(clips)} utterances of {said:,} words",
                baseline=None if theirs is None else speech_baseline.NAME,
                baseline_value=None if theirs is None else round(theirs, 4),
                command=command,
            )
        )
    return tuple(found)


class SpeechExamination:
    """How a shipped bundle is measured again; see `training.tasks.Examination`."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech

    def figures(self, bundle: Bundle, variant: str, command: str) -> tuple[QualityFigure, ...]:
        """Every figure of the manifest, through ONNX Runtime."""
        model = load_model(bundle, variant)
        try:
            return figures(
                lambda clips: model_scores(model, clips), tokens_in(bundle), WORDS, tests_of(self.speech), command
            )
        finally:
            model.close()

    def sample(self, count: int) -> Sequence[Clip]:
        """Recordings of all test parts, at even distances."""
        clips = [clip for part in tests_of(self.speech).values() for clip in part]
        return clips[:: -(-len(clips) // count)]

    def answers(self, bundle: Bundle, variant: str, examples: Sequence[Clip]) -> list[JsonValue]:
        """What is written down of each, and how sure that is, through ONNX Runtime."""
        model, task = load_model(bundle, variant), Transcription.from_bundle(bundle)
        messages = [message for clip in examples for message in (Audio(_bytes(clip)), Finish())]
        heard = answers_alone(model, task, TranscriptionOptions(SAMPLE_RATE), messages)
        model.close()
        readings = [each.readings[0] for each in heard if isinstance(each, Transcript)]
        return [[reading.text, reading.confidence] for reading in readings[: len(examples)]]

    def served_answers(self, client: Client, model: str, examples: Sequence[Clip]) -> list[JsonValue]:
        """The same from a running server."""
        found = client.transcriptions([_bytes(clip) for clip in examples], model=model)
        return [[each.text, each.confidence] for each in found]


def model_scores(model: Model, clips: Sequence[Clip]) -> list[Floats]:
    """The logits [steps, tokens] of every clip, by an exported model."""
    found: list[Floats] = []
    name = model.signature.inputs[0].name
    for start in range(0, len(clips), ROWS_AT_ONCE):
        inputs, lengths = padded([heard_alone(clip) for clip in clips[start : start + ROWS_AT_ONCE]])
        counts = lengths.numpy().astype(np.int32)
        outputs, _ = model.run({name: inputs.numpy()}, counts, model.initial_state(len(counts)))
        found += [row[:count] for row, count in zip(outputs["logits"], counts.tolist(), strict=True)]
    return found


def _bytes(clip: Clip) -> bytes:
    """The samples of a clip, with the silence around it, as they travel."""
    return np.round(heard_alone(clip).ravel() * 32768).astype("<i2").tobytes()


def tokens_in(bundle: Bundle) -> tuple[str, ...]:
    """The text of each token of a bundle."""
    parameters: Any = bundle.manifest.heads[0].parameters
    return tuple(parameters["tokens"])
