"""From CoNLL columns to a served stream: trained, exported, verified, and asked by the client."""

import pytest

from hiddenstate import AsyncClient
from service.bundle import load_bundle
from tests.calls import serving
from tests.integration.training.test_commands import hiddenstate


@pytest.fixture
def columns(tmp_path):
    path = tmp_path / "mine.txt"
    words = {"the": "O", "a": "O", "Ida": "B-PER", "Grey": "I-PER", "saw": "O"}
    lines = [
        [f"{word} {words[word]}" for word in ("Ida", "Grey", "saw", article, f"thing{number}")[:4]] + [f"x{number} O"]
        for number in range(40)
        for article in ("the", "a")
    ]
    path.write_text("\n\n".join("\n".join(line) for line in lines))
    return path


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("recipe", "name", "cell"),
    [("tagging", "own-brown-tagger", "gru"), ("tagging_whole", "own-brown-tagger-whole", "lstm")],
)
async def test_columns_become_a_served_stream(tmp_path, columns, recipe, name, cell):
    models = tmp_path / "models"
    done = hiddenstate(
        "train", recipe, "--smoke", "--cell", cell, "--data", columns, "--out", tmp_path / "run", "--export", models
    )
    assert done.exit_code == 0, done.output
    manifest = load_bundle(models / name / "1").manifest
    assert manifest.whole_sequence == (recipe == "tagging_whole")
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        stream = client.tag_sentences([["Ida", "Grey", "saw"], ["the"]], alternatives=2)
        tags = [tag async for tag in stream]
        assert [tag.word for tag in tags] == ["Ida", "Grey", "saw", "the"]
        assert all(len(tag.alternatives) == 2 for tag in tags)
        assert [len(sentence.tags) for sentence in stream.sentences] == [3, 1]
