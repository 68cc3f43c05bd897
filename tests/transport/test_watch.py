"""What is watched is told when its time has come, in order of time, and counted exactly."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.transport import Entry
from streams.transport.watch import WatchIndex

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
ENTRIES = st.builds(
    Entry, st.none() | st.integers(0, 5).map(float), st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3))
)


@given(changes=st.lists(st.tuples(KEYS, st.none() | ENTRIES)), at=st.integers(-1, 6), limit=st.integers(1, 5))
def test_due_keys_and_sums_are_those_of_a_search_through_all(
    changes: list[tuple[bytes, Entry | None]], at: int, limit: int
) -> None:
    index, model = WatchIndex(), dict[bytes, Entry]()
    for key, entry in changes:
        assert index.set(key, entry) == (model.get(key) != entry)
        if entry is None:
            model.pop(key, None)
        else:
            model[key] = entry
    due = {key: entry.due for key, entry in model.items() if entry.due is not None and entry.due <= at}
    for _ in range(2):  # asking takes nothing away
        found = index.due(at, limit)
        assert [due[key] for key in found] == sorted(due.values())[:limit]
        assert len(set(found)) == len(found)
    sums: Counter[str] = Counter()
    for entry in model.values():
        sums.update({name: int(count) for name, count in entry.counts.items()})
    assert dict(index.sums) == +sums


def test_times_that_were_moved_often_take_no_more_memory_than_twice_the_keys() -> None:
    index = WatchIndex()
    for time in range(50_000):
        index.set(b"%d" % (time % 10), Entry(due=float(time)))
    assert len(index._heap) < 1_100
    assert index.due(60_000.0, 3) == [b"0", b"1", b"2"]
