"""Trace an encoder and a decoder with attention into two ONNX graphs: whole sources in; one step at a time out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import onnx_ir as ir
import torch
from torch import Tensor, nn

from service.bundle import ContextSpec, Signature, StateSpec, TensorSpec
from training.graph.layers import Lengths, replace_layers
from training.graph.trace import axis, check_graph, example_inputs, export_graph, frozen, shapes_of, vocabulary

SOURCE = "source"
"""Name of the encoder's input."""
_BATCH, _TIME, _PLACES = 3, 5, 4  # example sizes, all different: equal ones could be taken for the same axis


class Encoder(Protocol):
    """Reads a whole source; any layers, recurrent ones torch's own and often bidirectional."""

    def __call__(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """source [batch, time] int64, lengths [batch] → what the decoder looks at [batch, time, width] float32, and the
        state that it begins with, each tensor [batch, ...].
        """
        ...


class Decoder(Protocol):
    """Writes step by step. All that it carries from step to step is in its state."""

    def __call__(
        self, tokens: Tensor, lengths: Tensor, state: tuple[Tensor, ...], memory: Tensor, memory_lengths: Tensor
    ) -> tuple[Mapping[str, Tensor], tuple[Tensor, ...]]:
        """tokens [batch, time] int64, lengths [batch], state each [batch, ...], memory [batch, places, width] of which
        the first memory_lengths [batch] places of a row are valid → `logits` [batch, time, vocabulary] and `attention`
        [batch, time, places], 0 behind a row's places; and the next state.
        """
        ...


class Seq2seq(Protocol):
    """What can be exported as an encoder and a decoder: an `nn.Module` with these two parts, modules themselves.

    The attention must not depend on how far `memory` is padded; masking scores with minus infinity before a softmax
    does it.
    """

    encoder: Encoder
    decoder: Decoder


@dataclass(frozen=True)
class TracedSeq2seq:
    """Both graphs and the names and shapes of their tensors; `signature` is the decoder's."""

    encoder: ir.Model
    decoder: ir.Model
    source: TensorSpec
    signature: Signature


class _FlatEncoder(nn.Module):
    """(source, lengths) → (memory, states…), its layers knowing the lengths."""

    def __init__(self, part: Encoder) -> None:
        super().__init__()
        self.lengths = Lengths()
        self.part = frozen(cast(nn.Module, part))
        self.count = replace_layers(self.part, self.lengths)

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        self.lengths.tensor = lengths
        memory, state = self.part(source, lengths.to(torch.int64))
        return memory, *state


class _FlatDecoder(_FlatEncoder):
    """(tokens, lengths, memory, its lengths, states…) → (outputs…, next states…)."""

    def __init__(self, part: Decoder) -> None:
        super().__init__(cast(Encoder, part))

    def forward(  # type: ignore[override]  # torch calls it with what the trace was given
        self, tokens: Tensor, lengths: Tensor, memory: Tensor, memory_lengths: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        self.lengths.tensor = lengths
        outputs, after = self.part(tokens, lengths.to(torch.int64), state, memory, memory_lengths.to(torch.int64))
        return *outputs.values(), *after


def trace_seq2seq(network: Seq2seq, source: Tensor) -> TracedSeq2seq:
    """Trace both parts in evaluation mode.

    source: any valid batch of source tokens [batch, time] int64. Token 0 must be one that the decoder takes. Raises
    ValueError when the network breaks the protocol, or a layer or an axis did not come out as the contract says.
    """
    sources = (example_inputs(source), torch.tensor([5, 2, 1], dtype=torch.int32))
    with torch.no_grad():
        memory, state = frozen(cast(nn.Module, network.encoder))(sources[0], sources[1].to(torch.int64))
    given = _decoder_example(memory, state)
    signature = _signature(memory, state, _try(network, given))
    encoder, read = _trace_encoder(network, sources, signature)
    decoder, written = _trace_decoder(network, given, signature)
    spec = TensorSpec(name=SOURCE, dtype="int64", shape=("batch", "time"), vocabulary=read)
    tokens = signature.inputs[0].model_copy(update={"vocabulary": written})
    return TracedSeq2seq(encoder, decoder, spec, signature.model_copy(update={"inputs": (tokens,)}))


def _decoder_example(memory: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Tokens, lengths, a context, its lengths and a state, of the example's sizes."""
    tokens, lengths = torch.zeros(_BATCH, _TIME, dtype=torch.int64), torch.tensor([5, 2, 1], dtype=torch.int32)
    return tokens, lengths, memory[:, :_PLACES], torch.tensor([4, 2, 1], dtype=torch.int32), *state


def _try(network: Seq2seq, given: tuple[Tensor, ...]) -> Mapping[str, Tensor]:
    """The outputs of the decoder on the example; whatever it does wrong shows here, before the trace."""
    tokens, lengths, memory, memory_lengths, *state = given
    with torch.no_grad():
        decoder = frozen(cast(nn.Module, network.decoder))
        outputs, after = decoder(tokens, lengths.to(torch.int64), tuple(state), memory, memory_lengths.to(torch.int64))
    if len(after) != len(state):
        raise ValueError(f"the encoder gives {len(state)} state tensors, the decoder returned {len(after)}")
    if set(outputs) != {"logits", "attention"} or outputs["attention"].shape != (_BATCH, _TIME, _PLACES):
        raise ValueError("the decoder gives logits [batch, time, vocabulary] and attention [batch, time, places]")
    return {"logits": outputs["logits"], "attention": outputs["attention"]}


def _signature(memory: Tensor, state: Sequence[Tensor], outputs: Mapping[str, Tensor]) -> Signature:
    words = outputs["logits"].shape[2]
    return Signature(
        inputs=(TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),),
        outputs=(
            TensorSpec(name="logits", dtype="float32", shape=("batch", "time", words)),
            TensorSpec(name="attention", dtype="float32", shape=("batch", "time", "memory")),
        ),
        state=tuple(
            StateSpec(name=f"state_{number}", next_name=f"next_state_{number}", shape=("batch", *tensor.shape[1:]))
            for number, tensor in enumerate(state)
        ),
        context=ContextSpec(width=memory.shape[2]),
    )


def _trace_encoder(network: Seq2seq, sources: tuple[Tensor, ...], signature: Signature) -> tuple[ir.Model, int | None]:
    """The graph and its number of tokens."""
    flat, context = _FlatEncoder(network.encoder), cast(ContextSpec, signature.context)
    batch, time = axis("batch"), axis("time")
    states = {pair.next_name: pair.shape for pair in signature.state}
    shapes = {SOURCE: ("batch", "time"), "lengths": ("batch",), context.name: ("batch", "time", context.width)}
    axes = ({0: batch, 1: time}, {0: batch})
    graph = export_graph(flat, sources, axes, (SOURCE, "lengths"), (context.name, *states))
    check_graph(graph, {**shapes, **states}, flat.count)
    return graph, vocabulary(graph.graph)


def _trace_decoder(network: Seq2seq, given: tuple[Tensor, ...], signature: Signature) -> tuple[ir.Model, int | None]:
    """The graph and its number of tokens."""
    flat, context = _FlatDecoder(network.decoder), cast(ContextSpec, signature.context)
    batch, time, places = axis("batch"), axis("time"), axis("memory")
    state = tuple({0: batch} for _ in signature.state)
    axes = ({0: batch, 1: time}, {0: batch}, {0: batch, 1: places}, {0: batch}, *([state] if state else []))
    graph = export_graph(flat, given, axes, signature.graph_inputs(), signature.graph_outputs())
    shapes = {**shapes_of(signature), context.name: ("batch", "memory", context.width), context.lengths: ("batch",)}
    check_graph(graph, shapes, flat.count)
    return graph, vocabulary(graph.graph)
