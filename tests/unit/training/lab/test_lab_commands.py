import pytest
from typer.testing import CliRunner

from training.lab.commands import lab


def test_the_memory_lab_writes_its_tables_its_picture_and_its_csv(tmp_path):
    options = ["--lags", "4,2", "--cells", "gru", "--problems", "adding", "--steps", "2", "--hidden", "4"]
    result = CliRunner().invoke(lab, ["memory", *options, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "adding: remember over a lag" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"memory.png", "memory.csv"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lags", "ten"], "whole numbers"),
        (["--lags", "1,5"], "at least 2"),
        (["--cells", "rnn,tanh"], "'tanh' is none of rnn, gru, lstm"),
        (["--start", "closed"], "none of open, torch"),
    ],
)
def test_a_bad_option_says_what_is_possible(options, said):
    result = CliRunner().invoke(lab, ["memory", *options], terminal_width=200)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
