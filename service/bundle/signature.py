"""The tensors of a graph: what one run takes and gives, and which state it carries."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

TensorName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
ElementType = Literal["float32", "int64", "int32"]
Axis = Annotated[int, Field(ge=1)] | Literal["batch", "time", "memory"]


class Part(BaseModel):
    """A frozen piece of the manifest that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class TensorSpec(Part):
    """A named input or output [batch, time, ...]; `step_shape` is the shape of one step of one row.

    `vocabulary`: how many token ids there are, for an input of tokens (0 to one less); None for other values. The last
    axis of an output may be `memory`: one value for each place of the context.
    """

    name: TensorName
    dtype: ElementType
    shape: tuple[Axis, ...]
    vocabulary: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _time_second(self) -> Self:
        behind = self.shape[2:-1] if self.shape[-1:] == ("memory",) else self.shape[2:]
        if self.shape[:2] != ("batch", "time") or not all(isinstance(axis, int) for axis in behind):
            raise ValueError(f"tensor {self.name!r} needs the shape [batch, time, ...] with numbers behind")
        return self

    @cached_property
    def step_shape(self) -> tuple[int, ...]:
        """The axes behind batch and time."""
        return tuple(axis for axis in self.shape if isinstance(axis, int))


class StateSpec(Part):
    """A recurrent tensor: read as `name`, written as `next_name`, one row for each session."""

    name: TensorName
    next_name: TensorName
    dtype: Literal["float32"] = "float32"
    shape: tuple[Axis, ...]
    initial_value: float = 0.0

    @model_validator(mode="after")
    def _batch_first(self) -> Self:
        if self.shape[:1] != ("batch",) or not all(isinstance(axis, int) for axis in self.shape[1:]):
            raise ValueError(f"state {self.name!r} needs the shape [batch, ...] with numbers behind")
        return self

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one session's row."""
        return tuple(axis for axis in self.shape if isinstance(axis, int))


class ContextSpec(Part):
    """What a decoder looks at, the same at every step of a sequence: `name` [batch, memory, width] float32, of which
    the first `lengths` [batch] int32 places of each row are valid.
    """

    name: TensorName = "memory"
    lengths: TensorName = "memory_lengths"
    width: int = Field(ge=1)


class Signature(Part):
    """The tensors of a graph: what it takes and gives. `lengths` names the int32 input [batch] of valid steps.

    A graph carries `state` from chunk to chunk, or takes whole sequences; one that does neither answers every step by
    itself. A decoder also takes a `context`, which its encoder gives, with the state that a sequence begins with.
    """

    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    lengths: TensorName = "lengths"
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    state: tuple[StateSpec, ...] = ()
    whole_sequence: bool = False
    context: ContextSpec | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = (*self.graph_inputs(), *self.graph_outputs())
        if len(set(names)) != len(names):
            raise ValueError("two tensors share a name")
        return self

    @model_validator(mode="after")
    def _state_agrees(self) -> Self:
        if self.whole_sequence and (self.state or self.context):
            raise ValueError("a graph carries state, or takes whole sequences (whole_sequence), never both")
        return self

    @cached_property
    def inputs_by_name(self) -> dict[str, TensorSpec]:
        """The inputs by name, in order."""
        return {tensor.name: tensor for tensor in self.inputs}

    def graph_inputs(self) -> tuple[str, ...]:
        """Names of all inputs of the graph: inputs, lengths, context, states."""
        context = (self.context.name, self.context.lengths) if self.context else ()
        return (*(t.name for t in self.inputs), self.lengths, *context, *(s.name for s in self.state))

    def graph_outputs(self) -> tuple[str, ...]:
        """Names of all outputs of the graph: outputs, next states."""
        return (*(t.name for t in self.outputs), *(s.next_name for s in self.state))

    def state_bytes(self) -> int:
        """Bytes of the state of one session (float32)."""
        return 4 * sum(math.prod(pair.row_shape) for pair in self.state)

    def initial_state(self, batch: int) -> dict[str, NDArray[np.generic]]:
        """The state of `batch` fresh sessions by name, each [batch, ...]."""
        return {
            pair.name: np.full((batch, *pair.row_shape), pair.initial_value, np.dtype(pair.dtype))
            for pair in self.state
        }
