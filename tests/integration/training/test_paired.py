"""From pairs of the user's own to a served stream: trained, exported, verified, and asked by the client."""

import pytest

from hiddenstate import AsyncClient
from service.bundle import load_bundle
from tests.calls import serving
from tests.integration.training.test_commands import hiddenstate


@pytest.fixture
def words(tmp_path):
    lines = [f"{a}{b}{c},{' '.join((a + b + c).upper())}" for a in "bdgk" for b in "aeiou" for c in "lmnrst"]
    (tmp_path / "words.csv").write_text("\n".join(["source,target", *lines]))
    return tmp_path / "words.csv"


@pytest.fixture
def sentences(tmp_path):
    lines = [
        f"the {a} {number}\tel {b} {number}" for a, b in (("file", "archivo"), ("row", "fila")) for number in range(70)
    ]
    (tmp_path / "sentences.tsv").write_text("\n".join(["source\ttarget", *lines]))
    return tmp_path / "sentences.tsv"


def train(recipe, cell, data, folder):
    """Train and export; the folder of models."""
    models = folder / "models"
    done = hiddenstate(
        "train", recipe, "--smoke", "--cell", cell, "--data", data, "--out", folder / "run", "--export", models
    )
    assert done.exit_code == 0, done.output
    return models


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("cell", ["lstm", "rnn"])
async def test_words_become_a_served_stream_of_sounds(tmp_path, words, cell):
    models = train("pronunciation", cell, words, tmp_path)
    assert len(load_bundle(models / "own-cmudict" / "1").manifest.quality) == 4
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        found = [each async for each in client.pronounce(["bal", "kos"], hypotheses=2)]
    assert [each.word for each in found] == ["bal", "kos"]
    assert all(len(each.others) == 1 for each in found)


@pytest.mark.asyncio(loop_scope="session")
async def test_sentences_become_a_served_stream_of_tokens(tmp_path, sentences):
    models = train("translation", "gru", sentences, tmp_path)
    manifest = load_bundle(models / "own-help-en-es" / "1").manifest
    assert [(figure.metric, figure.baseline) for figure in manifest.quality] == [("BLEU", None), ("chrF", None)] * 2
    assert "attention-1.png" in (tmp_path / "run" / "report.md").read_text()
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        stream = client.translate("the file 7", beams=1, max_tokens=6)
        tokens = [token.text async for token in stream]
        assert "".join(tokens) == (await stream.translation()).text
