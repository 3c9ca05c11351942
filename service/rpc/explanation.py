"""What the gates did, on the wire."""

from hiddenstate.v1 import explanation_pb2
from service.bundle import Gate
from service.tasks.explaining import Explanation

_GATES: dict[Gate, explanation_pb2.Gate] = {
    "input": explanation_pb2.GATE_INPUT,
    "forget": explanation_pb2.GATE_FORGET,
    "output": explanation_pb2.GATE_OUTPUT,
    "reset": explanation_pb2.GATE_RESET,
    "update": explanation_pb2.GATE_UPDATE,
    "candidate": explanation_pb2.GATE_CANDIDATE,
    "cell_state": explanation_pb2.GATE_CELL_STATE,
    "hidden_state": explanation_pb2.GATE_HIDDEN_STATE,
}


def explanation_message(sequence_number: int, explanation: Explanation) -> explanation_pb2.Explanation:
    """One step's gates; not numbered."""
    message = explanation_pb2.Explanation(
        sequence_number=sequence_number, step_number=explanation.step_number, input_text=explanation.input_text
    )
    for layer in explanation.layers:
        part = message.layers.add(name=layer.name)
        for gate, values in layer.gates:
            part.activations.add(gate=_GATES[gate], values=values.tolist())
    return message
