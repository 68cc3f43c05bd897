"""A period event that is told in slices leaves each contract with the inputs, in the order, of one told at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.contract import Contract
from streams.core.periods import (
    PeriodBook,
    Sweep,
    advanced,
    after_period_event,
    awaits,
    begun,
    concerns,
    sweeps_in_order,
)
from streams.records import CommercialEvent, SourceRecord
from tests.core.builders import event, invoice, period_end

NAMES = ["A", "B", "C", "D", "E"]
ENTITIES = ["ACME-US", "ACME-DE"]


@dataclass
class Partition:
    """Contracts, each reduced to what it is told and in which order; `slices` is whether period events wait."""

    slices: bool
    contracts: dict[str, Contract] = field(default_factory=dict)
    books: dict[str, PeriodBook] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def happens(self, name: str, entity: str, offset: int) -> None:
        """An event of a contract, which may be new, and may name an entity for the first time."""
        self._catch_up(name)
        self._take(name, event(f"e-{offset}", invoice("I"), contract=name, entity=entity), offset)

    def closes(self, entity: str, offset: int) -> None:
        told = period_end(f"2026-{offset % 12 + 1:02d}", entity=entity, event_id=f"p-{offset}")
        book = after_period_event(self.books.get(entity), told)
        source = SourceRecord(topic="commercial-events", partition=0, offset=offset)
        self.books[entity] = begun(book, Sweep(event=told, source=source))
        if not self.slices:
            self.sweep(len(NAMES) * 10)

    def sweep(self, bound: int) -> None:
        """Look at so many contracts, as the agent does it."""
        for sweep in sweeps_in_order(self.books.values()):
            entity, reached = sweep.event.context.legal_entity, sweep.reached
            for name in sorted(name for name in self.contracts if name.encode() >= sweep.start):
                if bound == 0:
                    self.books[entity] = advanced(self.books[entity], sweep, reached)
                    return
                bound, reached = bound - 1, name.encode()
                if awaits(self.contracts[name], sweep):
                    self._catch_up(name)
            self.books[entity] = advanced(self.books[entity], sweep, None)

    @property
    def under_way(self) -> int:
        return len(sweeps_in_order(self.books.values()))

    def _catch_up(self, name: str) -> None:
        for sweep in sweeps_in_order(self.books.values()):
            if name in self.contracts and awaits(self.contracts[name], sweep):
                self._take(name, sweep.event, sweep.source.offset)

    def _take(self, name: str, taken: CommercialEvent, offset: int) -> None:
        contract = self.contracts.get(name) or Contract(contract_id=name)
        entities = tuple(sorted({*contract.entities, taken.context.legal_entity}))
        self.told[name].append(taken.event_id)
        self.contracts[name] = replace(contract, entities=entities, event_offset=offset)


HAPPENS = st.tuples(st.just("happens"), st.sampled_from(NAMES), st.sampled_from(ENTITIES))
CLOSES = st.tuples(st.just("closes"), st.sampled_from(ENTITIES))
SLICE = st.tuples(st.just("slice"), st.integers(0, 4))


@given(st.lists(HAPPENS | CLOSES | SLICE, max_size=40))
def test_each_contract_takes_in_what_it_would_if_all_were_told_at_once(steps: list[tuple[object, ...]]) -> None:
    at_once, sliced = Partition(slices=False), Partition(slices=True)
    for offset, (step, *about) in enumerate(steps):
        for partition in (at_once, sliced):
            if step == "happens":
                partition.happens(str(about[0]), str(about[1]), offset)
            elif step == "closes":
                partition.closes(str(about[0]), offset)
            elif partition.slices:
                partition.sweep(int(str(about[0])))
    while sliced.under_way:
        left, before = sliced.under_way, sweeps_in_order(sliced.books.values())
        sliced.sweep(2)
        assert sliced.under_way < left or sweeps_in_order(sliced.books.values()) != before, "a slice gets on"
    assert sliced.told == at_once.told
    assert sliced.contracts == at_once.contracts
    assert sliced.books == at_once.books


def test_a_contract_that_names_the_entity_only_later_is_not_told_of_what_came_before() -> None:
    sweep = Sweep(event=period_end("2026-02"), source=SourceRecord(topic="t", partition=0, offset=7))
    known = Contract(contract_id="C1", entities=("ACME-US",), event_offset=6)
    assert awaits(known, sweep)
    assert not awaits(replace(known, event_offset=7), sweep), "it has taken the event in"
    assert not awaits(replace(known, event_offset=8), sweep), "its entity was named by a later event"
    assert not awaits(replace(known, entities=("ACME-DE",)), sweep)
    assert not concerns(sweep.event, replace(known, entities=()))


def test_a_sweep_only_goes_forward_and_only_while_it_is_under_way() -> None:
    sweep = Sweep(event=period_end("2026-02"), source=SourceRecord(topic="t", partition=0, offset=7))
    book = advanced(begun(PeriodBook(), sweep), sweep, b"C5")
    (moved,) = book.sweeps
    assert (moved.reached, moved.start) == (b"C5", b"C5\0")
    with pytest.raises(ValueError, match="back to"):
        advanced(book, moved, b"C4")
    with pytest.raises(ValueError, match="not under way"):
        advanced(book, sweep, b"C6")
    assert advanced(book, moved, None) == PeriodBook()
