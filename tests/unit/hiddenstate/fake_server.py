"""An in-process server that speaks the contract and knows no model: its answers can be foretold by a test."""

import threading
from concurrent import futures
from contextlib import contextmanager

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from hiddenstate.v1 import (
    inference_pb2,
    inference_pb2_grpc,
    model_pb2,
    model_pb2_grpc,
    sentiment_pb2,
    sentiment_pb2_grpc,
    session_pb2,
    text_generation_pb2,
    text_generation_pb2_grpc,
    token_pb2,
)
from hiddenstate.v1.classification_pb2 import ClassProbability


def abort(context, code, reason, message, *, field="", retry_after=0.0):
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="hiddenstate", metadata={"model": "none"})]
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if retry_after:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=round(retry_after * 1e9))))
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.abort_with_status(rpc_status.to_status(status))


def opened(config):
    return session_pb2.Opened(
        session_id=config.session.session_id, model=config.session.model or "only", version=1, variant="fp32", seed=7
    )


class Script:
    """What the fake saw, and how it should misbehave."""

    def __init__(self):
        self.requests = []
        self.metadata = []
        self.cancelled = threading.Event()
        self.refusal = None
        self.repeat_answers = False
        self.refuse_after = None

    def begin(self, requests, context):
        self.metadata.append(dict(context.invocation_metadata()))
        first = next(requests)
        self.requests.append(first)
        context.add_callback(self.cancelled.set)
        if self.refusal:
            abort(context, *self.refusal[0], **self.refusal[1])
        return first.config

    def follow(self, requests, context):
        for request in requests:
            self.requests.append(request)
            if len(self.requests) - 1 == self.refuse_after:
                abort(context, grpc.StatusCode.INVALID_ARGUMENT, "TEXT_TOO_LONG", "no more")
            yield request


class Writer(text_generation_pb2_grpc.TextGenerationServiceServicer):
    """Writes the characters of the prompt in capitals, two to a message, and then says how many there were."""

    def __init__(self, script):
        self.script = script

    def GenerateText(self, requests, context):  # noqa: N802 - named by the contract
        response = text_generation_pb2.GenerateTextResponse
        config = self.script.begin(requests, context)
        yield response(opened=opened(config))
        prompt, number = "", 0
        for request in self.script.follow(requests, context):
            match request.WhichOneof("content"):
                case "prompt":
                    prompt += request.prompt.text
                case "generate":
                    tokens = []
                    for character in prompt:
                        number += 1
                        tokens.append(
                            token_pb2.Token(answer_number=number, text=character.upper(), token_id=ord(character))
                        )
                    for start in range(0, len(tokens), 2):
                        message = token_pb2.Tokens(
                            sequence_number=request.sequence_number, tokens=tokens[start : start + 2]
                        )
                        for _ in range(1 + self.script.repeat_answers):
                            yield response(tokens=message)
                    number += 1
                    completion = text_generation_pb2.Completion(
                        answer_number=number,
                        sequence_number=request.sequence_number,
                        stop_reason=token_pb2.STOP_REASON_MAX_COUNT,
                        token_count=len(tokens),
                        seed=config.seed,
                    )
                    yield response(completion=completion)
                    prompt = ""
                case "end":
                    return


class Reader(sentiment_pb2_grpc.SentimentServiceServicer):
    """Scores a text by the share of its plus signs among plus and minus signs."""

    def __init__(self, script):
        self.script = script

    def AnalyzeSentiment(self, requests, context):  # noqa: N802 - named by the contract
        config = self.script.begin(requests, context)
        yield sentiment_pb2.AnalyzeSentimentResponse(opened=opened(config))
        text, number = "", 0
        interim = config.interim_results or not config.HasField("interim_results")
        for request in self.script.follow(requests, context):
            kind = request.WhichOneof("content")
            if kind == "text":
                text += request.text.text
                if interim:
                    yield self.result(text, 0, request.sequence_number)
            elif text:
                number += 1
                yield self.result(text, number, request.sequence_number)
                text = ""
            if kind == "end":
                return

    def result(self, text, number, sequence_number):
        positive = text.count("+") / max(text.count("+") + text.count("-"), 1)
        classes = [
            ClassProbability(label="negative", probability=1 - positive),
            ClassProbability(label="positive", probability=positive),
        ]
        result = sentiment_pb2.SentimentResult(
            answer_number=number,
            sequence_number=sequence_number,
            is_final=number > 0,
            score=2 * positive - 1,
            label="positive" if positive > 0.5 else "negative",
            class_probabilities=classes,
            token_count=len(text),
        )
        return sentiment_pb2.AnalyzeSentimentResponse(result=result)


class Adder(inference_pb2_grpc.InferenceServiceServicer):
    """Gives back its inputs."""

    def __init__(self, script):
        self.script = script

    def Infer(self, requests, context):  # noqa: N802 - named by the contract
        config = self.script.begin(requests, context)
        yield inference_pb2.InferResponse(opened=opened(config))
        number = 0
        for request in self.script.follow(requests, context):
            if request.WhichOneof("content") == "chunk":
                number += 1
                tensors = [*request.chunk.inputs]
                for tensor in tensors:
                    tensor.name = tensor.name or "echo"
                outputs = inference_pb2.InferOutputs(
                    answer_number=number, sequence_number=request.sequence_number, outputs=tensors
                )
                yield inference_pb2.InferResponse(outputs=outputs)


class Shelf(model_pb2_grpc.ModelServiceServicer):
    """Two models on two pages: one ready, one refused."""

    def __init__(self, script):
        self.script = script

    def ListModels(self, request, context):  # noqa: N802 - named by the contract
        ready = model_pb2.Model(
            name="austen",
            version=3,
            is_default=True,
            task=model_pb2.TASK_TEXT_GENERATION,
            topology=model_pb2.TOPOLOGY_ONE_TO_MANY,
            cell=model_pb2.CELL_LSTM,
            state=model_pb2.MODEL_STATE_READY,
            active_variant="fp32",
            device="cpu",
            batch_independence=model_pb2.BatchIndependence(result=model_pb2.BATCH_INDEPENDENCE_RESULT_BITWISE),
            quality=[
                model_pb2.QualityFigure(
                    metric="bits_per_character", value=1.6, baseline="6-gram", baseline_value=2.025, split="test"
                )
            ],
        )
        refused = model_pb2.Model(
            name="torn",
            version=1,
            state=model_pb2.MODEL_STATE_REFUSED,
            problem=model_pb2.ModelProblem(reason="BUNDLE_DIGEST_MISMATCH", message="model.onnx was changed"),
        )
        if request.page_token:
            return model_pb2.ListModelsResponse(models=[refused])
        return model_pb2.ListModelsResponse(models=[ready], next_page_token="2")


@contextmanager
def fake_server():
    """Serve on a free port; gives the address and the script."""
    script = Script()
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    text_generation_pb2_grpc.add_TextGenerationServiceServicer_to_server(Writer(script), server)
    sentiment_pb2_grpc.add_SentimentServiceServicer_to_server(Reader(script), server)
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(Adder(script), server)
    model_pb2_grpc.add_ModelServiceServicer_to_server(Shelf(script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", script
    finally:
        server.stop(None).wait(5)
