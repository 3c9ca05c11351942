"""Where speech begins and ends: a matter of steps alone."""

from service.tasks.endpointing import Due, Endpointing, SpeechWatch


def test_speech_ends_a_silence_after_the_last_step_that_was_not_silent():
    watch = SpeechWatch(Endpointing(silence_steps=5))
    assert watch.due(1000) is None
    watch.hear(3, silent=False)
    watch.speech(3)
    watch.hear(6, silent=False)
    watch.hear(7, silent=True)
    assert watch.due(11) is None
    assert watch.due(12) == Due(12, "silence")
    watch.stop(tokens=2)
    assert watch.due(1000) is None
    assert watch.spoken == 2


def test_an_utterance_is_too_long_from_the_begin_of_its_speech():
    watch = SpeechWatch(Endpointing(silence_steps=500, max_steps=10))
    watch.hear(50, silent=False)
    watch.speech(49)
    assert watch.due(100) == Due(59, "length")
    watch.next_utterance(59)
    assert watch.due(100) == Due(69, "length")
    watch.stop(tokens=0)
    watch.next_utterance(69)
    assert watch.due(1000) is None


def test_nothing_is_due_before_the_last_step_that_was_taken():
    """Speech that is noticed late ends no utterance in the past, whatever the cuts."""
    watch = SpeechWatch(Endpointing(silence_steps=500, max_steps=10))
    watch.hear(50, silent=False)
    watch.speech(20)
    assert watch.due(51) == Due(51, "length")
