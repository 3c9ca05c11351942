"""A network that hears tones: how loud each is in a step, told by hand-made weights, beside an untrained layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
from tests.tones import TOKENS, hertz
from training.networks import State, run_layer

SILENT = -8.0
"""What the blank scores; a tone of loudness 0.5 scores about 0, silence far less."""
LANES = 8
"""ONNX Runtime takes so many logarithms at once, and those that are left over in another way, whose bits differ: with
whole rows of lanes no bit of a step depends on how many others run with it.
"""


class Tones(nn.Module):
    """samples [batch, time, 480] → logits [batch, time, tokens]."""

    def __init__(self) -> None:
        super().__init__()
        times = torch.arange(STEP_SAMPLES) / SAMPLE_RATE
        waves = [2 * torch.pi * hertz(token) * times for token in range(1, len(TOKENS))]
        basis = torch.stack([*map(torch.sin, waves), *map(torch.cos, waves)], dim=1) * 4 / STEP_SAMPLES
        self.basis = nn.Parameter(basis)  # [480, 2 * tones]
        self.layer = nn.GRU(len(waves), 4, batch_first=True)
        self.head = nn.Linear(4, len(TOKENS))

    def initial_state(self, batch: int) -> State:
        """Zeros."""
        return (self.basis.new_zeros(batch, 4),)

    def forward(self, inputs: Tensor, lengths: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """The loudness of each tone as decibels, the blank beside them; what the layer says changes it a little."""
        sines, cosines = (inputs @ self.basis).chunk(2, dim=2)
        energy = sines.square() + cosines.square() + 1e-4
        tones = energy.shape[2]
        levels = 4 * torch.log(F.pad(energy, (0, -tones % LANES), value=1.0))[..., :tones]
        seen, after = run_layer(self.layer, levels / 10, lengths, state)
        blank = torch.full_like(levels[..., :1], SILENT)
        return {"logits": torch.cat([blank, levels], dim=2) + self.head(seen)}, after
