"""What the whole contract keeps to, read from its descriptors."""

import importlib
import pkgutil

import pytest
from google.protobuf.descriptor import FieldDescriptor

import hiddenstate.v1

FILES = [
    importlib.import_module(f"hiddenstate.v1.{module.name}").DESCRIPTOR
    for module in pkgutil.iter_modules(hiddenstate.v1.__path__)
    if module.name.endswith("_pb2")
]
METHODS = [method for file in FILES for service in file.services_by_name.values() for method in service.methods]
STREAMS = [method for method in METHODS if method.client_streaming]
TASKS = {
    "Translate", "AnalyzeSentiment", "GenerateText", "Transcribe", "ComposeMusic", "RecognizeGesture", "Forecast",
    "TagTokens", "Classify", "Infer",
}  # fmt: skip
SESSION_CONTENT = {"opened": 1, "receipt": 2, "move": 3}


def streams(test):
    return pytest.mark.parametrize("method", STREAMS, ids=lambda method: method.name)(test)


def messages(file):
    waiting = list(file.message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        waiting += message.nested_types
        yield message


def test_every_task_and_infer_have_a_bidirectional_stream():
    assert {method.name for method in STREAMS} == TASKS
    assert all(method.server_streaming for method in STREAMS)


def test_the_session_and_model_services_are_complete():
    unary = {method.name for method in METHODS if not method.client_streaming}
    sessions = {f"{verb}Session" for verb in ("Get", "Snapshot", "Restore", "Fork", "Close")} | {"ListSessions"}
    assert unary == sessions | {"ListModels", "GetModel"}


@streams
def test_requests_carry_the_session_protocol_under_the_same_numbers(method):
    fields = {field.name: field for field in method.input_type.fields}
    numbers = {name: fields[name].number for name in ("config", "end", "acknowledgement")}
    assert numbers == {"config": 1, "end": 2, "acknowledgement": 3}
    assert (fields["sequence_number"].number, fields["received_answer_number"].number) == (14, 15)
    assert fields["config"].message_type.fields_by_name["session"].message_type.name == "SessionConfig"


@streams
def test_responses_carry_the_session_protocol_under_the_same_numbers(method):
    fields = {field.name: field.number for field in method.output_type.fields}
    assert SESSION_CONTENT.items() <= fields.items()
    assert fields["durable_sequence_number"] == 15


@streams
def test_every_answer_names_the_message_it_answers_and_its_items_are_numbered(method):
    for field in method.output_type.oneofs_by_name["content"].fields:
        if field.name in {*SESSION_CONTENT, "explanation"}:
            continue
        own = field.message_type.fields_by_name
        items = [inner.message_type.fields_by_name for inner in own.values() if inner.message_type]
        assert "sequence_number" in own or any("sequence_number" in item for item in items), field.name
        assert "answer_number" in own or any("answer_number" in item for item in items), field.name


def test_durations_say_so_in_their_names_and_counts_do_not_say_num():
    for message in (message for file in FILES for message in messages(file)):
        for field in message.fields:
            assert not field.name.startswith("num_"), field.full_name
            if field.message_type and field.message_type.full_name == "google.protobuf.Duration":
                assert field.name.endswith(("_duration", "timeout", "offset")), field.full_name


def test_every_enum_begins_with_unspecified():
    for enum in (enum for file in FILES for enum in file.enum_types_by_name.values()):
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED"), enum.full_name


def test_text_fields_are_strings_and_only_opaque_ones_are_bytes():
    opaque = {"data", "samples", "snapshot"}
    for message in (message for file in FILES for message in messages(file)):
        for field in message.fields:
            assert field.type != FieldDescriptor.TYPE_BYTES or field.name in opaque, field.full_name
