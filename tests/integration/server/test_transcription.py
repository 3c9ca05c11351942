"""Speech through a real server: both clients, formats and cuts, alone and beside others."""

import asyncio

import numpy as np
import pytest

from hiddenstate import AsyncClient, Client
from hiddenstate.tasks.transcription import SpeechEvent, Transcript
from tests.calls import Target
from tests.tones import linear16, spoken

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "ab c....dada ......e"


async def listened(target: Target, pieces, **options):
    async with AsyncClient(target.address) as client:
        stream = client.transcribe(pieces, interim_results=False, silence=0.2, word_times=True, **options)
        return [each async for each in stream]


def numbered(answers):
    """All but the number of the message, which the cuts decide."""
    return [(each.alternatives, each.start, each.end) if isinstance(each, Transcript) else each for each in answers]


async def test_answers_do_not_depend_on_cuts_and_neighbours(target: Target):
    data = linear16(spoken(SAID, loudness=0.19))
    alone = numbered(await listened(target, data))
    texts = [each[0][0].text for each in alone if isinstance(each, tuple)]
    assert len(texts) == 3
    events = [each.kind for each in alone if isinstance(each, SpeechEvent)]
    assert events == ["started", "ended"] * 3
    cut = [[data[start : start + size] for start in range(0, len(data), size)] for size in (320, 998, 5000)]
    crowd = await asyncio.gather(*(listened(target, pieces) for pieces in (*cut, *cut)))
    assert [numbered(answers) for answers in crowd] == [alone] * 6


async def test_every_format_is_understood(target: Target):
    async with AsyncClient(target.address) as client:
        for rate in (8000, 16000):
            for encoding, samples in (("linear16", spoken("ab c", rate=rate)), ("float32", spoken("ab c", rate=rate))):
                (found,) = [
                    each async for each in client.transcriptions([samples], sample_rate=rate, encoding=encoding)
                ]
                assert (found.text, found.end) == ("ab c", pytest.approx(0.36))


async def test_silence_and_clipping_are_answered_sensibly(target: Target):
    async with AsyncClient(target.address) as client:
        (silence,) = [each async for each in client.transcribe(bytes(32000))]
        assert (silence.text, silence.is_final, silence.end) == ("", True, 1.0)
        loud = np.clip(spoken("ab") * 10, -1, 1)
        answers = [each async for each in client.transcribe(loud, interim_results=False)]
        assert [each.kind for each in answers if isinstance(each, SpeechEvent)] == ["started", "clipped", "ended"]
        assert np.isfinite(answers[-1].confidence)


async def test_only_the_phrases_can_be_recognised(target: Target):
    async with AsyncClient(target.address) as client:
        said = [spoken("ab c"), spoken("eda")]
        found = [each.text async for each in client.transcriptions(said, phrases=["ab c", "ed"], alternatives=2)]
        assert found[0] == "ab c"
        assert found[1] in ("", "ed")


async def test_the_blocking_client_hears_the_same(target: Target):
    def blocking():
        with Client(target.address) as client:
            (final,) = [each for each in client.transcribe(spoken("ab c")) if isinstance(each, Transcript)][-1:]
            return [final.text, *(each.text for each in client.transcriptions([spoken("eda"), spoken("")]))]

    assert await asyncio.to_thread(blocking) == ["ab c", "eda", ""]
