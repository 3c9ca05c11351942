"""The state table lends slots; a tenancy that has ended touches nothing."""

import numpy as np
import pytest

from service.state import StateSpec, StateTable, Tenancy

SPECS = (StateSpec("h", (3,), initial=0.5), StateSpec("count", (), "int64"))


@pytest.fixture
def table() -> StateTable:
    return StateTable(SPECS, 3)


def values(number: float) -> dict[str, np.ndarray]:
    return {"h": np.full(3, number, np.float32), "count": np.array(number, np.int64)}


def stacked(*numbers: float) -> dict[str, np.ndarray]:
    """Next states of a batch: name to [batch, ...]."""
    return {name: np.stack([values(number)[name] for number in numbers]) for name in ("h", "count")}


def test_the_bytes_of_a_session_are_those_of_its_tensors(table: StateTable):
    assert [spec.row_bytes for spec in SPECS] == [12, 8]
    assert table.row_bytes == 20


def test_a_fresh_slot_holds_the_initial_values(table: StateTable):
    row = table.read(table.acquire())
    assert row["h"].tolist() == [0.5, 0.5, 0.5]
    assert row["count"] == 0


def test_a_reused_slot_is_as_fresh_as_the_first(table: StateTable):
    first = table.acquire()
    fresh = table.read(first)
    table.write(first, values(7))
    table.release(first)
    second = table.acquire()
    assert second.slot == first.slot
    assert second.number == first.number + 1
    assert {name: array.tobytes() for name, array in table.read(second).items()} == {
        name: array.tobytes() for name, array in fresh.items()
    }


def test_an_ended_tenancy_reads_writes_resets_and_releases_nothing(table: StateTable):
    old = table.acquire()
    table.release(old)
    tenant = table.acquire()
    table.write(tenant, values(2))
    table.write(old, values(9))
    table.reset(old)
    table.release(old)
    table.check_integrity()
    assert table.holds(tenant)
    assert table.read(tenant)["count"] == 2
    with pytest.raises(KeyError, match="no longer held"):
        table.read(old)


def test_a_slot_that_was_never_lent_is_held_by_nobody(table: StateTable):
    assert not table.holds(Tenancy(1, 0))


def test_scatter_skips_the_rows_whose_tenancy_ended(table: StateTable):
    tenants = [table.acquire() for _ in range(3)]
    slots = np.array([tenant.slot for tenant in tenants])
    table.release(tenants[1])
    stranger = table.acquire()
    assert table.scatter(tenants, slots, stacked(1, 2, 3)) == [True, False, True]
    assert table.read(stranger)["count"] == 0
    assert [table.read(tenants[row])["count"] for row in (0, 2)] == [1, 3]


def test_rows_outside_the_batch_keep_their_bits(table: StateTable):
    tenants = [table.acquire() for _ in range(3)]
    for tenant in tenants:
        table.write(tenant, values(4))
    before = table.read(tenants[1])
    table.scatter([tenants[2], tenants[0]], np.array([tenants[2].slot, tenants[0].slot]), stacked(8, 9))
    after = table.read(tenants[1])
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)
    assert [int(table.read(tenants[row])["count"]) for row in (0, 2)] == [9, 8]


def test_gather_gives_a_copy_in_the_order_of_the_batch(table: StateTable):
    tenants = [table.acquire() for _ in range(3)]
    for number, tenant in enumerate(tenants):
        table.write(tenant, values(number))
    rows = table.gather(np.array([tenants[2].slot, tenants[0].slot]))
    assert rows["count"].tolist() == [2, 0]
    rows["count"][:] = 99
    assert table.read(tenants[2])["count"] == 2


def test_every_slot_can_be_lent_once(table: StateTable):
    slots = {table.acquire().slot for _ in range(3)}
    assert slots == {0, 1, 2}
    assert table.free_count == 0


def test_a_slot_lent_twice_is_found(table: StateTable):
    table._free.append(table.acquire().slot)
    with pytest.raises(AssertionError, match="lent twice"):
        table.check_integrity()
