"""Scores of a sequence that is still coming: the same whatever was carried and whoever ran beside it."""

import numpy as np
import pytest

from service.bundle import HeadSpec
from service.tasks.scoring import ScoreHead, Total, probabilities, running_scores

DICE = np.random.default_rng(2)
LOGITS = DICE.normal(0, 3, (1, 7, 4)).astype(np.float32)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_scores_are_those_of_all_steps_so_far_whatever_the_cuts(pooling):
    heads = [ScoreHead("logits", pooling)]
    whole = running_scores(heads, {"logits": LOGITS}, [0], [7], [Total()])
    total = Total()
    parts = [
        running_scores(heads, {"logits": LOGITS[:, start:stop]}, [0], [stop - start], [total])
        for start, stop in ((0, 1), (1, 5), (5, 7))
    ]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    expected = LOGITS[0].astype(float).mean(0) if pooling == "mean" else LOGITS[0, -1]
    np.testing.assert_allclose(whole[0, -1], expected)
    assert total.steps == 7


def test_rows_behind_their_end_count_for_nothing():
    batch = np.concatenate([LOGITS, np.full_like(LOGITS, np.nan)])
    batch[1, :2] = LOGITS[0, 3:5]
    totals = [Total(), Total()]
    scores = running_scores([ScoreHead("logits", "mean")], {"logits": batch}, [1, 0], [2, 7], totals)
    np.testing.assert_allclose(scores[0, 1], LOGITS[0, 3:5].astype(float).mean(0))
    assert np.isfinite(totals[0].sums["logits"]).all()


def test_an_unknown_pooling_is_refused_and_probabilities_add_up():
    with pytest.raises(ValueError, match="none of last, mean"):
        ScoreHead.of(HeadSpec(name="logits", kind="classes", parameters={"pooling": "first"}))
    assert probabilities(np.array([[1000.0, 1000.0, -1000.0]])).tolist() == [[0.5, 0.5, 0.0]]
