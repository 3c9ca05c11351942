"""The server people write first: thread-pool grpcio, a thread, a runtime call and a message for each token.

It speaks the same protocol as ours. It is given one thread for each model run, as ours is: the runtime's default of one
for each core would make it slower still on the one core it runs on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from hiddenstate.v1 import text_generation_pb2 as pb
from hiddenstate.v1 import text_generation_pb2_grpc, token_pb2
from service.bundle import load_bundle
from service.frontends.text import TextFrontend
from service.model import load_model


class NaiveTextGeneration(text_generation_pb2_grpc.TextGenerationServiceServicer):
    """Serves GenerateText: the prompt token by token, then one token a run and a message."""

    def __init__(self, folder: Path, variant: str) -> None:
        bundle = load_bundle(folder)
        self.model = load_model(bundle, variant)
        frontend = bundle.manifest.frontend
        assert frontend is not None
        self.frontend = TextFrontend.from_files(folder, frontend.parameters)
        self.input = self.model.signature.inputs[0].name

    def GenerateText(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802 - grpc's name
        config = next(request_iterator).config
        yield pb.GenerateTextResponse(opened={"model": config.session.model})
        prompt = next(request_iterator).prompt.text
        next(request_iterator)
        yield from self._generate(prompt, config)

    def _generate(self, prompt: str, config: Any) -> Iterator[Any]:
        random = np.random.default_rng(config.seed)
        stream = self.frontend.stream()
        state = self.model.initial_state(1)
        lengths = np.ones(1, np.int32)
        for token in [*stream.feed(prompt), *stream.flush()]:
            outputs, state = self.model.run({self.input: np.array([[token]], np.int64)}, lengths, state)
        for number in range(1, config.options.max_token_count + 1):
            logits = next(iter(outputs.values()))[0, -1].astype(np.float64)
            weights = np.exp(logits - logits.max())
            token = int(random.choice(weights.size, p=weights / weights.sum()))
            text = self.frontend.token_text(token)
            yield pb.GenerateTextResponse(
                tokens=token_pb2.Tokens(tokens=[token_pb2.Token(text=text, token_id=token, answer_number=number)])
            )
            outputs, state = self.model.run({self.input: np.array([[token]], np.int64)}, lengths, state)


def main() -> None:
    """Serve one bundle on a free port of loopback and say which, until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--variant", default="fp32")
    parser.add_argument("--threads", type=int, default=72, help="streams served at once")
    arguments = parser.parse_args()
    server = grpc.server(ThreadPoolExecutor(arguments.threads), options=[("grpc.so_reuseport", 0)])
    servicer = NaiveTextGeneration(arguments.bundle, arguments.variant)
    text_generation_pb2_grpc.add_TextGenerationServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
