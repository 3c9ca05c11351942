"""From made-up series, and from a CSV file, to a served stream: trained, exported, verified, and asked."""

import asyncio
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from hiddenstate import AsyncClient, Client
from hiddenstate.command.app import app
from service.bundle import load_bundle
from tests.calls import serving
from tests.integration.training.test_commands import hiddenstate
from training.data.series import made_up
from training.examine import same_answer
from training.tasks.forecast_examination import ForecastExamination, quantiles


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
async def test_made_up_series_become_a_served_stream(tmp_path, cell):
    models = tmp_path / "models"
    done = hiddenstate(
        "train", "forecast_quarterly", "--smoke", "--cell", cell, "--out", tmp_path / "run", "--export", models
    )
    assert done.exit_code == 0, done.output
    assert "## Some series" in (tmp_path / "run" / "report.md").read_text()
    bundle = load_bundle(models / "m3-quarterly" / "1")
    assert bundle.manifest.cell.value == cell
    assert bundle.manifest.quality[0].metric == "smape"
    examination = ForecastExamination(made_up("quarterly", 8))
    examples = examination.sample(5)
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        each = [found async for found in client.forecast([1.0, 2.0, None, 4.0], each=True, quantiles=[0.5])]
        assert [found.observation_count for found in each] == [1, 2, 3, 4]

        def asked():
            with Client(target.address) as blocking:
                return examination.served_answers(blocking, "m3-quarterly", examples)

        served = await asyncio.to_thread(asked)
    assert same_answer(examination.answers(bundle, "fp32", examples), served)
    whole = quantiles(bundle, "fp32", examples).transpose(0, 2, 1)
    assert np.allclose(whole, np.array(served), rtol=1e-5)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_csv_becomes_a_model_and_is_forecast_by_the_command(tmp_path):
    rows = [f"{name},{2000 + year},{100 + year * 3 + year % 4}" for name in ("a", "b") for year in range(24)]
    path, models = tmp_path / "mine.csv", tmp_path / "models"
    path.write_text("series,time,value\n" + "\n".join(rows))
    done = hiddenstate(
        "train", "forecast_yearly", "--smoke", "--data", path, "--out", tmp_path / "run", "--export", models
    )
    assert done.exit_code == 0, done.output
    async with serving(models=models) as (_, target):

        def run(*words, stdin=None):
            arguments = ["forecast", *words, "-m", "own-m3-yearly", "--horizon", "2", "--address", target.address]
            result = CliRunner().invoke(app, arguments, input=stdin)
            assert result.exit_code == 0, result.output
            return result.stdout.splitlines()

        table = await asyncio.to_thread(run, str(path), "--plot", str(tmp_path / "fan.png"))
        live = await asyncio.to_thread(run, "-", "--json", stdin="2000,5\n2001,6\n2003,7\n")
    assert [line.split("\t")[:2] for line in table] == [
        [name, f"{year}-01-01"] for name in ("a", "b") for year in (2024, 2025)
    ]
    assert (tmp_path / "fan.png").stat().st_size > 1000
    assert [json.loads(line)["observation_count"] for line in live] == [1, 2, 4]
    assert json.loads(live[-1])["times"][0].startswith("2004-01-01")
