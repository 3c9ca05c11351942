"""Gates over the wire: one explanation for each step, and the answers that a session without them gets."""

from typing import Any

import numpy as np
import pytest

from hiddenstate.v1 import explanation_pb2
from service.bundle import load_bundle
from service.frontends.text import TextFrontend
from service.model import load_explain
from tests.calls import Target
from tests.repositories import GENERATOR, REPOSITORY, SENTIMENT

pytestmark = pytest.mark.asyncio(loop_scope="session")


def kinds(answers: list[Any]) -> list[str]:
    return [answer.WhichOneof("content") for answer in answers]


def generation(**config: Any) -> list[Any]:
    options = {"temperature": 0.0, "maxTokenCount": 4}
    return [
        {"config": {"session": {"model": GENERATOR}, "seed": 1, **config}},
        {"prompt": {"text": "It is"}},
        {"generate": {"options": options}},
        {"end": {}},
    ]


async def test_a_text_comes_with_the_gates_of_every_step(target: Target):
    plain = await target.call("GenerateText", generation())
    explained = await target.call("GenerateText", generation(explain=True))
    assert plain.code == explained.code == "OK"
    steps = [answer.explanation for answer in explained.answers if answer.WhichOneof("content") == "explanation"]
    assert [step.step_number for step in steps] == list(range(5 + 3))
    assert "".join(step.input_text for step in steps[:5]) == "It is"
    assert explained.answers[0].opened.variant == "explain"
    assert explained.numbers == plain.numbers
    assert texts(explained.answers) == texts(plain.answers)


def texts(answers: list[Any]) -> str:
    return "".join(token.text for answer in answers for token in answer.tokens.tokens)


async def test_the_gates_are_those_of_the_graph(target: Target):
    requests = [
        {"config": {"session": {"model": SENTIMENT}, "explain": True, "interimResults": False}},
        {"text": {"text": "good"}},
        {"end": {}},
    ]
    call = await target.call("AnalyzeSentiment", requests)
    steps = [answer.explanation for answer in call.answers if answer.WhichOneof("content") == "explanation"]
    bundle = load_bundle(REPOSITORY / SENTIMENT / "1")
    model = load_explain(bundle)
    assert model is not None
    frontend = TextFrontend.from_files(bundle.folder, bundle.manifest.frontend.parameters)
    stream = frontend.stream()
    tokens = np.array([[*frontend.start_ids, *stream.feed("good"), *stream.flush()]])
    outputs, _ = model.run({"inputs": tokens}, np.array([5], np.int32), model.initial_state(1))
    assert len(steps) == 5
    assert kinds(call.answers)[-1] == "result"
    for number, step in enumerate(steps):
        (layer,) = step.layers
        found = {explanation_pb2.Gate.Name(each.gate): list(each.values) for each in layer.activations}
        assert found.keys() == {"GATE_UPDATE", "GATE_RESET", "GATE_CANDIDATE", "GATE_HIDDEN_STATE"}
        np.testing.assert_array_equal(found["GATE_HIDDEN_STATE"], outputs["gates_0"][0, number, 3])
