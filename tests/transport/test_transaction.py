"""What a handler sees of tables while its transaction is open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.memory_store import MemoryStore
from streams.transport.table import Deleted, Table
from streams.transport.transaction import Transaction

KEYS = st.sampled_from([b"a", b"b", b"c"])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 9)))


def table() -> Table[object]:
    return Table("t", "t-changelog", encode=lambda value: str(value).encode(), decode=int)


@given(stored=st.dictionaries(KEYS, st.integers(0, 9)), changes=CHANGES)
def test_reads_see_the_transactions_own_writes_and_the_store_stays_as_it_was(
    stored: dict[bytes, int], changes: list[tuple[bytes, int | None]]
) -> None:
    t = table()
    store: MemoryStore[object] = MemoryStore(dict(stored))
    tx = Transaction(0, {t: store})
    model = dict(stored)
    for key, value in changes:
        if value is None:
            tx.delete(t, key)
            model.pop(key, None)
        else:
            tx.put(t, key, value)
            model[key] = value
    assert dict(tx.items(t)) == model
    assert list(tx.scan(t)) == sorted(model.items())
    assert list(tx.scan(t, b"b", b"c")) == [item for item in model.items() if item[0] == b"b"]
    assert {key: tx.get(t, key) for key in (b"a", b"b", b"c")} == {key: model.get(key) for key in (b"a", b"b", b"c")}
    assert store.values == stored
    for changed in tx.changes.values():
        for key, change in changed.items():
            store.put(key, change)
    assert store.values == model


def test_items_may_be_changed_while_they_are_gone_through() -> None:
    t = table()
    tx = Transaction(0, {t: MemoryStore({b"a": 1, b"b": 2})})
    tx.put(t, b"c", 3)
    for key, value in tx.items(t):
        assert isinstance(value, int)
        tx.put(t, key + b"'", value)
        tx.delete(t, key)
    assert dict(tx.items(t)) == {b"a'": 1, b"b'": 2, b"c'": 3}


def test_a_transaction_that_only_read_is_empty() -> None:
    t = table()
    tx = Transaction(0, {t: MemoryStore()})
    assert tx.get(t, b"a") is None
    assert list(tx.items(t)) == []
    assert tx.is_empty
    tx.delete(t, b"a")
    assert not tx.is_empty
    assert tx.changes[t] == {b"a": Deleted.KEY}


def test_a_table_of_another_stage_is_refused() -> None:
    with pytest.raises(KeyError, match="declare it with"):
        Transaction(0, {}).put(table(), b"a", 1)


def test_none_is_not_a_value() -> None:
    t = table()
    with pytest.raises(ValueError, match="use delete"):
        Transaction(0, {t: MemoryStore()}).put(t, b"a", None)
