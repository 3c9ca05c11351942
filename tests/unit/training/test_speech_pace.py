"""The real-time factor counts every second of every stream."""

import numpy as np

from training import speech_pace
from training.speech_pace import STEPS, factor


class Silent:
    """A model that runs for a second and hears nothing."""

    def __init__(self, clock):
        self.clock, self.rows = clock, []
        self.signature = type("Signature", (), {"inputs": [type("Input", (), {"name": "inputs"})]})

    def initial_state(self, batch):
        return {}

    def run(self, inputs, lengths, state):
        self.rows.append(inputs["inputs"].shape)
        self.clock[0] += 1.0
        return {"logits": np.tile(np.float32([9, 0, 0]), (*inputs["inputs"].shape[:2], 1))}, state


def test_it_is_the_time_for_a_second_of_a_stream(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(speech_pace.time, "perf_counter", lambda: clock[0])
    model = Silent(clock)
    network, search = factor(model, ("", " ", "a"), (), np.zeros((3 * STEPS + 4, 480), np.float32), 4)
    assert model.rows == [(4, STEPS, 480)] * 3
    assert network == 1 / (4 * STEPS * 0.03)
    assert search == 0
