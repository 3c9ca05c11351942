"""Gates as the client gets and shows them."""

import io

import numpy as np
import pytest
from rich.console import Console

from hiddenstate import wire
from hiddenstate.command.gates import GateLines, colour, save_heat_map, scaled
from hiddenstate.explanation import LayerGates, StepExplanation, explanation
from hiddenstate.protocol import StreamProtocol
from hiddenstate.v1 import explanation_pb2, sentiment_pb2


def message(step: int, units: int = 4) -> explanation_pb2.Explanation:
    gates = (explanation_pb2.GATE_UPDATE, explanation_pb2.GATE_HIDDEN_STATE)
    values = np.linspace(0, 1, units).tolist()
    activations = [explanation_pb2.GateActivation(gate=gate, values=values) for gate in gates]
    layer = explanation_pb2.LayerActivations(name="gru 1", activations=activations)
    return explanation_pb2.Explanation(sequence_number=2, step_number=step, input_text=f"w{step}", layers=[layer])


def test_a_step_arrives_with_its_gates_by_name():
    step = explanation(message(3))
    assert (step.step_number, step.input_text, step.sequence_number) == (3, "w3", 2)
    assert list(step.layers[0].gates) == ["update", "hidden_state"]
    np.testing.assert_allclose(step.layers[0].gates["update"], [0, 1 / 3, 2 / 3, 1], atol=1e-6)


def test_a_gate_of_a_later_server_keeps_its_number():
    activation = explanation_pb2.GateActivation(gate=99, values=[1.0])
    layer = explanation_pb2.LayerActivations(name="x", activations=[activation])
    assert list(explanation(explanation_pb2.Explanation(layers=[layer])).layers[0].gates) == ["99"]


def test_the_protocol_gathers_explanations_beside_the_answers():
    protocol = StreamProtocol.of(wire.ANALYZE_SENTIMENT, {})
    taken = [
        protocol.accept(sentiment_pb2.AnalyzeSentimentResponse(explanation=message(0))),
        protocol.accept(sentiment_pb2.AnalyzeSentimentResponse(result=sentiment_pb2.SentimentResult())),
    ]
    assert taken == [None, "result"]
    assert [step.step_number for step in protocol.explanations] == [0]


def test_gates_are_spread_and_states_clipped():
    values = np.array([0.0, 0.5, 1.0, 3.0], np.float32)
    assert scaled("forget", values[:3]).tolist() == [-1, 0, 1]
    assert scaled("cell_state", values).tolist() == [0, 0.5, 1, 1]


def test_closed_is_blue_and_open_is_red():
    (red, _, blue), (red_open, _, blue_open) = colour(-1.0), colour(1.0)
    assert blue > red
    assert red_open > blue_open


@pytest.mark.parametrize(("colours", "blocks"), [(None, " ░▓█"), ("truecolor", "████")])
def test_a_line_shows_each_step_once_also_without_colours(colours, blocks):
    output = io.StringIO()
    console = Console(file=output, width=60, color_system=colours, force_terminal=colours is not None)
    lines, steps = GateLines(console), [explanation(message(0))]
    lines.print_new(steps)
    steps.append(explanation(message(1)))
    lines.print_new(steps)
    plain = Console(file=io.StringIO()).render_str(output.getvalue()).plain if colours is None else output.getvalue()
    assert plain.count("w0") == plain.count("w1") == 1
    assert all(block in plain for block in blocks)
    assert plain.count("gru 1: 4 of its 4 units") == 1


def test_the_picture_holds_every_gate_of_every_layer(tmp_path):
    gates = {"update": np.ones(3, np.float32), "hidden_state": np.zeros(3, np.float32)}
    layers = (LayerGates("gru 1", gates), LayerGates("rnn 1", {"hidden_state": np.zeros(3, np.float32)}))
    steps = [StepExplanation(number, "$5", 1, layers) for number in range(3)]
    save_heat_map(steps, tmp_path / "gates.png")
    assert (tmp_path / "gates.png").read_bytes()[:4] == b"\x89PNG"
