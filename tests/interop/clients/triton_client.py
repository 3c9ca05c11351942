"""What a user of `tritonclient[grpc]` does. Runs in an environment that has that client and nothing of ours.

    python triton_client.py ADDRESS unary|sequences|streaming|repository|statistics

Says what it has seen on its last line; whatever is not as it should be ends it with an error.
"""

import queue
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

SERIES, TABLE = "tiny-series", "tiny-table"


def values(seed, steps, rows=1):
    return np.random.default_rng(seed).standard_normal((rows, steps, 3)).astype(np.float32)


def tensor(array):
    said = triton.InferInput("inputs", list(array.shape), "FP32")
    said.set_data_from_numpy(array)
    return [said]


def whole(client, array):
    """The answer to a whole sequence in one request."""
    return client.infer(SERIES, tensor(array)).as_numpy("following")


def same(found, expected):
    assert found.tobytes() == expected.tobytes(), f"{found} is not {expected}"


def refused(call, reason):
    said = "nothing"
    try:
        call()
    except InferenceServerException as error:
        said = str(error)
    assert reason in said, f"{reason} was expected, not {said}"


def unary(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(SERIES)
    assert not client.is_model_ready("nowhere")
    assert client.get_server_metadata().name == "hiddenstate"
    metadata = client.get_model_metadata(TABLE)
    config = client.get_model_config(TABLE).config
    assert [each.name for each in metadata.inputs] == [each.name for each in config.input] == ["inputs"]
    rows = values(1, 1, rows=5)
    together = client.infer(TABLE, tensor(rows), request_id="r1")
    assert together.get_response().id == "r1"
    for index in range(5):
        alone = client.infer(TABLE, tensor(rows[index : index + 1]))
        same(together.as_numpy("logits")[index], alone.as_numpy("logits")[0])
    best = triton.InferRequestedOutput("logits", class_count=1)
    text = client.infer(TABLE, tensor(rows[:1]), outputs=[best]).as_numpy("logits").ravel()[0].decode()
    assert text.split(":")[2] in ("low", "middle", "high"), text
    refused(lambda: client.infer("nowhere", tensor(rows)), "nowhere")
    return f"9 calls; 5 rows together have the bits of each alone; best class {text.split(':')[2]}"


def sequences(client):
    ids = [1, -(2**63), 2**63 - 1, "user:7/ü", "x" * 128]
    arrays = {name: values(seed, 8) for seed, name in enumerate(ids)}
    parts = {name: [] for name in ids}
    for step in range(8):
        for name, array in arrays.items():
            ends = {"sequence_id": name, "sequence_start": step == 0, "sequence_end": step == 7}
            answer = client.infer(SERIES, tensor(array[:, step : step + 1]), **ends)
            parts[name].append(answer.as_numpy("following"))
    for name, array in arrays.items():
        same(np.concatenate(parts[name], axis=1), whole(client, array))
    step = tensor(values(0, 1))
    refused(lambda: client.infer(SERIES, step, sequence_id=1), "no live sequence 1")
    client.infer(SERIES, step, sequence_id=1, sequence_start=True)
    refused(lambda: client.infer(SERIES, step, sequence_id=1, sequence_start=True), "1")
    client.infer(SERIES, step, sequence_id=1, sequence_end=True)
    return "5 sequences of 8 steps, the ends of int64 and texts as ids: the bits of the whole; 2 mistakes refused"


def streaming(client):
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    arrays = {name: values(name, 10) for name in range(1, 41)}
    for step in range(10):
        for name, array in arrays.items():
            client.async_stream_infer(
                SERIES, tensor(array[:, step : step + 1]), request_id=f"{name}/{step}",
                sequence_id=name, sequence_start=step == 0, sequence_end=step == 9,
            )  # fmt: skip
        # A mistake in the middle of all of them: it is answered, and nothing else changes.
        client.async_stream_infer(SERIES, tensor(values(0, 1)), sequence_id=10_000, request_id="mistake")
    found, mistakes = {}, 0
    for _ in range(410):
        result, error = answers.get(timeout=20)
        if error is None:
            found[result.get_response().id] = result.as_numpy("following")
        else:
            assert "SEQUENCE_NOT_STARTED" in str(error), error
            mistakes += 1
    client.stop_stream()
    assert mistakes == 10, mistakes
    for name, array in arrays.items():
        same(np.concatenate([found[f"{name}/{step}"] for step in range(10)], axis=1), whole(client, array))
    return "40 sequences of 10 steps on one stream: the bits of the whole; 10 mistakes answered between them"


def repository(client):
    array = values(3, 4)
    before = whole(client, array)
    first = client.infer(SERIES, tensor(array[:, :1]), sequence_id=5, sequence_start=True).as_numpy("following")
    client.unload_model(SERIES)
    states = {each.name: each.state for each in client.get_model_repository_index().models}
    assert states[SERIES] == "UNLOADING", states
    refused(lambda: client.infer(SERIES, tensor(array)), SERIES)
    last = client.infer(SERIES, tensor(array[:, 1:]), sequence_id=5, sequence_end=True).as_numpy("following")
    same(np.concatenate([first, last], axis=1), before)
    client.load_model(SERIES)
    assert client.is_model_ready(SERIES)
    same(whole(client, array), before)
    refused(lambda: client.load_model("nowhere"), "nowhere")
    return "unloaded while a sequence lived, which went on to its end; loaded again: the same bits"


def statistics(client):
    def counted():
        return client.get_inference_statistics(SERIES).model_stats[0].inference_stats

    before = counted()
    for seed in range(7):
        whole(client, values(seed, 2))
    after = counted()
    assert after.success.count == before.success.count + 7
    assert after.queue.count == before.queue.count + 7
    runs = [getattr(after, name).count for name in ("compute_input", "compute_infer", "compute_output")]
    assert len(set(runs)) == 1, runs
    return f"success, queue and {runs[0]} runs are counted"


def main():
    address, part = sys.argv[1:]
    client = triton.InferenceServerClient(address)
    try:
        print({each.__name__: each for each in (unary, sequences, streaming, repository, statistics)}[part](client))
    finally:
        client.close()


if __name__ == "__main__":
    main()
