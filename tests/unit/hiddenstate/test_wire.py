"""Options and answers, and how the protocol spells them."""

import pytest

from hiddenstate import wire
from hiddenstate.options import TextOptions
from hiddenstate.v1 import model_pb2, session_pb2, text_generation_pb2, token_pb2

RPCS = (wire.GENERATE_TEXT, wire.ANALYZE_SENTIMENT, wire.INFER, wire.LIST_MODELS)


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.path)
def test_each_path_names_a_method_of_the_contract_with_these_messages(rpc):
    service, method = rpc.path.removeprefix("/hiddenstate.v1.").split("/")
    described = rpc.request.DESCRIPTOR.file.services_by_name[service].methods_by_name[method]
    assert described.input_type is rpc.request.DESCRIPTOR
    assert described.output_type is rpc.response.DESCRIPTOR


def test_every_text_option_has_a_field():
    values = dict.fromkeys(TextOptions.__annotations__, 1) | {"stop": ["a", "b"]}
    options = wire.text_options(values)
    assert {field.name for field, _ in options.ListFields()} == {
        field.name for field in text_generation_pb2.GenerateTextOptions.DESCRIPTOR.fields
    }


def test_durability_and_priority_are_words():
    config = wire.session_config({"durability": "stored", "priority": "bulk"}, "m")
    assert config.durability == session_pb2.DURABILITY_STORED
    assert config.priority == session_pb2.PRIORITY_BULK


def test_a_token_without_log_probability_has_none_and_one_of_zero_has_zero():
    assert wire.token(token_pb2.Token(text="a")).log_probability is None
    assert wire.token(token_pb2.Token(text="a", log_probability=0.0)).log_probability == 0.0


def test_a_value_that_a_later_server_adds_to_an_enum_is_shown_as_its_number():
    assert wire.model(model_pb2.Model(cell=99)).cell == "99"
    assert wire.model(model_pb2.Model(cell=model_pb2.CELL_GRU)).cell == "gru"
