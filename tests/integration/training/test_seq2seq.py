"""Every cell goes all the way as an encoder and a decoder: exported, verified, and decoded the same in any company."""

import pytest
import torch

from service.bundle import FrontendSpec, Limits, Provenance, Topology
from service.model import load_model
from service.offline import translate
from service.tasks.translating import TranslationOptions
from tests.repositories import END_TOKEN, START_TOKEN, byte_tokenizer, letter_tokenizer
from tests.seq2seq_networks import TinySeq2seq
from training.export import BundleDescription, Exportable
from training.verify import verify

SENTENCES = ["x", "a truth", "It is a truth universally acknowledged", "b"]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_network_of_every_cell_translates_with_beams_as_it_does_alone(cell: str, tmp_path):
    torch.manual_seed(5)
    network = TinySeq2seq(cell, letters=256, vocabulary=11, hidden=24)
    languages = {"source_language": "en", "target_language": "es"}
    files = {"source_tokenizer": "source.json", "target_tokenizer": "target.json"}
    said = BundleDescription(
        name="tiny",
        task="translation",
        topology=Topology.MANY_TO_MANY,
        provenance=Provenance(seed=5, training_seconds=0, revision="untrained"),
        frontend=FrontendSpec(
            kind="translation",
            parameters={**languages, **files, "start_token": START_TOKEN, "end_token": END_TOKEN},
            files=tuple(files.values()),
        ),
        frontend_files={"source.json": byte_tokenizer(), "target.json": letter_tokenizer()},
        task_parameters={"beam_count": 3, "max_token_count": 12},
        limits=Limits(max_sequence_steps=64),
    )
    sources, targets = torch.arange(60).reshape(3, 20) % 256, torch.arange(22).reshape(2, 11) % 11
    bundle = Exportable(network, said, sources, target_sample=targets).write(tmp_path)
    report = verify(bundle, network)
    assert report.passed, report
    model = load_model(bundle)
    options = TranslationOptions(attention=True)
    together = translate(bundle, model, SENTENCES * 8, options)
    for sentence, found in zip(SENTENCES, together, strict=False):
        (alone,) = translate(bundle, model, [sentence], options)
        assert repr(alone) == repr(found)
