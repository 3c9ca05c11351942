"""What a manifest says of states and contexts, as the core takes it."""

from __future__ import annotations

from service.bundle import Manifest
from service.context import ContextSpec
from service.lanes import Decoding
from service.state import StateSpec
from service.tasks.inference import input_spec


def state_specs(manifest: Manifest) -> list[StateSpec]:
    """The states of a model without their batch axis."""
    return [StateSpec(state.name, state.row_shape, state.dtype, state.initial_value) for state in manifest.state]


def decoding_of(manifest: Manifest) -> Decoding | None:
    """How the sessions of a model with an encoder run; None for all others."""
    encoder, context = manifest.encoder, manifest.context
    if encoder is None or context is None:
        return None
    return Decoding(input_spec(encoder.source), ContextSpec(context.name, context.lengths, context.width))
