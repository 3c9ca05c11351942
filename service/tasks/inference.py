"""Generic inference: tensors in, tensors out, for any model; the state stays on the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.batch import InputSpec
from service.errors import Reason, invalid
from service.session import Chunk
from service.state import Array
from service.tasks.task import NOTHING, End, Item, Reaction, Turn


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """`outputs`: the names wanted; empty means all."""

    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tensors:
    """One message: input name to [steps, ...]."""

    inputs: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The answer to one message: output name to [steps, ...]."""

    tensors: Mapping[str, Array]


@dataclass(slots=True)
class Inferring:
    """The progress of a session: outputs of the message that is being run, one entry a tick."""

    wanted: tuple[str, ...]
    parts: dict[str, list[Array]] = field(default_factory=dict)
    busy: bool = False


class Inference:
    """Sessions that take tensors as the model does, less the batch axis."""

    name = "inference"

    def __init__(self, inputs: Sequence[InputSpec], output_names: Sequence[str], *, max_steps: int) -> None:
        """`max_steps` bounds one message."""
        self._inputs = tuple(inputs)
        self._names = {spec.name for spec in inputs}
        self._outputs = tuple(output_names)
        self._max_steps = max_steps

    def begin(self, options: InferenceOptions) -> Inferring:
        """A session at step 0. Raises TENSOR_UNKNOWN for an output the model does not have."""
        for name in options.outputs:
            if name not in self._outputs:
                message = f"there is no output {name!r}; this model gives {', '.join(self._outputs)}"
                raise invalid(Reason.TENSOR_UNKNOWN, message, "config.outputs")
        return Inferring(options.outputs or self._outputs)

    def accept(self, progress: Inferring, message: Tensors | End, sequence_number: int, now: float) -> Chunk:
        """Tensors of agreeing lengths become steps. Raises TENSOR_… naming the tensor and what was expected."""
        if isinstance(message, End):
            progress.busy = True
            return Chunk(sequence_number, {}, 0, now, mark=message)
        if unknown := sorted(set(message.inputs) - self._names):
            problem = f"there is no input {unknown[0]!r}; this model takes {', '.join(sorted(self._names))}"
            raise invalid(Reason.TENSOR_UNKNOWN, problem, "inputs")
        steps = {len(self._checked(spec, message.inputs)) for spec in self._inputs}
        if len(steps) != 1:
            raise invalid(Reason.TENSOR_SHAPE_MISMATCH, f"the inputs differ in steps: {sorted(steps)}", "inputs")
        count = steps.pop()
        if not 1 <= count <= self._max_steps:
            reason = Reason.MESSAGE_TOO_LARGE if count else Reason.CHUNK_EMPTY
            raise invalid(reason, f"a message of {count} steps: 1 to {self._max_steps} are taken", "inputs")
        return Chunk(sequence_number, message.inputs, count, now)

    def react(self, turns: Sequence[Turn[Inferring]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Outputs of every message that is done; what a tick gave of a longer one is kept."""
        return [_reaction(turn, outputs) for turn in turns]

    def _checked(self, spec: InputSpec, inputs: Mapping[str, Array]) -> Array:
        """The tensor [steps, ...] of one input, if it is as the model wants it."""
        field_name = f"inputs[{spec.name}]"
        if spec.name not in inputs:
            raise invalid(Reason.TENSOR_MISSING, f"input {spec.name!r} is missing", field_name)
        tensor = inputs[spec.name]
        expected = ", ".join(["steps", *map(str, spec.shape)])
        if tensor.dtype != np.dtype(spec.dtype):
            message = f"input {spec.name!r} is {tensor.dtype}, not {spec.dtype}"
            raise invalid(Reason.TENSOR_DTYPE_MISMATCH, message, field_name)
        if tensor.ndim != len(spec.shape) + 1:
            message = f"input {spec.name!r} has rank {tensor.ndim}, not {len(spec.shape) + 1}: [{expected}]"
            raise invalid(Reason.TENSOR_RANK_MISMATCH, message, field_name)
        if tensor.shape[1:] != spec.shape:
            message = f"input {spec.name!r} has shape {list(tensor.shape)}, not [{expected}]"
            raise invalid(Reason.TENSOR_SHAPE_MISMATCH, message, field_name)
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            message = f"input {spec.name!r} holds NaN or infinity: replace missing values before sending them"
            raise invalid(Reason.TENSOR_NOT_FINITE, message, field_name)
        if not spec.minimum <= tensor.min(initial=spec.minimum) or not tensor.max(initial=spec.minimum) <= spec.maximum:
            message = f"input {spec.name!r} holds values outside {spec.minimum}..{spec.maximum}"
            raise invalid(Reason.TENSOR_OUT_OF_RANGE, message, field_name)
        return tensor


def _reaction(turn: Turn[Inferring], outputs: Mapping[str, Array]) -> Reaction:
    progress = turn.progress
    items: list[Item] = []
    start = 0
    for segment in turn.segments:
        if isinstance(segment.chunk.mark, End):
            return Reaction(items, done=True)
        stop = start + segment.stop - segment.start
        for name in progress.wanted:
            progress.parts.setdefault(name, []).append(outputs[name][turn.row, start:stop])
        start = stop
        if segment.completes:
            items.append(Item(segment.chunk.sequence_number, Outputs(_joined(progress.parts))))
            progress.parts = {}
    return Reaction(items) if items else NOTHING


def _joined(parts: Mapping[str, Sequence[Array]]) -> dict[str, Array]:
    return {name: pieces[0] if len(pieces) == 1 else np.concatenate(pieces) for name, pieces in parts.items()}
