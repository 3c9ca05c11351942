"""The commands against a server whose answers can be foretold."""

import io
import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from hiddenstate import Client
from hiddenstate import command as command_line
from hiddenstate.command.app import app
from hiddenstate.command.classify import rows_of
from hiddenstate.command.models import hardest, models_table
from hiddenstate.command.reading import Reading, scale
from hiddenstate.command.terminal import complain
from hiddenstate.errors import ServerError
from hiddenstate.results import Quality, Sentiment
from tests.unit.hiddenstate.fake_server import fake_server


@pytest.fixture
def run():
    with fake_server() as (address, script):

        def invoke(*arguments, stdin=None):
            return CliRunner().invoke(app, [*arguments, "--address", address], input=stdin)

        invoke.script = script
        invoke.address = address
        yield invoke


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_generate_prints_the_text_alone_when_piped(run):
    result = run("generate", "some", "words", "--seed", "3", "-n", "7")
    assert result.stdout == "SOME WORDS\n"
    config = run.script.requests[0].config
    assert (config.seed, config.options.max_token_count) == (3, 7)


def test_generate_reads_a_pipe_and_leaves_out_its_last_newline(run):
    assert run("generate", stdin="ab\ncd\n").stdout == "AB\nCD\n"


def test_generate_reads_a_file(run, tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_text("zé\n", encoding="utf-8")
    assert run("generate", "--file", str(path)).stdout == "ZÉ\n"


def test_generate_json_is_one_object_for_each_token_and_one_for_the_end(run):
    *tokens, completion = lines(run("generate", "ab", "--json"))
    assert [token["text"] for token in tokens] == ["A", "B"]
    assert completion["stop_reason"] == "max_count"
    assert run.script.requests[0].config.options.log_probabilities


def test_sentiment_prints_the_final_result_alone_when_piped(run):
    assert run("sentiment", "good+ +").stdout == "+1.000\tpositive\t1.000\n"


def test_sentiment_json_shows_the_running_results_word_by_word(run):
    results = lines(run("sentiment", "--json", stdin="+ - -"))
    assert [result["is_final"] for result in results] == [False, False, False, True]
    assert [result["sequence_number"] for result in results[:3]] == [1, 2, 3]


def test_sentiment_lines_gives_every_line_its_own_result_beside_its_text(run):
    results = lines(run("sentiment", "--lines", "--json", stdin="a+\n\nb-\n"))
    assert [(result["text"], result["label"]) for result in results] == [("a+", "positive"), ("b-", "negative")]
    assert run("sentiment", "--lines", stdin="a+\n").stdout == "+1.000\tpositive\t1.000\ta+\n"


def test_models_json_is_one_object_for_each_model(run):
    assert [model["name"] for model in lines(run("models", "--json"))] == ["austen", "torn"]


def test_the_table_of_models_shows_figures_beside_baselines_and_why_one_is_refused(run):
    console = Console(width=100, record=True, file=io.StringIO())
    with Client(run.address) as client:
        console.print(models_table(client.models()))
    text = console.export_text()
    assert "bits per character 1.6 " in text
    assert "2.025 6-gram" in text
    assert "BUNDLE_DIGEST_MISMATCH" in text
    assert "bitwise" not in text


def test_of_several_baselines_the_strongest_is_shown():
    def figure(baseline: str, value: float) -> Quality:
        return Quality("accuracy", 0.75, True, "test", baseline, value, "")

    assert hardest([figure("weak", 0.3), figure("strong", 0.76)]).baseline == "strong"
    assert hardest([Quality("accuracy", 0.75, True, "test", "", None, "")]).baseline_value is None


def test_an_argument_and_a_file_at_once_are_wrong_usage(run, tmp_path):
    path = tmp_path / "x"
    path.write_text("x")
    assert run("generate", "a", "--file", str(path)).exit_code == 2


@pytest.mark.parametrize(
    ("command", "content", "problem"),
    [
        ("forecast", "", "holds no value"),
        ("forecast", "value\none\n", "line 2: 'one' is not a number"),
        ("forecast", "time,value\nyesterday,1\n", "line 2: 'yesterday' is no time"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(run, tmp_path, command, content, problem):
    path = tmp_path / "x.csv"
    path.write_text(content)
    result = run(command, str(path))
    assert result.exit_code == 2
    assert problem in " ".join(result.output.replace("│", "").split())


def test_rows_that_hold_a_word_are_refused_with_their_line():
    assert list(rows_of(["a,label,b", "1,7,2"])) == [[1.0, 2.0]]
    with pytest.raises(typer.BadParameter, match="line 2: 'two' is not a number"):
        list(rows_of(["1,2", "1,two"]))


def test_a_text_of_blanks_is_wrong_usage(run):
    assert run("sentiment", "").exit_code == 2


def test_a_file_that_is_not_there_is_named_without_a_number(capsys):
    complain(FileNotFoundError(2, "No such file or directory", "sales.csv"))
    assert capsys.readouterr().err == "error: sales.csv: no such file or directory\n"


def test_the_address_comes_from_the_environment(run):
    result = CliRunner().invoke(app, ["generate", "ab"], env={"HIDDENSTATE_ADDRESS": run.address})
    assert result.stdout == "AB\n"


def test_an_error_is_one_red_line_with_the_remedy_and_exit_code_1(monkeypatch, capsys):
    def fail(**_):
        raise ServerError("RESOURCE_EXHAUSTED", "SESSIONS_EXHAUSTED", "full", retry_after=0.5)

    monkeypatch.setattr("hiddenstate.command.app.app", fail)
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: full (SESSIONS_EXHAUSTED); try again in 0.5 s\n"


def test_a_missing_file_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["hiddenstate", "generate", "--file", "/nowhere/prompt.txt"])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 1
    assert "/nowhere/prompt.txt" in capsys.readouterr().err


def result(score, number, *, final=False):
    classes = {"negative": (1 - score) / 2, "positive": (1 + score) / 2}
    label = max(classes, key=classes.get)
    return Sentiment(score, label, classes, number, final, number)


def test_a_word_takes_the_colour_of_what_it_did_to_the_score():
    reading = Reading(["good ", "but ", "bad"])
    for number, score in enumerate((0.5, 0.52, -0.5), 1):
        reading.add(result(score, number))
    assert [(span.start, str(span.style)) for span in reading._coloured().spans] == [(0, "green"), (9, "red")]


@pytest.mark.parametrize("score", [-1.0, -0.5, -0.001, 0.0, 0.001, 0.5, 1.0])
def test_the_scale_is_as_wide_for_every_score(score):
    drawn = scale(result(score, 1)).plain
    assert sum(drawn.count(sign) for sign in "─━●") == 33
    assert f"{score:+.2f}" in drawn


def test_a_long_text_shows_its_last_lines():
    reading = Reading([f"word{number} " for number in range(500)])
    reading.add(result(0.1, 1))
    console = Console(width=40, height=10, record=True, file=io.StringIO())
    console.print(reading)
    text = console.export_text()
    assert "word499" in text
    assert "word0 " not in text
