"""Translation: byte pairs that lose nothing, scores of a whole part, rules of people beside it, and its pictures."""

import subprocess

import numpy as np
import pytest

from service.frontends.translation import TranslationFrontend
from service.tasks.generation import StopReason
from service.tasks.translating import Hypothesis, Translation
from training.data.cache import DataError
from training.data.pairs import Pair
from training.tasks import apertium
from training.tasks.attention_picture import draw_attention
from training.tasks.byte_pairs import fit_byte_pairs
from training.tasks.translation import scores

TEXTS = ["Abre el archivo.", "Número 12,5 de «ficheros» =SUMA(A1:B2)", "Abre la hoja"] * 3


@pytest.fixture(scope="module")
def frontend() -> TranslationFrontend:
    source, target = (fit_byte_pairs(TEXTS, 320, is_source=is_source) for is_source in (True, False))
    return TranslationFrontend(
        source, target, source_language="es", target_language="es", start_token="<start>", end_token="<end>"
    )


@pytest.mark.parametrize("text", [*TEXTS[:3], "什么 never seen: ½ ~ 🙂"])
def test_a_target_comes_back_as_it_was(frontend, text):
    assert frontend.decode(frontend.encode_target(text)) == text


def test_a_source_ends_with_a_token_and_its_blanks_are_all_alike(frontend):
    found = frontend.encode("Abre \n  el\u00a0archivo.")
    assert found.ids == frontend.encode("Abre el archivo.").ids
    assert found.texts[-1] == "<end>"


def test_every_digit_is_a_token_of_its_own(frontend):
    assert [text for text in frontend.encode("12,5").texts if text.strip()][:-1] == ["1", "2", ",", "5"]


def test_scores_are_of_the_whole_part():
    pairs = [Pair("a", ("Abre el archivo de texto.",)), Pair("b", ("Cierra la hoja de datos.",))]
    same = scores([pair.targets[0] for pair in pairs], pairs)
    worse = scores(["Abre el archivo.", "Cierra la hoja de datos."], pairs)
    assert tuple(same) == (pytest.approx(100), pytest.approx(100))
    assert worse.bleu < 90
    assert worse.chrf < 90


def test_a_machine_without_apertium_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(apertium.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="apt-get install apertium-eng-spa"):
        apertium.apertium(["a"])


def test_sentences_do_not_run_into_each_other(monkeypatch):
    monkeypatch.setattr(apertium.shutil, "which", lambda name: name)
    monkeypatch.setattr(
        apertium.subprocess, "run", lambda *_, input, **__: subprocess.CompletedProcess([], 0, input.upper(), "")
    )
    assert apertium.apertium(["one\nline", "two"]) == ["ONE LINE", "TWO"]


def test_a_picture_has_a_row_for_each_token(tmp_path):
    rows = tuple(np.eye(3, dtype=np.float32)[:2])
    translation = Translation((Hypothesis("ab", -0.1, ("a", "b"), rows, StopReason.END_OF_TEXT),), ("x", "y", "<end>"))
    assert draw_attention(translation, tmp_path / "a.png").stat().st_size > 1000
