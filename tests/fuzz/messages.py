"""Made-up requests of any method, from the descriptor of its message: names that exist, values at their ends."""

import random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from tests.calls import described, request_of
from tests.integration.server.test_malformed import VALID, damaged
from tests.repositories import MODELS, SERIES, TABLE

DEEPEST = 4
LOADABLE = TABLE
"""The one model that is loaded and unloaded; the sequence beside all this lives on another one."""

WORDS: dict[str, tuple[str, ...]] = {
    "model_name": (SERIES, LOADABLE, "tiny-lstm", "tiny-tagger", "tiny-translation"),
    "model": MODELS,
    "datatype": ("FP32", "INT64", "INT32", "BYTES"),
    "model_version": ("", "1"),
    "version": ("", "1"),
}
"""What a text field is given now and then, by its name, so that messages get beyond the first check."""
PLACES = ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "triton_enable_empty_final_response")
NAMES = ("inputs", "following", "logits", "outputs", "state_0", "lengths")

texts = st.one_of(st.sampled_from(("", "1", "beside", "\0", "ü" * 200, "x" * 129)), st.text(max_size=12))
_seeds = st.integers(0, 2**32)
_kinds = FieldDescriptor
_RANGES = {
    _kinds.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    _kinds.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    _kinds.CPPTYPE_UINT32: (0, 2**32 - 1),
    _kinds.CPPTYPE_UINT64: (0, 2**64 - 1),
    _kinds.CPPTYPE_ENUM: (0, 12),
}


def conversations(method: str) -> st.SearchStrategy[list[bytes]]:
    """The requests of one call; some of their bytes are damaged, some were never a message."""
    described_input = described(method).input_type
    whole = [
        messages(described_input).map(_bytes),
        st.builds(_damaged, messages(described_input), _seeds),
        st.binary(max_size=40),
    ]
    if method in ("ModelInfer", "ModelStreamInfer"):
        whole = [steps().map(_bytes), steps().map(_bytes), *whole]
    one = st.one_of(whole)
    if not described(method).client_streaming:
        return one.map(lambda each: [each])
    if method not in VALID:
        return st.lists(one, min_size=1, max_size=5)
    # Behind a good config, a damaged one or none: otherwise hardly any message would be read as one.
    honest = [request_of(method, message) for message in VALID[method]]
    more = st.lists(st.one_of(one, st.sampled_from(honest[1:])), min_size=1, max_size=4)
    first = st.one_of(
        st.just(honest[:1]), st.just(honest[:1]), st.builds(_first_damaged, st.just(honest[0]), _seeds), st.just([])
    )
    return st.builds(list.__add__, first, more)


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Any:
    """A message with any of its fields."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not draw(st.booleans()) or (field.message_type and depth == DEEPEST):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            _fill_map(draw, getattr(message, field.name), field.message_type, depth)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_values(field, depth), max_size=3)))
        elif field.message_type:
            getattr(message, field.name).CopyFrom(draw(messages(field.message_type, depth + 1)))
        else:
            setattr(message, field.name, draw(_values(field, depth)))
    return message


@st.composite
def steps(draw: st.DrawFn) -> Any:
    """A request of the Open Inference Protocol that is nearly right: one or two things may be wrong with it."""
    request = GetMessageClass(described("ModelInfer").input_type)(model_name=SERIES)
    count = draw(st.integers(1, 3))
    tensor = request.inputs.add(name="inputs", datatype="FP32", shape=[1, count, 3])
    numbers = draw(st.lists(st.floats(width=32), min_size=count * 3, max_size=count * 3))
    tensor.contents.fp32_contents.extend(numbers)
    parameters = request.parameters
    parameters["sequence_id"].int64_param = draw(st.sampled_from((1, 2, -(2**63), 2**63 - 1)))
    parameters["sequence_start"].bool_param = draw(st.booleans())
    parameters["sequence_end"].bool_param = draw(st.booleans())
    match draw(st.integers(0, 9)):
        case 0:
            tensor.shape[draw(st.integers(0, 2))] = draw(_integers(_kinds.CPPTYPE_INT64))
        case 1:
            request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=24), max_size=2)))
        case 2:
            parameters[draw(st.sampled_from(PLACES))].uint64_param = draw(_integers(_kinds.CPPTYPE_UINT64))
        case 3:
            parameters[draw(st.sampled_from(PLACES))].string_param = draw(texts)
        case 4:
            wanted = request.outputs.add(name=draw(st.sampled_from(NAMES)))
            wanted.parameters["classification"].int64_param = draw(_integers(_kinds.CPPTYPE_INT64))
        case 5:
            tensor.ClearField("contents")
            request.raw_input_contents.append(draw(st.binary(min_size=12 * count, max_size=12 * count)))
        case 6:
            request.MergeFrom(draw(messages(request.DESCRIPTOR)))
    return request


def _fill_map(draw: st.DrawFn, entries: Any, entry: Descriptor, depth: int) -> None:
    for key in draw(st.lists(st.one_of(st.sampled_from(PLACES), texts), max_size=3, unique=True)):
        value = entry.fields_by_name["value"]
        if value.message_type:
            entries[key].CopyFrom(draw(messages(value.message_type, depth + 1)))
        else:
            entries[key] = draw(_values(value, depth))


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """Values of one field, or of one element of it."""
    if field.message_type:
        return messages(field.message_type, depth + 1)
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats(width=32)
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return st.floats()
        case FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return st.binary(max_size=40)
            known = WORDS.get(field.name, NAMES if field.name == "name" else ())
            if field.containing_type.name.startswith(("RepositoryModel",)):
                known = (LOADABLE,)
            return st.one_of(st.sampled_from(known), texts) if known else texts
        case kind:
            return _integers(kind)


def _integers(kind: int) -> st.SearchStrategy[int]:
    least, most = _RANGES[kind]
    ends = (least, least + 1, 0, 1, most - 1, most)
    return st.one_of(st.sampled_from(ends), st.integers(max(least, -4), 4), st.integers(least, most))


def _bytes(message: Message) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized


def _first_damaged(config: bytes, seed: int) -> list[bytes]:
    return [damaged(config, random.Random(seed))]


def _damaged(message: Message, seed: int) -> bytes:
    return damaged(_bytes(message), random.Random(seed))
