"""Verification passes sound bundles and finds each kind of fault."""

import numpy as np
import pytest
import torch

from service.bundle import load_bundle
from service.model import Model
from tests.bundles import tiny_bundle
from tests.unit.training.exports import CELLS, exported
from training import verify as verification
from training.networks import NetworkSpec, RecurrentNetwork
from training.verify import verify


@pytest.mark.parametrize("cell", CELLS)
def test_fp32_agrees_with_torch_and_keeps_the_laws(cell, tmp_path):
    report = verify(load_bundle(tiny_bundle(tmp_path, cell)), exported(cell).network)
    assert report.passed, report
    assert [check.fact for check in report.checks] == [
        "golden vectors",
        "alone = among strangers",
        "whole = in chunks",
        "parity with torch",
        "golden vectors of fp32",
    ]
    assert [check.difference for check in report.checks[1:3]] == [0.0, 0.0]
    assert report.checks[3].difference <= 1e-5


def test_a_bidirectional_bundle_has_no_cut_to_verify(tmp_path):
    report = verify(load_bundle(tiny_bundle(tmp_path, "gru", 2, bidirectional=True)), exported("gru", 2, True).network)
    assert report.passed
    assert "whole = in chunks" not in [check.fact for check in report.checks]


def test_another_network_fails_parity(tmp_path):
    torch.manual_seed(6)
    other = RecurrentNetwork(NetworkSpec(cell="lstm", hidden=8, vocabulary=11, heads={"logits": 11}))
    report = verify(load_bundle(tiny_bundle(tmp_path)), other)
    assert not report.passed
    assert [check.fact for check in report.checks if not check.passed] == ["parity with torch"]


class Leaky(Model):
    """Answers depend on how many rows share the batch."""

    def run(self, inputs, lengths, state):
        outputs, after = super().run(inputs, lengths, state)
        return {name: array + np.float32(len(lengths) * 1e-6) for name, array in outputs.items()}, after


class Forgetful(Model):
    """Answers depend on how many steps come in one run."""

    def run(self, inputs, lengths, state):
        outputs, after = super().run(inputs, lengths, state)
        return outputs, {name: array + np.float32(1e-6) for name, array in after.items()}


@pytest.mark.parametrize(("fault", "fact"), [(Leaky, "alone = among strangers"), (Forgetful, "whole = in chunks")])
def test_a_fault_of_the_bits_is_found(fault, fact, tmp_path, monkeypatch):
    bundle = load_bundle(tiny_bundle(tmp_path))
    load = verification.load_model

    def loaded(*arguments):
        model = load(*arguments)
        model.__class__ = fault
        return model

    monkeypatch.setattr(verification, "load_model", loaded)
    monkeypatch.setattr(verification, "replay", lambda *_: 0.0)
    assert [check.fact for check in verify(bundle).checks if not check.passed] == [fact]


def test_bits_that_differ_are_never_called_equal():
    assert verification._bits({"a": np.array([0.0])}, {"a": np.array([-0.0])}) > 0
    assert verification._bits({"a": np.array([1.0])}, {"a": np.array([1.0])}) == 0
