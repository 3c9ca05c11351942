"""Generic inference on the wire."""

from collections.abc import Iterator, Sequence
from typing import Any

from hiddenstate.v1 import inference_pb2, session_pb2
from service.bundle import Manifest
from service.errors import Reason, invalid
from service.rpc.tensors import to_array, write_array
from service.state import Array
from service.tasks.inference import InferenceOptions, Outputs, Tensors
from service.tasks.task import Answer, Finish


class InferenceCodec:
    """Reads and writes tensors."""

    task = "inference"
    request_type = inference_pb2.InferRequest

    def options(self, config: inference_pb2.InferConfig) -> InferenceOptions:
        """Which outputs are wanted."""
        return InferenceOptions(tuple(config.outputs), config.last_step_only)

    def payload(self, request: inference_pb2.InferRequest, manifest: Manifest) -> Tensors | Finish:
        """The tensors of a chunk, or the end of a sequence. Raises TENSOR_UNKNOWN, and what `to_array` raises."""
        if request.WhichOneof("content") == "finish":
            return Finish()
        declared = manifest.inputs_by_name
        only = next(iter(declared)) if len(declared) == 1 else ""
        inputs: dict[str, Array] = {}
        for tensor in request.chunk.inputs:
            name = tensor.name or only
            if name not in declared or name in inputs:
                problem = f"two tensors are named {name!r}" if name in inputs else f"there is no input {name!r}"
                message = f"{problem}: this model takes one each of {', '.join(sorted(declared))}"
                raise invalid(Reason.TENSOR_UNKNOWN, message, "chunk.inputs")
            inputs[name] = to_array(tensor, declared[name])
        return Tensors(inputs)

    def opened(self, opened: session_pb2.Opened, options: InferenceOptions) -> Any:
        """The first response."""
        return inference_pb2.InferResponse(opened=opened)

    def responses(self, answers: Sequence[Answer]) -> Iterator[inference_pb2.InferResponse]:
        """One response for each chunk."""
        for number, sequence_number, item in answers:
            yield _response(number, sequence_number, item)


def _response(number: int, sequence_number: int, outputs: Outputs) -> inference_pb2.InferResponse:
    # Filled in place: twice as fast as handing messages to constructors, and this runs for every message.
    response = inference_pb2.InferResponse()
    message = response.outputs
    message.answer_number = number
    message.sequence_number = sequence_number
    message.first_step_number = outputs.first_step
    for name, tensor in outputs.tensors.items():
        write_array(message.outputs.add(), name, tensor)
    return response
