"""The agenda against a dictionary that is looked through."""

from hypothesis import given
from hypothesis import strategies as st

from service.agenda import Agenda

KEYS = st.integers(0, 5)
WHEN = st.floats(0, 100, allow_nan=False)
PUT, DROP, LOOK = "put", "drop", "look"
ACTIONS = st.one_of(st.tuples(st.just(PUT), KEYS, WHEN), st.tuples(st.just(DROP), KEYS), st.tuples(st.just(LOOK), WHEN))


@given(st.lists(ACTIONS, max_size=40), st.sampled_from([0.1, 1.0, 7.0, 1000.0]))
def test_what_is_due_is_what_a_dictionary_says(actions, grain):
    agenda: Agenda[int] = Agenda(grain)
    plain: dict[int, float] = {}
    for action, *values in actions:
        if action == PUT:
            key, when = values
            agenda.put(key, when)
            plain[key] = when
        elif action == DROP:
            agenda.drop(values[0])
            plain.pop(values[0], None)
        else:
            due = {key for key, when in plain.items() if when <= values[0]}
            assert set(agenda.due(values[0])) == due
            plain = {key: when for key, when in plain.items() if key not in due}
        assert len(agenda) == len(plain)
        assert all(key in agenda for key in plain)


def test_a_look_goes_through_what_is_due_and_nothing_else():
    looks = 0

    class Key(int):
        def __hash__(self) -> int:
            nonlocal looks
            looks += 1
            return super().__hash__()

    agenda: Agenda[Key] = Agenda(1.0)
    for number in range(10_000):
        agenda.put(Key(number), 1000.0 + number / 100)
    agenda.put(Key(-1), 1.0)
    looks = 0
    assert agenda.due(2.0) == [-1]
    assert looks < 10
