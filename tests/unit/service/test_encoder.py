"""A bundle of an encoder and a decoder is whole, or it is refused with a reason that names the fault."""

import numpy as np
import pytest

from service.bundle import load_bundle
from service.errors import BundleError, Reason
from service.model import load_model
from tests.repositories import REPOSITORY, TRANSLATION, copy_bundle, edit_manifest


def refused(folder) -> BundleError:
    with pytest.raises(BundleError) as error:
        load_model(load_bundle(folder))
    return error.value


def test_sources_and_steps_run_on_one_model():
    model = load_model(load_bundle(REPOSITORY / TRANSLATION / "1"))
    assert model.probe is not None
    assert model.probe.batch_independent
    model.warm_up([1, 3])
    lengths = np.array([2, 5], np.int32)
    outputs, state = model.run({"source": np.ones((2, 5), np.int64)}, lengths, {})
    assert outputs["memory"].shape == (2, 5, 12)
    given = {"tokens": np.zeros((2, 1), np.int64), **outputs, "memory_lengths": lengths}
    found, after = model.run(given, np.ones(2, np.int32), state)
    assert found["logits"].shape == (2, 1, 11)
    assert found["attention"][0, 0, 2:].tolist() == [0.0, 0.0, 0.0], "nothing is looked at behind a source's end"
    assert after.keys() == state.keys()


def test_an_encoder_that_takes_something_else_is_named(tmp_path):
    folder = copy_bundle(tmp_path, TRANSLATION)
    edit_manifest(folder, lambda said: said["encoder"]["source"].update(name="letters"))
    error = refused(folder)
    assert error.reason is Reason.BUNDLE_MANIFEST_INVALID
    assert "encoder.onnx" in error.message


@pytest.mark.parametrize("part", ["encoder", "context"])
def test_a_decoder_and_its_encoder_come_together(part, tmp_path):
    folder = copy_bundle(tmp_path, TRANSLATION)
    edit_manifest(folder, lambda said: said.update({part: None}))
    assert refused(folder).reason is Reason.BUNDLE_MANIFEST_INVALID


def test_an_encoder_is_a_file_of_the_bundle(tmp_path):
    folder = copy_bundle(tmp_path, TRANSLATION)
    (folder / "encoder.onnx").unlink()
    assert refused(folder).reason is Reason.BUNDLE_MISSING_FILE
