"""Every recipe with recurrent layers takes rnn, gru and lstm: each is exported, verified against torch, and served."""

import asyncio
from dataclasses import replace

import pytest

import training.seq2seq_verify
import training.verify
from hiddenstate import Client
from service.bundle import load_bundle
from tests.calls import serving
from tests.made_up import MADE_UP
from training.run import Run, plain
from training.tasks import TASKS, task_named
from training.verify import verify

CELLS = ("rnn", "gru", "lstm")
DENSE = ("digits", "breast_cancer")


def cells_of(name):
    """All of them; one where an earlier recipe of the same task, or of the same data, has all of them."""
    place = [other for other in TASKS if alike(name, other)].index(name)
    return CELLS if place == 0 else CELLS[place % 3 :][:1]


def alike(one, other):
    """Whether two recipes differ in no more than data and sizes."""
    module, others = (TASKS[name].partition(":")[0] for name in (one, other))
    return module == others or (one in MADE_UP and MADE_UP[one] is MADE_UP.get(other))


def exportable(name, cell, folder, data):
    """The smoke network of a recipe as it begins: what a trained one has besides is in its weights alone."""
    task = task_named(name)
    recipe = task.recipe(cell, True, None)
    run = Run(folder, name, plain(recipe), str(data) if data else None, "", 0.0, "untrained", "", 0.0)
    found = task.subject(recipe, data).exportable(run)
    # The gate of int8 trains nothing, but measures long.
    return replace(found, description=replace(found.description, name=f"{name}-{cell}"), int8_bound=None)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """The verification has tests of its own."""
    for module, sizes in ((training.verify, "STEPS"), (training.seq2seq_verify, "PLACES")):
        monkeypatch.setattr(module, "BATCHES", (1, 3))
        monkeypatch.setattr(module, sizes, (1, 7))


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", [name for name in TASKS if name not in DENSE])
async def test_every_cell_is_exported_verified_and_served(name, tmp_path):
    assert name in MADE_UP, f"{name} is new: give it made-up data in tests/made_up.py"
    (tmp_path / "data").mkdir()
    data, models = MADE_UP[name].write(tmp_path / "data"), tmp_path / "models"
    for cell in cells_of(name):
        export = exportable(name, cell, tmp_path, data)
        bundle = export.write(models)
        assert bundle.manifest.cell.value == cell
        report = verify(load_bundle(bundle.folder), export.network)
        assert report.passed, report
    async with serving(models=models) as (_, target):
        answers = await asyncio.to_thread(ask, target.address, name)
    assert all(answers), answers


def ask(address, name):
    with Client(address) as client:
        return [list(MADE_UP[name].ask(client, f"{name}-{cell}")) for cell in cells_of(name)]


@pytest.mark.parametrize("name", DENSE)
def test_a_recipe_without_recurrent_layers_takes_no_cell(name):
    with pytest.raises(ValueError, match="leave it out"):
        task_named(name).recipe("gru", True, None)
