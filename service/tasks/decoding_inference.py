"""Generic inference with an encoder and a decoder: a source first, then tokens; what both graphs give, out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from service.batch import InputSpec
from service.bundle import Bundle
from service.errors import Reason, ServiceError, invalid
from service.session import Chunk
from service.state import Array
from service.tasks.inference import Inference, InferenceOptions, Inferring, Outputs, Tensors, checked, input_spec
from service.tasks.inference import input_specs as specs_of
from service.tasks.task import End, Finish, Reaction, Turn

ATTENTION = "attention"
"""The one output that has a value for each step of the source."""


@dataclass(slots=True)
class InferringDecoder(Inferring):
    """The progress of a session: `asked` for these outputs; `source_steps` are 0 until its source has come."""

    asked: tuple[str, ...] = ()
    source_steps: int = 0


class DecodingInference(Inference):
    """Sessions that send a source, then tokens, one message after the other; `finish` begins with the next source."""

    plain = Inference.plain.joined((InferringDecoder,))

    def __init__(
        self,
        source: InputSpec,
        inputs: Sequence[InputSpec],
        output_names: Sequence[str],
        *,
        context_name: str,
        max_source_steps: int,
        max_steps: int,
    ) -> None:
        """`output_names`: those of the decoder; the encoder gives the context."""
        super().__init__(inputs, (context_name, *output_names), max_steps=max_steps)
        self._source = source
        self._max_source_steps = max_source_steps

    def begin(self, options: InferenceOptions) -> InferringDecoder:
        """A session that waits for its source. Raises TENSOR_UNKNOWN for an output the model does not have."""
        begun = super().begin(options)
        return InferringDecoder(begun.wanted, begun.last_step_only, asked=begun.wanted)

    def accept(self, progress: Inferring, message: Tensors | Finish | End, sequence_number: int, now: float) -> Chunk:
        """A source, whole, then tokens. Raises TENSOR_… naming the tensor and what was expected."""
        chunk = super().accept(progress, message, sequence_number, now)
        if self._source.name in chunk.inputs:
            cast(InferringDecoder, progress).source_steps = chunk.steps
        return chunk

    def steps(self, progress: Inferring, inputs: Mapping[str, Array]) -> int:
        """Steps of a source that comes first and alone, or of tokens behind it. Raises TENSOR_… if they are not."""
        own = cast(InferringDecoder, progress)
        if self._source.name in inputs:
            return self._checked_source(own, inputs)
        if not own.source_steps:
            raise self._wrong(Reason.TENSOR_MISSING, "comes first, alone in its message: what is there to decode?")
        return super().steps(progress, inputs)

    def react(self, turns: Sequence[Turn[Inferring]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Outputs of every message that is done; attention over the steps of the session's own source."""
        for turn in turns:
            own = cast(InferringDecoder, turn.progress)
            own.wanted = tuple(name for name in own.asked if name in outputs)
        reactions = super().react(turns, outputs, now)
        return [
            self._trimmed(cast(InferringDecoder, turn.progress), reaction, decoded=ATTENTION in outputs)
            for turn, reaction in zip(turns, reactions, strict=True)
        ]

    def _trimmed(self, progress: InferringDecoder, reaction: Reaction, *, decoded: bool) -> Reaction:
        """Without the padding of the context; the steps of the target alone are counted."""
        if not decoded:
            progress.first_step = 0
        items = [item._replace(value=_without_padding(item.value, progress.source_steps)) for item in reaction.items]
        if reaction.reset:
            progress.source_steps = 0
        return reaction._replace(items=items)

    def _checked_source(self, progress: InferringDecoder, inputs: Mapping[str, Array]) -> int:
        if len(inputs) > 1 or progress.source_steps:
            raise self._wrong(Reason.TENSOR_UNKNOWN, "is sent once for each sequence, alone in its message")
        steps = len(checked(self._source, inputs))
        if not 1 <= steps <= self._max_source_steps:
            reason = Reason.MESSAGE_TOO_LARGE if steps else Reason.CHUNK_EMPTY
            raise self._wrong(reason, f"has {steps} steps: 1 to {self._max_source_steps} are taken")
        return steps

    def _wrong(self, reason: Reason, problem: str) -> ServiceError:
        name = self._source.name
        return invalid(reason, f"input {name!r} {problem}", f"chunk.inputs[{name}]")


def _without_padding(outputs: Outputs, source_steps: int) -> Outputs:
    if ATTENTION not in outputs.tensors:
        return outputs
    attention = outputs.tensors[ATTENTION][:, :source_steps]
    return outputs._replace(tensors={**outputs.tensors, ATTENTION: attention})


def inference_of(bundle: Bundle, max_steps: int) -> Inference:
    """The generic task of any bundle; `max_steps` bounds one message."""
    manifest = bundle.manifest
    if manifest.encoder is None or manifest.context is None:
        return Inference.from_bundle(bundle, max_steps)
    return DecodingInference(
        input_spec(manifest.encoder.source),
        specs_of(manifest),
        [tensor.name for tensor in manifest.outputs],
        context_name=manifest.context.name,
        max_source_steps=min(max_steps, manifest.limits.max_sequence_steps or max_steps),
        max_steps=max_steps,
    )
