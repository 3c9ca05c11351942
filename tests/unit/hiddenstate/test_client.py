"""The blocking client against a server whose answers can be foretold."""

import socket
import threading
import time

import grpc
import numpy as np
import pytest

from hiddenstate import Client, ServerError, requests
from tests.unit.hiddenstate.fake_server import fake_server


@pytest.fixture
def served():
    with fake_server() as (address, script), Client(address) as client:
        yield client, script


def numbers(script):
    return [request.sequence_number for request in script.requests]


def contents(script):
    return [request.WhichOneof("content") for request in script.requests]


def test_generate_streams_tokens_and_says_why_the_text_ended(served):
    client, _ = served
    stream = client.generate("ab c", seed=11)
    assert [token.text for token in stream] == ["A", "B", " ", "C"]
    assert (stream.completion.stop_reason, stream.completion.token_count) == ("max_count", 4)
    assert stream.completion.seed == 11
    assert stream.opened.variant == "fp32"


def test_generate_text_collects_the_whole_text(served):
    client, _ = served
    assert client.generate(iter(["ab", "cd"])).text() == "ABCD"


def test_a_stream_says_config_first_and_numbers_what_follows(served):
    client, script = served
    client.generate(["a", "b"]).text()
    assert contents(script) == ["config", "prompt", "prompt", "generate", "end"]
    assert numbers(script) == [0, 1, 2, 3, 4]


def test_the_session_id_is_minted_and_sent_in_config_and_metadata(served):
    client, script = served
    client.generate("a").text()
    client.generate("a").text()
    ids = [each["hiddenstate-session-id"] for each in script.metadata]
    configs = [request.config for request in script.requests if request.WhichOneof("content") == "config"]
    assert ids == [config.session.session_id for config in configs]
    assert len(set(ids)) == 2


def test_options_reach_the_config_and_unset_ones_do_not(served):
    client, script = served
    client.generate("a", model="m", max_tokens=5, temperature=0.0, stop="x", version=2, cadence=0.02).text()
    config = script.requests[0].config
    assert (config.session.model, config.session.version) == ("m", 2)
    assert config.session.cadence_duration.nanos == 20_000_000
    assert config.options.max_token_count == 5
    assert config.options.HasField("temperature")
    assert config.options.temperature == 0.0
    assert list(config.options.stop_sequences) == ["x"]
    assert not config.options.HasField("top_p")
    assert not config.HasField("seed")


def test_a_long_prompt_is_sent_in_pieces_and_arrives_whole(served, monkeypatch):
    client, script = served
    monkeypatch.setattr(requests, "MAX_PIECE_CHARACTERS", 16)
    assert client.generate("é" * 20).text() == "É" * 20
    assert contents(script).count("prompt") == 2


def test_an_answer_that_is_sent_twice_is_taken_once(served):
    client, script = served
    script.repeat_answers = True
    assert client.generate("abcd").text() == "ABCD"


def test_a_session_prompts_and_generates_again(served):
    client, script = served
    with client.generate_session(model="m") as session:
        session.prompt("ab")
        assert session.generate(temperature=0.5).text() == "AB"
        session.prompt("cd")
        assert session.generate().text() == "CD"
    generates = [each.generate for each in script.requests if each.WhichOneof("content") == "generate"]
    assert generates[0].options.temperature == 0.5
    assert not generates[1].HasField("options")


def test_what_is_left_of_a_text_in_a_session_is_not_taken_for_the_next(served):
    client, _ = served
    with client.generate_session() as session:
        session.prompt("abcdef")
        assert next(session.generate()).text == "A"
        session.prompt("xy")
        assert session.generate().text() == "XY"


def test_requests_tell_which_answers_have_arrived(served):
    client, script = served
    with client.generate_session() as session:
        session.prompt("ab")
        session.generate().text()
        session.prompt("c")
        session.generate().text()
    received = [request.received_answer_number for request in script.requests]
    assert received == [0, 0, 0, 3, 3]


def test_leaving_a_session_ends_its_call(served):
    client, script = served
    with client.generate_session() as session:
        session.prompt("abcdef")
        next(session.generate())
        assert not script.cancelled.is_set()
    assert script.cancelled.wait(5)


def test_no_thread_waits_to_send_once_a_session_was_left(served):
    client, _ = served
    before = set(threading.enumerate())
    for _ in range(3):
        with client.generate_session() as session:
            session.prompt("abcdef")
            next(session.generate())
    deadline = time.monotonic() + 5
    while (left := _senders(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


def test_no_thread_reads_the_callers_pieces_once_a_stream_was_left(served):
    client, _ = served
    before = set(threading.enumerate())
    with client.generate("ab" for _ in range(100_000)) as stream:
        assert stream.opened is None
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in left if thread.name == "hiddenstate-requests"]


def test_answers_that_came_before_an_error_are_not_lost_to_it(served):
    client, script = served
    script.refuse_after = 3
    with client.generate_session() as session:
        session.prompt("abcdef")
        text = session.generate()
        session.prompt("x")
        assert [next(text).text for _ in range(6)] == list("ABCDEF")
        list(text)
        with pytest.raises(ServerError, match="no more"):
            prompt_for(session, seconds=5)


def prompt_for(session, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        session.prompt("x")
        time.sleep(0.002)


def _senders(before):
    new = set(threading.enumerate()) - before
    return [thread for thread in new if "_run" in thread.name]  # gRPC names its sending threads so


def test_sentiment_gives_running_results_and_a_final_one(served):
    client, _ = served
    results = list(client.sentiment(["good+ ", "bad- ", "good+ good+"]))
    assert [result.is_final for result in results] == [False, False, False, True]
    assert results[-1].score == pytest.approx(0.5)
    assert results[-1].probabilities == pytest.approx({"negative": 0.25, "positive": 0.75})


def test_sentiment_final_skips_the_running_results(served):
    client, _ = served
    assert client.sentiment("fine+").final().label == "positive"


def test_a_result_is_given_while_the_text_still_comes_in(served):
    client, _ = served
    heard = threading.Event()

    def pieces():
        yield "+"
        assert heard.wait(5), "the first running result did not come before the second piece"
        yield "-"

    results = []
    for result in client.sentiment(pieces()):
        results.append(result)
        heard.set()
    assert results[-1].score == pytest.approx(0.0)


def test_many_documents_share_one_stream_and_keep_their_order(served):
    client, script = served
    results = list(client.sentiments(["+", "-", "+-"]))
    assert [result.score for result in results] == pytest.approx([1.0, -1.0, 0.0])
    assert all(result.is_final for result in results)
    assert contents(script).count("config") == 1


def test_an_error_in_the_callers_iterable_is_raised_to_the_caller(served):
    client, _ = served

    def pieces():
        yield "+"
        raise LookupError("no more text")

    with pytest.raises(LookupError, match="no more text"):
        client.sentiment(pieces()).final()


def test_infer_steps_take_and_give_arrays(served):
    client, _ = served
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    with client.infer_session("m") as session:
        np.testing.assert_array_equal(session.step(x)["echo"], x)
        outputs = session.step({"a": x, "b": x.astype(np.int64)})
        assert outputs["b"].dtype == np.int64
        session.finish()


def test_infer_sends_may_run_ahead_of_their_outputs(served):
    client, _ = served
    with client.infer_session("m") as session:
        for value in range(200):
            session.send(np.array([value], dtype=np.int64))
        assert [int(session.receive()["echo"][0]) for _ in range(200)] == list(range(200))


def test_models_reads_all_pages(served):
    client, _ = served
    ready, refused = client.models()
    assert (ready.name, ready.version, ready.task, ready.cell, ready.state) == (
        "austen", 3, "text_generation", "lstm", "ready",
    )  # fmt: skip
    assert ready.batch_independence == "bitwise"
    assert ready.quality[0].baseline_value == pytest.approx(2.025)
    assert refused.problem.reason == "BUNDLE_DIGEST_MISMATCH"


def test_an_error_carries_code_reason_field_and_time_to_retry(served):
    client, script = served
    script.refusal = (
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "SESSIONS_EXHAUSTED", "full"),
        {"field": "config", "retry_after": 0.25},
    )
    with pytest.raises(ServerError) as caught:
        client.generate("a").text()
    error = caught.value
    assert (error.code, error.reason, error.message) == ("RESOURCE_EXHAUSTED", "SESSIONS_EXHAUSTED", "full")
    assert error.violations[0].field == "config"
    assert error.retry_after == pytest.approx(0.25)
    assert error.facts == {"model": "none"}


def test_sending_on_a_failed_session_raises_its_error(served):
    client, script = served
    script.refusal = ((grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "no such model"), {})
    with client.generate_session(model="none") as session, pytest.raises(ServerError, match="no such model"):
        prompt_for(session, seconds=5)


def test_where_no_server_answers_the_error_names_the_address_and_the_remedy():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with Client(address) as client:
        for attempt in (client.models, client.generate("a").text, client.sentiment("a").final):
            with pytest.raises(ServerError, match="hiddenstate serve") as caught:
                attempt()
            assert caught.value.reason == "SERVER_UNREACHABLE"
            assert address in caught.value.message


def test_a_timeout_ends_the_call_with_deadline_exceeded(served):
    client, _ = served
    with client.generate_session(timeout=0.2) as session, pytest.raises(ServerError) as caught:
        prompt_for(session, seconds=5)
    assert caught.value.code == "DEADLINE_EXCEEDED"
