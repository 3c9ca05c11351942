"""Causal networks for streams of features: convolutions over the last steps, a recurrent layer, a score for each step.

They follow the contract of `docs/design.md`. What a convolution still has to see of earlier steps is carried as state,
beside that of the recurrent layer, so a stream may be cut anywhere. A convolution is written as one product with the
steps of its window laid side by side: the same bits for every batch and every cut, which a convolution kernel that
picks its algorithm by shape does not promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks import CellName, NetworkSpec, RecurrentNetwork, State, run_layer
from training.regularize import locked_dropout, start_gates_open

_EPSILON = 1e-5
_MOMENTUM = 0.1


@dataclass(frozen=True)
class StreamSpec:
    """Sizes of a network. `windows` and `widths`: steps and features of each convolution, in their order.

    Dropout acts on the input of the network, on that of the recurrent layer, and on that of the heads; `locked`: on the
    same features at all steps of a row, where steps are so alike that others would tell what was dropped. `normalized`:
    each feature of a convolution is standardised, as measured while training (Ioffe and Szegedy, 2015). `shortcut`:
    the last convolution scores the classes as well, beside the recurrent layer.
    """

    cell: CellName
    features: int
    classes: int
    hidden: int
    windows: tuple[int, ...] = (1,)
    widths: tuple[int, ...] = (64,)
    normalized: bool = False
    shortcut: bool = False
    dropout: tuple[float, float, float] = (0.0, 0.0, 0.0)
    locked: bool = False
    members: int = 1


class Normalization(nn.Module):
    """Standardises features by the mean and variance of a batch, or those measured in training once it is over.

    Both are parameters without gradient, so that the average of weights, which is what is kept, averages them too.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.mean = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.variance = nn.Parameter(torch.ones(width), requires_grad=False)

    def forward(self, steps: Tensor, valid: Tensor | None) -> Tensor:
        """steps [batch, time, width]; valid [batch, time] bool, None outside of training."""
        if valid is None or not self.training:
            return (steps - self.mean) * torch.rsqrt(self.variance + _EPSILON) * self.gain + self.shift
        share = (valid / valid.sum())[..., None]  # of each step in the mean: sums are faster than picking steps out
        mean = (steps * share).sum((0, 1))
        variance = ((steps - mean).square() * share).sum((0, 1))
        with torch.no_grad():
            self.mean.lerp_(mean.float(), _MOMENTUM)
            self.variance.lerp_(variance.float(), _MOMENTUM)
        return (steps - mean) * torch.rsqrt(variance + _EPSILON) * self.gain + self.shift


class LockedDropout(nn.Module):
    """Drops the same features at all steps of a row."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, steps: Tensor) -> Tensor:
        """steps [batch, time, features]."""
        return locked_dropout(steps, self.rate) if self.training else steps


class CausalConvolution(nn.Module):
    """A product with the last `window` steps, standardised if so wished, rectified."""

    def __init__(self, window: int, width: int, size: int, *, normalized: bool) -> None:
        super().__init__()
        self.window, self.width = window, width
        self.product = nn.Linear(window * width, size, bias=not normalized)
        self.normalization = Normalization(size) if normalized else None

    def initial_state(self, batch: int) -> State:
        """Zeros [batch, window - 1, width]; nothing for a window of one step."""
        if self.window == 1:
            return ()
        return (self.product.weight.new_zeros(batch, self.window - 1, self.width),)

    def forward(self, steps: Tensor, lengths: Tensor, past: State, valid: Tensor | None) -> tuple[Tensor, State]:
        """steps [batch, time, width], lengths [batch], past [batch, window - 1, width] → [batch, time, size]."""
        time = steps.shape[1]
        after: State = ()
        if past:
            known = torch.cat([past[0], steps], dim=1)  # [batch, window - 1 + time, width]
            places = lengths[:, None] + torch.arange(self.window - 1, device=steps.device)
            after = (known.gather(1, places[..., None].expand(-1, -1, self.width)),)
            steps = torch.cat([known[:, first : first + time] for first in range(self.window)], dim=2)
        answer = self.product(steps)
        if self.normalization is not None:
            answer = self.normalization(answer, valid)
        return F.relu(answer), after


class StreamMember(nn.Module):
    """One network: convolutions, one recurrent layer, and a linear head for the classes."""

    def __init__(self, spec: StreamSpec) -> None:
        super().__init__()
        widths = (spec.features, *spec.widths)
        kind = LockedDropout if spec.locked else nn.Dropout
        self.dropout = nn.ModuleList(kind(rate) for rate in spec.dropout)
        self.convolutions = nn.ModuleList(
            CausalConvolution(window, width, size, normalized=spec.normalized)
            for window, width, size in zip(spec.windows, widths, widths[1:], strict=False)
        )
        recurrent = NetworkSpec(
            spec.cell, spec.hidden, features=widths[-1], heads={"logits": spec.classes}, dropout=0.0
        )
        self.recurrent = RecurrentNetwork(recurrent)
        start_gates_open(self.recurrent)
        self.shortcut = nn.Linear(widths[-1], spec.classes, bias=False) if spec.shortcut else None

    def initial_state(self, batch: int) -> State:
        """That of each convolution, then of the recurrent layer."""
        parts = [convolution.initial_state(batch) for convolution in self._convolutions()]
        return (*(tensor for part in parts for tensor in part), *self.recurrent.initial_state(batch))

    def forward(self, steps: Tensor, lengths: Tensor, state: State, valid: Tensor | None) -> tuple[Tensor, State]:
        """steps [batch, time, features] → logits [batch, time, classes], next state; `valid` says that it learns."""
        first, between, last = self.dropout
        carried: list[Tensor] = []
        steps = first(steps)
        for convolution in self._convolutions():
            count = int(convolution.window > 1)
            own, state = state[:count], state[count:]
            steps, after = convolution(steps, lengths, own, valid)
            carried += after
        if valid is not None:  # faster: what lies behind the end of a row is not counted, nor is its state
            lengths = torch.full_like(lengths, steps.shape[1])
        seen, after = run_layer(self.recurrent.layers[0], between(steps), lengths, state)
        logits = self.recurrent.heads["logits"](last(seen))
        if self.shortcut is not None:
            logits = logits + self.shortcut(last(steps))
        return logits, (*carried, *after)

    def _convolutions(self) -> list[CausalConvolution]:
        return [layer for layer in self.convolutions if isinstance(layer, CausalConvolution)]


class StreamNetwork(nn.Module):
    """Several members that learn at the same time, each from its own loss; what is served is the mean of their scores,
    which errs less, since members that began differently err in different places.
    """

    def __init__(self, spec: StreamSpec) -> None:
        super().__init__()
        self.spec = spec
        self.members = nn.ModuleList(StreamMember(spec) for _ in range(spec.members))

    def networks(self) -> list[StreamMember]:
        """The members."""
        return [member for member in self.members if isinstance(member, StreamMember)]

    def initial_state(self, batch: int) -> State:
        """Zeros for every member, in their order."""
        return tuple(tensor for member in self.networks() for tensor in member.initial_state(batch))

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """inputs [batch, time, features], lengths [batch] → logits [batch, time, classes], next state."""
        answers: list[Tensor] = []
        carried: list[Tensor] = []
        each = len(state) // len(self.members)
        for place, member in enumerate(self.networks()):
            logits, after = member(inputs, lengths, state[place * each : (place + 1) * each], None)
            answers.append(logits)
            carried += after
        mean = torch.stack(answers).mean(dim=0) if len(answers) > 1 else answers[0]
        return {"logits": mean}, tuple(carried)


def mean_scores(logits: Tensor, valid: Tensor) -> Tensor:
    """Logits [batch, time, classes] → their mean over the valid steps [batch, classes]; valid [batch, time] bool."""
    counted = torch.where(valid[..., None], logits.float(), 0.0)
    return counted.sum(1) / valid.sum(1, keepdim=True)


def valid_steps(lengths: Tensor, time: int) -> Tensor:
    """Which steps of padded rows are their own: lengths [batch] → [batch, time] bool."""
    return torch.arange(time) < lengths[:, None]
