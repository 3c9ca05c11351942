"""From the user's own recordings to a served stream: trained, exported, verified, asked by the client and examined."""

import numpy as np
import pytest

from hiddenstate import AsyncClient
from hiddenstate.tasks.gesture import GestureEvent
from service.bundle import load_bundle
from tests.calls import serving
from tests.integration.training.test_commands import hiddenstate

FRAMES = 20


def curve(label, dice):
    even = np.linspace(0, 2 * np.pi, FRAMES)
    turns = 1 if label == "wave" else 2
    return np.stack([np.sin(turns * even), np.cos(turns * even)], axis=1) + dice.normal(0, 0.05, (FRAMES, 2))


@pytest.fixture
def folder(tmp_path):
    dice = np.random.default_rng(5)
    for label in ("wave", "circle"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(15):
            rows = [f"{place / 20},{x:.4f},{y:.4f}" for place, (x, y) in enumerate(curve(label, dice))]
            (tmp_path / "own" / label / f"{number}.csv").write_text("t,x,y\n" + "\n".join(rows))
    return tmp_path / "own"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("recipe", "name", "cell"), [("cricket", "own-cricket", "gru"), ("japanese_vowels", "own-japanese-vowels", "rnn")]
)
async def test_own_recordings_become_a_served_stream(tmp_path, folder, recipe, name, cell):
    models = tmp_path / "models"
    done = hiddenstate(
        "train", recipe, "--smoke", "--cell", cell, "--data", folder, "--out", tmp_path / "run", "--export", models
    )
    assert done.exit_code == 0, done.output
    manifest = load_bundle(models / name / "1").manifest
    assert manifest.task_parameters["frame_rate_hertz"] == pytest.approx(20.0)
    dice = np.random.default_rng(6)
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        asked = [curve(label, dice) for label in ("wave", "circle")]
        found = [each async for each in client.gestures(asked)]
        assert [each.frame_count for each in found] == [FRAMES, FRAMES]
        assert [each.start_frame for each in found] == [0, FRAMES]
        assert sum(found[0].probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        rest = np.repeat(asked[0][-1:], 60, axis=0)
        stream = np.concatenate([rest, asked[0], rest, asked[1], rest])
        answers = [each async for each in client.gesture(stream, detect_events=True, threshold=0.01)]
        events = [each for each in answers if isinstance(each, GestureEvent)]
        assert [each.kind for each in events] == ["onset", "offset"] * 2
        assert abs(events[0].frame - 60) <= 3
