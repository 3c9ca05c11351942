"""Generic inference: tensors in, tensors out, for any model; the state stays on the server."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from service.batch import InputSpec
from service.bundle import Bundle, Manifest, TensorSpec
from service.errors import Reason, ServiceError, invalid
from service.session import Chunk
from service.state import Array
from service.tasks.task import NOTHING, End, Finish, Item, Reaction, Turn, plain_of


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """`outputs`: the names wanted, empty means all; `last_step_only`: of each message, the last step alone."""

    outputs: tuple[str, ...] = ()
    last_step_only: bool = False


@dataclass(frozen=True, slots=True)
class Tensors:
    """One message: input name to [steps, ...]. `steps`: how many, where that was checked already."""

    inputs: Mapping[str, Array]
    steps: int | None = None


class Outputs(NamedTuple):
    """The answer to one message: output name to [steps, ...], from step `first_step` (0, 1, …) of the sequence on."""

    tensors: Mapping[str, Array]
    first_step: int


@dataclass(slots=True)
class Inferring:
    """The progress of a session.

    `parts`: outputs of the message that is being run, one entry a tick; `held`: inputs of a sequence that has to be
    whole before it runs; `first_step`: where the next answer begins.
    """

    wanted: tuple[str, ...]
    last_step_only: bool
    parts: list[Mapping[str, Array]] = field(default_factory=list)
    held: list[Mapping[str, Array]] = field(default_factory=list)
    held_steps: int = 0
    first_step: int = 0
    busy: bool = False


class Inference:
    """Sessions that take tensors as the model does, less the batch axis."""

    name = "inference"
    plain = plain_of((Inferring, InferenceOptions, Outputs))

    def __init__(
        self, inputs: Sequence[InputSpec], output_names: Sequence[str], *, max_steps: int, whole_sequence: bool = False
    ) -> None:
        """`max_steps` bounds one message, or one sequence where it has to be whole."""
        self._inputs = tuple(inputs)
        self._names = {spec.name for spec in inputs}
        self._outputs = tuple(output_names)
        self._max_steps = max_steps
        self._whole_sequence = whole_sequence

    @classmethod
    def from_bundle(cls, bundle: Bundle, max_steps: int) -> "Inference":
        """The task of any bundle."""
        manifest = bundle.manifest
        most = min(max_steps, manifest.limits.max_sequence_steps or max_steps)
        names = [tensor.name for tensor in manifest.outputs]
        return cls(input_specs(manifest), names, max_steps=most, whole_sequence=manifest.whole_sequence)

    def begin(self, options: InferenceOptions) -> Inferring:
        """A session at step 0. Raises TENSOR_UNKNOWN for an output the model does not have."""
        self.check_outputs(options.outputs)
        return Inferring(tuple(dict.fromkeys(options.outputs)) or self._outputs, options.last_step_only)

    def check_outputs(self, names: Iterable[str]) -> None:
        """Raise TENSOR_UNKNOWN for an output the model does not have."""
        for name in names:
            if name not in self._outputs:
                message = f"there is no output {name!r}; this model gives {', '.join(self._outputs)}"
                raise invalid(Reason.TENSOR_UNKNOWN, message, "config.outputs")

    def accept(self, progress: Inferring, message: Tensors | Finish | End, sequence_number: int, now: float) -> Chunk:
        """Tensors of agreeing lengths become steps. Raises TENSOR_… naming the tensor and what was expected."""
        if isinstance(message, Tensors):
            steps = message.steps or self.steps(progress, message.inputs)
            if not self._whole_sequence:
                return Chunk(sequence_number, message.inputs, steps, now)
            self._hold(progress, message, steps)
            return Chunk(sequence_number, {}, 0, now)
        progress.busy = True
        if not progress.held:
            return Chunk(sequence_number, {}, 0, now, mark=message)
        inputs = {spec.name: np.concatenate([part[spec.name] for part in progress.held]) for spec in self._inputs}
        chunk = Chunk(sequence_number, inputs, progress.held_steps, now, mark=message)
        progress.held, progress.held_steps = [], 0
        return chunk

    def react(self, turns: Sequence[Turn[Inferring]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Outputs of every message that is done; what a tick gave of a longer one is kept."""
        return [_reaction(turn, outputs) for turn in turns]

    def _hold(self, progress: Inferring, message: Tensors, steps: int) -> None:
        if progress.held_steps + steps > self._max_steps:
            problem = f"this model takes whole sequences of at most {self._max_steps} steps: finish earlier"
            raise invalid(Reason.MESSAGE_TOO_LARGE, problem, "chunk.inputs")
        progress.held.append(message.inputs)
        progress.held_steps += steps

    def steps(self, progress: Inferring, inputs: Mapping[str, Array]) -> int:
        """How many steps a message has, if its tensors are as the model wants them. Raises TENSOR_… if not."""
        if not inputs.keys() <= self._names:
            unknown = min(inputs.keys() - self._names)
            problem = f"there is no input {unknown!r}; this model takes {', '.join(sorted(self._names))}"
            raise invalid(Reason.TENSOR_UNKNOWN, problem, "chunk.inputs")
        lengths = {len(checked(spec, inputs)) for spec in self._inputs}
        if len(lengths) != 1:
            problem = f"the inputs differ in steps: {sorted(lengths)}"
            raise invalid(Reason.TENSOR_SHAPE_MISMATCH, problem, "chunk.inputs")
        steps = lengths.pop()
        if not 1 <= steps <= self._max_steps:
            reason = Reason.MESSAGE_TOO_LARGE if steps else Reason.CHUNK_EMPTY
            raise invalid(reason, f"a message of {steps} steps: 1 to {self._max_steps} are taken", "chunk.inputs")
        return steps


def input_specs(manifest: Manifest) -> list[InputSpec]:
    """The inputs of a model without their batch and time axes."""
    return [input_spec(tensor) for tensor in manifest.inputs]


def input_spec(tensor: TensorSpec) -> InputSpec:
    """An input without its batch and time axes."""
    if tensor.vocabulary is None:
        return InputSpec(tensor.name, tensor.step_shape, tensor.dtype)
    return InputSpec(tensor.name, tensor.step_shape, tensor.dtype, minimum=0, maximum=tensor.vocabulary - 1)


def checked(spec: InputSpec, inputs: Mapping[str, Array]) -> Array:
    """The tensor [steps, ...] of one input, if it is as the model wants it."""
    tensor = inputs.get(spec.name)
    if tensor is None:
        raise _wrong(spec, Reason.TENSOR_MISSING, "is missing")
    if tensor.dtype != spec.numpy_dtype:
        raise _wrong(spec, Reason.TENSOR_DTYPE_MISMATCH, f"is {tensor.dtype}, not {spec.dtype}")
    if tensor.ndim != len(spec.shape) + 1:
        expected = f"{len(spec.shape) + 1}: {_expected(spec)}"
        raise _wrong(spec, Reason.TENSOR_RANK_MISMATCH, f"has rank {tensor.ndim}, not {expected}")
    if tensor.shape[1:] != spec.shape:
        raise _wrong(spec, Reason.TENSOR_SHAPE_MISMATCH, f"has shape {list(tensor.shape)}, not {_expected(spec)}")
    # The sum of squares is one fast call, and finite only if every value is; a huge one may still be in order.
    if tensor.dtype.kind == "f" and not math.isfinite(np.vdot(tensor, tensor)) and not np.isfinite(tensor).all():
        raise _wrong(
            spec, Reason.TENSOR_NOT_FINITE, "holds NaN or infinity: replace missing values before sending them"
        )
    if spec.bounded and tensor.size and not spec.minimum <= tensor.min() <= tensor.max() <= spec.maximum:
        raise _wrong(spec, Reason.TENSOR_OUT_OF_RANGE, f"holds values outside {spec.minimum:g}..{spec.maximum:g}")
    return tensor


def _expected(spec: InputSpec) -> str:
    return f"[{', '.join(['steps', *map(str, spec.shape)])}]"


def _wrong(spec: InputSpec, reason: Reason, problem: str) -> ServiceError:
    return invalid(reason, f"input {spec.name!r} {problem}", f"chunk.inputs[{spec.name}]")


def _reaction(turn: Turn[Inferring], outputs: Mapping[str, Array]) -> Reaction:
    items = _items(turn, outputs)
    last = turn.segments[-1]
    if last.chunk.mark is None or not last.completes:
        return Reaction(items) if items else NOTHING
    if isinstance(last.chunk.mark, End):
        return Reaction(items, done=True)
    turn.progress.first_step = 0
    turn.progress.busy = False
    return Reaction(items, reset=True)


def _items(turn: Turn[Inferring], outputs: Mapping[str, Array]) -> list[Item]:
    """An item for each message that this turn completes; what it gives of another is kept for later."""
    progress = turn.progress
    items = []
    start = 0
    for chunk, first, last in turn.segments:
        if first == last:
            continue
        stop = start + last - first
        # Copies: views would keep the outputs of the whole batch alive until this client has read its own.
        part = {name: outputs[name][turn.row, start:stop].copy() for name in progress.wanted}
        start = stop
        progress.parts.append(part)
        if last == chunk.steps:
            items.append(Item(chunk.sequence_number, _outputs(progress, chunk.steps)))
            progress.first_step += chunk.steps
            progress.parts = []
    return items


def _outputs(progress: Inferring, steps: int) -> Outputs:
    parts = progress.parts
    if progress.last_step_only:
        return Outputs({name: tensor[-1:] for name, tensor in parts[-1].items()}, progress.first_step + steps - 1)
    if len(parts) == 1:
        return Outputs(parts[0], progress.first_step)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in progress.wanted}
    return Outputs(joined, progress.first_step)
