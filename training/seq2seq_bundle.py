"""The graphs of an encoder-decoder bundle, with golden vectors recorded from torch, each row alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import nn

from service.bundle import EncoderGraph, GoldenChunk, Signature, Variant, write_golden
from service.encoder import Encoder
from service.model import Model, replay
from service.runtime import Device
from training.golden import synthetic
from training.graph.cells import float_product
from training.graph.halves import store_in_halves
from training.graph.lower import lower
from training.graph.seq2seq import SOURCE, Seq2seq, TracedSeq2seq
from training.graph.tidy import tidy
from training.graph.trace import frozen
from training.variants import FP32_TOLERANCE, Built

Array = NDArray[np.generic]
Arrays = dict[str, Array]

ENCODER_FILE = "encoder.onnx"
SOURCE_LENGTHS, TOKEN_LENGTHS = (7, 3, 1), ((1, 1, 1), (3, 1, 2), (1, 2, 1))
"""Of golden vectors: the source of each of three rows, and its tokens in each of three chunks."""


class Seq2seqReference:
    """The torch network behind the interface of `service.model.Model`: every row runs alone, cut to its lengths."""

    def __init__(self, network: Seq2seq, signature: Signature) -> None:
        self.signature = signature
        self._encoder = frozen(cast(nn.Module, network.encoder))
        self._decoder = frozen(cast(nn.Module, network.decoder))

    def run(
        self, inputs: Mapping[str, Array], lengths: NDArray[np.int32], state: Mapping[str, Array]
    ) -> tuple[Arrays, Arrays]:
        """As `Model.run`; outputs behind a row's length, and attention behind its places, are zero."""
        run_row = self._encode_row if SOURCE in inputs else self._decode_row
        rows = [run_row(inputs, int(length), state, row) for row, length in enumerate(lengths)]
        names = [pair.name for pair in self.signature.state]
        after = {name: np.concatenate([own[number] for _, own in rows]) for number, name in enumerate(names)}
        return {name: _stacked([outputs[name] for outputs, _ in rows]) for name in rows[0][0]}, after

    def initial_state(self, batch: int) -> Arrays:
        """Zeros, each [batch, ...]; what a sequence really begins with is what the encoder gives."""
        return self.signature.initial_state(batch)

    @torch.inference_mode()
    def _encode_row(
        self, inputs: Mapping[str, Array], length: int, state: Mapping[str, Array], row: int
    ) -> tuple[Arrays, list[Array]]:
        """The context [length, width], and the state, each [1, ...]."""
        context = self.signature.context
        assert context is not None
        memory, first = self._encoder(_tensor(inputs[SOURCE][row : row + 1, :length]), torch.tensor([length]))
        return {context.name: memory[0].numpy()}, [tensor.numpy() for tensor in first]

    @torch.inference_mode()
    def _decode_row(
        self, inputs: Mapping[str, Array], length: int, state: Mapping[str, Array], row: int
    ) -> tuple[Arrays, list[Array]]:
        """Outputs [length, ...] and the next state, each [1, ...]."""
        context = self.signature.context
        assert context is not None
        places = int(inputs[context.lengths][row])
        memory = _tensor(inputs[context.name][row : row + 1, :places])
        own = tuple(_tensor(state[pair.name][row : row + 1]) for pair in self.signature.state)
        tokens = _tensor(inputs[self.signature.inputs[0].name][row : row + 1, :length])
        outputs, after = self._decoder(tokens, torch.tensor([length]), own, memory, torch.tensor([places]))
        padded = np.zeros((length, inputs[context.name].shape[1]), np.float32)
        padded[:, :places] = outputs["attention"][0].numpy()
        return {"logits": outputs["logits"][0].numpy(), "attention": padded}, [tensor.numpy() for tensor in after]


def build_seq2seq(
    folder: Path, traced: TracedSeq2seq, network: Seq2seq, source: Array, tokens: Array
) -> tuple[EncoderGraph, Built]:
    """Write both graphs in float32 and their golden vectors. Raises BundleError when they do not compute what torch
    does.

    source [rows, time], tokens [rows, time]: real ones, after which the golden ones are drawn; none of them is kept.
    """
    signature = traced.signature
    assert signature.context is not None
    encoder = EncoderGraph(file=ENCODER_FILE, source=traced.source)
    _save(traced.encoder, folder / encoder.file)
    _save(traced.decoder, folder / "model.onnx")
    device = Device("cpu")
    beside = Encoder(folder / encoder.file, encoder, signature.context, signature.state, device)
    model = Model(folder / "model.onnx", signature, device, encoder=beside)
    golden = record_seq2seq(Seq2seqReference(network, signature), source, tokens)
    variant = Variant(file="model.onnx", golden="golden.npz", tolerance=FP32_TOLERANCE)
    write_golden(folder / variant.golden, golden)
    replay(model, golden, variant.tolerance)
    return encoder, Built(variant, model, golden)


def record_seq2seq(model: Seq2seqReference | Model, source: Array, tokens: Array) -> tuple[GoldenChunk, ...]:
    """Run a drawn source of each row, and then drawn tokens in chunks, the state carried. The first chunk is the
    encoder's.
    """
    context = model.signature.context
    assert context is not None
    sizes = np.array(SOURCE_LENGTHS, np.int32)
    inputs: Arrays = {SOURCE: synthetic(source, len(sizes), int(sizes.max()), seed=7)}
    outputs, state = model.run(inputs, sizes, {})
    chunks = [GoldenChunk(inputs, sizes, outputs, state)]
    fixed = {context.name: _masked(outputs[context.name], sizes), context.lengths: sizes}
    for number, steps in enumerate(TOKEN_LENGTHS):
        lengths = np.array(steps, np.int32)
        drawn = {model.signature.inputs[0].name: synthetic(tokens, len(steps), max(steps), seed=8 + number)}
        outputs, state = model.run({**drawn, **fixed}, lengths, state)
        chunks.append(GoldenChunk({**drawn, **fixed}, lengths, outputs, state))
    return tuple(chunks)


def _save(traced: ir.Model, path: Path) -> None:
    graph = traced.clone()
    for node in list(graph.graph):
        if node.op_type == "RNN":  # the runtime's own is slow, and not independent of the batch
            lower(graph, node, float_product, float_product)
    tidy(graph)
    store_in_halves(graph)
    ir.save(graph, path)


def _masked(memory: Array, lengths: NDArray[np.int32]) -> Array:
    """The context with zeros behind each row's length, as the server pads it."""
    behind = np.arange(memory.shape[1])[None, :] >= lengths[:, None]
    return np.where(behind[..., None], np.float32(0), memory)


def _stacked(rows: Sequence[Array]) -> Array:
    """Rows [steps, ...] as one array [batch, time, ...], zeros behind each."""
    stacked = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), rows[0].dtype)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
