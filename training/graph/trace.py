"""Trace a torch module into an ONNX graph with dynamic batch and time axes and explicit state."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import onnx_ir as ir
import torch
from torch import Tensor, nn

from service.bundle import Signature, StateSpec, TensorSpec
from training.graph.layers import TRANSLATIONS, Lengths, replace_layers

RECURRENT = ("LSTM", "GRU", "RNN")
_BATCH, _TIME = 3, 5  # example sizes: neither 0 nor 1, which a trace would take for constants


class Network(Protocol):
    """What can be exported: an `nn.Module` with torch's recurrent layers that follows the contract.

    A network without state takes whole sequences, unless its attribute `independent_steps` is true: then each of its
    steps is answered by itself.
    """

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """The state of fresh sequences, each tensor [batch, ...] of one value; empty where nothing is carried."""
        ...

    def __call__(
        self, inputs: Tensor, lengths: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor | Mapping[str, Tensor], tuple[Tensor, ...]]:
        """One output for each step, a tensor or tensors by name, each [batch, time, ...]; and the next state."""
        ...


@dataclass(frozen=True)
class Traced:
    """An ONNX graph (standard recurrent nodes, float32) and the names and shapes of its tensors."""

    model: ir.Model
    signature: Signature


class _Flat(nn.Module):
    """The network with its outputs flattened to (outputs…, next states…), its layers knowing the lengths."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.lengths = Lengths()
        self.network = frozen(network)
        self.count = replace_layers(self.network, self.lengths)

    def forward(self, inputs: Tensor, lengths: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        self.lengths.tensor = lengths
        outputs, next_state = self.network(inputs, lengths.to(torch.int64), state)
        return (*named(outputs).values(), *next_state)


def frozen(network: nn.Module) -> nn.Module:
    """A copy of the network as it is exported: in evaluation mode, float32, on the CPU."""
    return copy.deepcopy(network).eval().float().cpu()


def named(outputs: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Outputs by name; a single tensor is called `outputs`."""
    return {"outputs": outputs} if isinstance(outputs, Tensor) else dict(outputs)


def example_inputs(inputs: Tensor) -> Tensor:
    """A small batch [3, 5, ...] of the same kind as `inputs` [batch, time, ...], which may be of any size."""
    flat = inputs.reshape(-1, *inputs.shape[2:])
    index = torch.arange(_BATCH * _TIME) % len(flat)
    return flat[index].reshape(_BATCH, _TIME, *inputs.shape[2:])


def trace(network: Network, inputs: Tensor) -> Traced:
    """Trace `network`, an `nn.Module`, in evaluation mode.

    inputs: any valid batch [batch, time] int64 or [batch, time, features] float32, for its type and features only.
    Raises ValueError when a recurrent layer or an axis did not come out as the contract says.
    """
    if not isinstance(network, nn.Module):
        raise ValueError(f"{type(network).__name__} is no torch.nn.Module")
    flat = _Flat(network)
    example = example_inputs(inputs)
    state = tuple(tensor.float().cpu() for tensor in network.initial_state(_BATCH))
    whole = not state and not getattr(network, "independent_steps", False)
    signature = _signature(example, _try(network, example, state), state, whole=whole)
    model = _export(flat, signature, example, state)
    check_graph(model, shapes_of(signature), flat.count)
    (tokens,) = signature.inputs
    known = tokens.model_copy(update={"vocabulary": vocabulary(model.graph)})
    return Traced(model, signature.model_copy(update={"inputs": (known,)}))


def _try(network: nn.Module, example: Tensor, state: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The outputs of the network on the example, by name; whatever it does wrong shows here, before the trace."""
    with torch.no_grad():
        outputs, next_state = frozen(network)(example, torch.full((_BATCH,), _TIME), state)
    if len(next_state) != len(state):
        raise ValueError(f"forward took {len(state)} state tensors and returned {len(next_state)}")
    return named(outputs)


def _export(flat: nn.Module, signature: Signature, example: Tensor, state: tuple[Tensor, ...]) -> ir.Model:
    """The graph that torch makes of the network."""
    lengths = torch.tensor([5, 2, 1], dtype=torch.int32)
    batch, time = axis("batch"), axis("time")
    axes = ({0: batch, 1: time}, {0: batch}, *([tuple({0: batch} for _ in state)] if state else []))
    return export_graph(flat, (example, lengths, *state), axes, signature.graph_inputs(), signature.graph_outputs())


def axis(name: str) -> Any:
    """An axis that a graph takes in any length."""
    return torch.export.Dim(name, min=1, max=1 << 20)


def export_graph(
    flat: nn.Module, example: tuple[Tensor, ...], axes: Any, takes: Sequence[str], gives: Sequence[str]
) -> ir.Model:
    """The graph that torch makes of a module, its tensors named `takes` and `gives`, without traces of its making.

    axes: for each argument of the module, which of its axes are dynamic. Raises ValueError when torch cannot do it.
    """
    with _quiet():
        program = torch.onnx.export(
            flat,
            example,
            input_names=list(takes),
            output_names=list(gives),
            dynamic_shapes=axes,
            custom_translation_table=TRANSLATIONS,
            opset_version=20,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ValueError("torch could not export the network")
    _strip(program.model)
    model: ir.Model = program.model
    return model


def _signature(example: Tensor, outputs: Mapping[str, Tensor], state: tuple[Tensor, ...], *, whole: bool) -> Signature:
    dtype: Literal["int64", "float32"] = "int64" if example.dtype == torch.int64 else "float32"
    for name, tensor in outputs.items():
        if tensor.shape[:2] != (_BATCH, _TIME):
            raise ValueError(f"output {name!r} must be [batch, time, ...], one value for each step")
    return Signature(
        inputs=(TensorSpec(name="inputs", dtype=dtype, shape=("batch", "time", *example.shape[2:])),),
        outputs=tuple(
            TensorSpec(name=name, dtype="float32", shape=("batch", "time", *tensor.shape[2:]))
            for name, tensor in outputs.items()
        ),
        state=tuple(
            StateSpec(
                name=f"state_{number}",
                next_name=f"next_state_{number}",
                shape=("batch", *tensor.shape[1:]),
                initial_value=_constant(number, tensor),
            )
            for number, tensor in enumerate(state)
        ),
        whole_sequence=whole,
    )


def vocabulary(graph: ir.Graph) -> int | None:
    """The number of tokens: the rows of the smallest table that is looked up by the first input itself."""
    tables = [
        node.inputs[0].const_value.shape[0]
        for node in graph
        if node.op_type == "Gather" and node.inputs[1] is graph.inputs[0]
        if node.inputs[0] is not None and node.inputs[0].const_value is not None
    ]
    return min((int(size) for size in tables if isinstance(size, int)), default=None)


def _constant(number: int, tensor: Tensor) -> float:
    value = float(tensor.flatten()[0])
    if not bool((tensor == value).all()):
        raise ValueError(f"initial state {number} must hold one value; learn an initial state inside the network")
    return value


def check_graph(model: ir.Model, shapes: Mapping[str, Sequence[int | str]], layers: int) -> None:
    """Raise ValueError unless the graph has one recurrent node for each layer (bidirectional: one for both
    directions), their weights are constants, and its tensors have `shapes`, by name: no dynamic axis is frozen.
    """
    graph = model.graph
    nodes = [node for node in graph if node.op_type in RECURRENT]
    if len(nodes) != layers:
        raise ValueError(f"the network has {layers} recurrent layers, its graph {len(nodes)} recurrent nodes")
    for node in nodes:
        if any(weight is None or weight.const_value is None for weight in node.inputs[1:4]):
            raise ValueError(f"the weights of {node.name} are not constant; share no recurrent layer between calls")
    for value in (*graph.inputs, *graph.outputs):
        found = tuple(axis if isinstance(axis, int) else str(axis.value) for axis in value.shape or ())
        if found != tuple(shapes[value.name or ""]):
            raise ValueError(f"{value.name!r} should be {list(shapes[value.name or ''])}, the graph has {list(found)}")


def shapes_of(signature: Signature) -> dict[str, tuple[int | str, ...]]:
    """The shape of every tensor of a graph."""
    shapes: dict[str, tuple[int | str, ...]] = {signature.lengths: ("batch",)}
    shapes |= {spec.name: spec.shape for spec in (*signature.inputs, *signature.outputs)}
    return shapes | {name: pair.shape for pair in signature.state for name in (pair.name, pair.next_name)}


def _strip(model: ir.Model) -> None:
    """Drop what the trace noted of source files and stacks: a bundle says nothing of the machine that made it."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.doc_string = model.graph.doc_string = None
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the torch exporter says of its own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
