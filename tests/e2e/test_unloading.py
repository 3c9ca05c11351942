"""What a model took in memory comes back when it is unloaded, round after round."""

from pathlib import Path

from tests.memory import rounds, server_of
from tests.processes import ROOT


def test_most_of_the_memory_of_a_model_comes_back_and_none_is_lost_from_round_to_round(tmp_path: Path):
    with server_of(tmp_path, ROOT / "models" / "austen") as process:
        first, *more = rounds(process, "austen", 4)
    cost = first.loaded - first.before
    assert cost > 30e6, "the model is large enough to be seen"
    assert min(each.after for each in (first, *more)) - first.before < cost / 2
    assert more[-1].after - more[0].after < cost / 2
    assert more[-1].loaded - first.loaded < cost / 2
