"""From made-up chords to served music: trained, exported, verified, composed, harmonised and examined."""

import asyncio

import pytest

from hiddenstate import AsyncClient, Client
from hiddenstate.command.midi import read_midi, write_midi
from hiddenstate.tasks.music import Note
from service.bundle import load_bundle
from tests.calls import serving
from tests.integration.training.test_commands import hiddenstate
from training.data.chorales import made_up
from training.tasks.music_examination import ChoraleExamination


@pytest.mark.asyncio(loop_scope="session")
async def test_made_up_chords_become_served_music(tmp_path):
    models = tmp_path / "models"
    done = hiddenstate("train", "music", "--smoke", "--cell", "gru", "--out", tmp_path / "run", "--export", models)
    assert done.exit_code == 0, done.output
    bundle = load_bundle(models / "chorales" / "1")
    examination = ChoraleExamination(made_up())
    again = examination.figures(bundle, "fp32", "again")
    for ours, theirs in zip(again, bundle.manifest.quality, strict=True):
        assert (ours.metric, ours.split) == (theirs.metric, theirs.split)
        assert ours.value == pytest.approx(theirs.value, abs=1e-3)
    async with serving(models=models) as (_, target), AsyncClient(target.address) as client:
        melody = [Note(0, 67 + step, float(step), 1.0) for step in range(4)]
        stream = client.compose(melody=melody, seed=3)
        added = await stream.notes()
        assert {note.voice for note in added} == {1, 2, 3}
        assert stream.composition.end == 4.0
        write_midi([*melody, *added], 80.0, tmp_path / "out.mid")
        assert len(read_midi(tmp_path / "out.mid", 4)) == 4 + len(added)
        examples = examination.sample(2)
        with Client(target.address) as blocking:
            served = await asyncio.to_thread(examination.served_answers, blocking, "chorales", examples)
        assert served == examination.answers(bundle, "fp32", examples)
