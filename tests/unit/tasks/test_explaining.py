"""Explanations: one for each step, whatever the cuts, before the task's own items, which stay what they were."""

import numpy as np
import pytest

from service.bundle import WatchedLayer
from service.session import Chunk, Segment
from service.tasks.explaining import Explaining, Explanation
from service.tasks.task import Item, Reaction, Turn

LAYERS = (
    WatchedLayer(name="gru 1", output="gates_0", gates=("update", "reset"), hidden=2),
    WatchedLayer(name="rnn 1", output="gates_1", gates=("hidden_state",), hidden=3),
)


class Progress:
    busy = False


class Echo:
    """Answers each turn with its number of steps; says of a step what token it reads."""

    name = "echo"

    def begin(self, options):
        return Progress()

    def accept(self, progress, message, sequence_number, now):
        progress.busy = True
        return Chunk(sequence_number, {"inputs": np.array(message)}, len(message), now)

    def react(self, turns, outputs, now):
        assert all(isinstance(turn.progress, Progress) for turn in turns)
        return [Reaction([Item(9, turn.steps)], done=True) for turn in turns]

    def step_text(self, chunk, step):
        return f"t{chunk.inputs['inputs'][step]}"


class Mute(Echo):
    """Cannot say what a step reads."""

    step_text = None


def outputs(rows: int, steps: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(3)
    return {
        "gates_0": dice.random((rows, steps, 2, 2), np.float32),
        "gates_1": dice.random((rows, steps, 1, 3), np.float32),
    }


def test_every_step_is_explained_before_the_items_of_the_task():
    task, given = Explaining(Echo(), LAYERS), outputs(2, 4)
    first, second = task.begin(None), task.begin(None)
    one, two = Chunk(1, {"inputs": np.array([5, 6, 7])}, 3), Chunk(2, {"inputs": np.array([8])}, 1)
    turns = [
        Turn(first, 1, 3, (Segment(one, 1, 3), Segment(two, 0, 1))),
        Turn(second, 0, 1, (Segment(two, 0, 1),)),
    ]
    reaction, other = task.react(turns, given, 0.0)
    *steps, own = reaction.items
    assert own == Item(9, 3)
    assert reaction.done
    assert [(item.sequence_number, item.value.input_text) for item in steps] == [(1, "t6"), (1, "t7"), (2, "t8")]
    assert [item.value.step_number for item in steps] == [0, 1, 2]
    assert not any(item.numbered or item.interim for item in steps)
    for place, item in enumerate(steps):
        update, reset = (values for _, values in item.value.layers[0].gates)
        np.testing.assert_array_equal([update, reset], given["gates_0"][1, place])
        ((name, hidden),) = item.value.layers[1].gates
        assert name == "hidden_state"
        np.testing.assert_array_equal(hidden, given["gates_1"][1, place, 0])
    assert len(other.items) == 2


def test_the_numbers_of_steps_go_on_from_tick_to_tick():
    task = Explaining(Echo(), LAYERS)
    progress = task.begin(None)
    chunk = Chunk(1, {"inputs": np.array([1, 2])}, 2)
    numbers = []
    for start in (0, 1):
        (reaction,) = task.react([Turn(progress, 0, 1, (Segment(chunk, start, start + 1),))], outputs(1, 1), 0.0)
        numbers += [item.value.step_number for item in reaction.items if isinstance(item.value, Explanation)]
    assert numbers == [0, 1]


def test_a_turn_without_steps_is_the_tasks_alone():
    task = Explaining(Echo(), LAYERS)
    (reaction,) = task.react([Turn(task.begin(None), 0, 0, ())], {}, 0.0)
    assert reaction.items == [Item(9, 0)]


def test_what_a_task_cannot_put_into_words_has_no_text():
    task = Explaining(Mute(), LAYERS)
    chunk = Chunk(1, {"inputs": np.array([1])}, 1)
    (reaction,) = task.react([Turn(task.begin(None), 0, 1, (Segment(chunk, 0, 1),))], outputs(1, 1), 0.0)
    assert reaction.items[0].value.input_text == ""


@pytest.mark.parametrize("busy", [True, False])
def test_a_session_is_busy_when_its_task_is(busy):
    task = Explaining(Echo(), LAYERS)
    progress = task.begin(None)
    task.accept(progress, [1], 1, 0.0)
    assert progress.busy
    progress.busy = busy
    assert progress.progress.busy is busy
