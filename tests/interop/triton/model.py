"""The reference model for Triton's Python backend: a step of every sequence of a batch in one run of ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """Keeps the state of each sequence by its id."""

    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.runtime = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.names = [each.name for each in self.runtime.get_inputs() if each.name.startswith("state_")]
        self.outputs = ["logits", *(f"next_{name}" for name in self.names)]
        self.fresh = [np.zeros(self.runtime.get_inputs()[-1].shape[-1], np.float32) for _ in self.names]
        self.states = {}

    def execute(self, requests):
        sequences = [int(_value(request, "CORRID")) for request in requests]
        for request, sequence in zip(requests, sequences, strict=True):
            if _value(request, "START"):
                self.states[sequence] = self.fresh
        rows = [self.states[sequence] for sequence in sequences]
        inputs = [triton.get_input_tensor_by_name(request, "inputs").as_numpy() for request in requests]
        feed = {"inputs": np.concatenate(inputs), "lengths": np.ones(len(rows), np.int32)}
        feed |= {name: np.stack(parts) for name, parts in zip(self.names, zip(*rows, strict=True), strict=True)}
        logits, *states = self.runtime.run(self.outputs, feed)
        for row, (request, sequence) in enumerate(zip(requests, sequences, strict=True)):
            if _value(request, "END"):
                del self.states[sequence]
            else:
                self.states[sequence] = [state[row] for state in states]
        return [triton.InferenceResponse([triton.Tensor("logits", logits[row : row + 1])]) for row in range(len(rows))]


def _value(request, name):
    return triton.get_input_tensor_by_name(request, name).as_numpy().ravel()[0]
