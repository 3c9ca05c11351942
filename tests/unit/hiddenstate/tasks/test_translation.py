"""Translation from the client's side: both clients and both commands against the tiny model, in this process."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hiddenstate import AsyncClient, Client, ServerError
from hiddenstate.command.app import app
from hiddenstate.command.attention import AttentionMap, save_attention
from hiddenstate.tasks.translation import Hypothesis, Translation
from tests.calls import serving
from tests.repositories import TRANSLATION, copy_bundle, edit_manifest

SENTENCES = ["It is a truth", "universally acknowledged", "x"]


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """A server of the tiny model, and of a copy of it that writes its own language as sounds."""
    root = tmp_path_factory.mktemp("models")
    copy_bundle(root, TRANSLATION)
    folder = copy_bundle(root, TRANSLATION, as_name="sounds")
    edit_manifest(folder, lambda said: said["frontend"]["parameters"].update(target_language="en-x-sounds"))
    bound, stop = [], threading.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with serving(models=root) as (server, _):
            bound.append(server.address)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield bound[0]
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def client(address) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_a_sentence_in_pieces_comes_token_by_token_and_then_as_a_whole(client):
    stream = client.translate(["It is ", "a tr", "uth"], beams=3, hypotheses=2, alternatives=2, log_probabilities=True)
    tokens = list(stream)
    translation = stream.translation()
    assert "".join(token.text for token in tokens) == translation.text == stream.text()
    assert [token.answer_number for token in tokens] == list(range(1, len(tokens) + 1))
    assert all(len(token.alternatives) == 2 and token.log_probability < 0 for token in tokens)
    assert len(translation.hypotheses) == 2
    assert "".join(translation.source_tokens) == "It is a truth"
    assert stream.opened.model == TRANSLATION


def test_many_sentences_are_translated_in_order_over_one_stream(client):
    many = [each.text for each in client.translations(SENTENCES, beams=2)]
    assert many == [client.translate(each, beams=2).text() for each in SENTENCES]


def test_pronunciation_finds_its_model_by_itself_and_keeps_the_words(client):
    found = list(client.pronounce("truth universally", hypotheses=2))
    assert [each.word for each in found] == ["truth", "universally"]
    assert found[0].sounds == client.translate("truth", model="sounds", beams=2).translation().hypotheses[0].tokens
    assert all(len(each.others) == 1 for each in found)


def test_the_async_client_says_the_same(address, client):
    async def scene() -> None:
        async with AsyncClient(address) as other:
            stream = other.translate(SENTENCES[0], beams=2)
            assert await stream.text() == client.translate(SENTENCES[0], beams=2).text()
            assert [each async for each in other.translations(SENTENCES)] == list(client.translations(SENTENCES))

            async def words():
                yield "truth"

            assert [each async for each in other.pronounce(words())] == list(client.pronounce("truth"))

    asyncio.run(scene())


def test_nothing_to_translate_is_an_error_with_its_reason(client):
    with pytest.raises(ServerError, match="TEXT_EMPTY"):
        list(client.translations(["  "]))
    with pytest.raises(ServerError, match="LANGUAGE_UNKNOWN"):
        client.translate("x", target_language="fr").text()


def run(address: str, *arguments: str, stdin: str | None = None):
    result = CliRunner().invoke(app, [*arguments, "--address", address], input=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_line_of_a_pipe_is_translated(address, client):
    printed = run(address, "translate", "--beams", "2", stdin="\n".join(SENTENCES))
    assert printed.splitlines() == [client.translate(each, beams=2).text() for each in SENTENCES]


def test_json_tells_hypotheses_and_attention(address):
    said = json.loads(run(address, "translate", "a truth", "--json", "-b", "2", "-n", "2", "--attention"))
    assert said["text"] == said["hypotheses"][0]["text"]
    assert [len(row) for row in said["hypotheses"][0]["attention"]] == [7] * len(said["hypotheses"][0]["tokens"])


def test_words_are_printed_beside_their_sounds(address, client):
    (first, *_) = run(address, "pronounce", "truth", "x", "--best", "2").splitlines()
    assert first.split() == ["truth", *next(client.pronounce("truth", hypotheses=2)).sounds]
    assert len(run(address, "pronounce", "--json", stdin="truth x").splitlines()) == 2


ATTENDED = Translation((Hypothesis("b $ñ", -1.0, ("b", " $ñ"), ((0.9, 0.1), (0.2, 0.8)), "max_count"),), ("a", "\n"), 3)


def test_the_map_has_a_line_for_each_token_and_darker_blocks_for_more_weight():
    console = Console(width=40, color_system=None, record=True)
    with console.capture() as captured:
        console.print(AttentionMap(ATTENDED))
    head, first, second = captured.get().splitlines()
    assert head.split() == ["a", "·"]
    assert first.split() == ["b", "█"]
    assert second.split() == ["$ñ", "░", "▓"]


def test_the_map_of_a_long_source_fits_its_line():
    weights = tuple([1.0] + [0.0] * 39)
    wide = Translation((Hypothesis("x", 0.0, ("x",), (weights,), "max_count"),), ("word",) * 40, 1)
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(AttentionMap(wide))
    assert max(map(len, captured.get().splitlines())) <= 100


def test_a_picture_is_drawn(tmp_path):
    save_attention(ATTENDED, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
