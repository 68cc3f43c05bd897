"""Protocols that are broken in one place, to show that the simulation would find them.

Each is the product with one thing replaced for as long as a run lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from msgspec.structs import replace

from connectors.erp.ledger.memory import MemoryLedger
from streams.agents import orchestration
from streams.core.contract import Contract
from streams.core.orchestration import decide
from streams.transport import CommitFailed, recovery
from streams.transport.partition import Partition
from streams.transport.producer import Committed, TransactionalProducer
from streams.transport.stage import Stage
from streams.transport.store import Written
from streams.transport.table import Deleted
from tests.simulation import clients
from tests.simulation.broker import Place
from tests.simulation.group import Group
from tests.simulation.runtime import here, point
from tests.simulation.worker import SimulatedStage, Worker

Replacement = tuple[object, str, object]


def _broker() -> Any:
    assert clients.network is not None
    return clients.network.broker


def store_is_written_before_the_commit() -> list[Replacement]:
    """Protocol step 4 the wrong way round: a store that is ahead of its changelog loses outputs."""
    write = Partition._write

    def too_early(self: Partition, transaction: Any, offsets: Mapping[str, int]) -> None:
        changes = {
            table: [Written(key, value, None if isinstance(value, Deleted) else b"") for key, value in changed.items()]
            for table, changed in transaction.changes.items()
        }
        if changes:
            ends = {table: _broker().log((table.changelog_topic, self.number)).end for table in changes}
            self.store.commit(changes, {table: end + len(changes[table]) - 1 for table, end in ends.items()})
        write(self, transaction, offsets)

    return [(Partition, "_write", too_early)]


def offsets_are_committed_after_the_transaction() -> list[Replacement]:
    """Input offsets outside of the transaction, and a contract that does not remember its own."""
    commit = TransactionalProducer.commit

    def afterwards(
        self: TransactionalProducer,
        partition: int,
        outputs: Any,
        changelogs: Any,
        offsets: Mapping[str, int],
        membership: bytes,
    ) -> Committed:
        committed = commit(self, partition, outputs, changelogs, {}, membership)
        point(here(), "offsets are committed")
        places: dict[Place, int] = {(topic, partition): offset for topic, offset in offsets.items()}
        _broker().commit_offsets(clients.read_membership(membership)[0], places)
        return committed

    def forgetful(contract: Contract, *given: Any) -> Any:
        return decide(replace(contract, event_offset=-1), *given)

    return [(TransactionalProducer, "commit", afterwards), (orchestration, "decide", forgetful)]


def earlier_owner_is_fenced_after_recovery() -> list[Replacement]:
    """`init_transactions` last: what the earlier owner commits meanwhile is missing in the recovered store."""

    async def late(self: Partition) -> None:
        loop = asyncio.get_running_loop()
        self._next_offsets.update(
            await loop.run_in_executor(self._io, self._recover, self.number, self.store, self._cancelled)
        )
        if not self._cancelled.is_set():
            await loop.run_in_executor(self._io, self._producer.open)

    return [(Partition, "_open", late)]


def recovery_reads_uncommitted() -> list[Replacement]:
    """Aborted changes come back to life in the store."""
    begin = clients.SimulatedConsumer.__init__

    def uncommitted(self: clients.SimulatedConsumer, config: Mapping[str, object]) -> None:
        begin(self, {**config, "isolation.level": "read_uncommitted"})

    return [(clients.SimulatedConsumer, "__init__", uncommitted)]


def inputs_are_read_uncommitted() -> list[Replacement]:
    """Stages act on what another stage then aborts."""
    return [(Worker, "reads_committed", False)]


def event_ids_are_not_remembered() -> list[Replacement]:
    """Protocol step 6 left out: an event that is delivered twice is taken in twice."""
    return [(orchestration.TableMemory, "seen", lambda self, event_id: None)]


def zombies_are_not_fenced() -> list[Replacement]:
    """A transactional id of each process instead of each partition, and a broker that does not check generations."""
    make = Stage._new_producer

    def own(self: SimulatedStage, number: int) -> object:
        before = self.app_id
        self.app_id = f"{before}-{self.worker.member}"
        try:
            return make(self, number)
        finally:
            self.app_id = before

    return [(Stage, "_new_producer", own), (Group, "check", lambda self, membership: None)]


def a_failed_batch_does_not_close_its_partition() -> list[Replacement]:
    """The batch that waits behind a failed one commits offsets beyond it."""

    def unclosed(self: Partition) -> AbstractContextManager[None]:
        return nullcontext()

    return [(Partition, "_all_or_nothing_more", unclosed), *_commits_that_fail_once()]


def _commits_that_fail_once() -> list[Replacement]:
    """Commits that fail although the process lives on, as with a broker that refuses a record."""
    commit = TransactionalProducer.commit

    def failing(self: TransactionalProducer, *given: Any) -> Committed:
        assert clients.network is not None
        if clients.network.answer_lost("a batch that the broker refuses"):
            raise CommitFailed("simulated: refused")
        return commit(self, *given)

    return [(TransactionalProducer, "commit", failing)]


def commit_errors_are_swallowed() -> list[Replacement]:
    """The batch is lost, and the next one commits offsets beyond it."""
    commit = TransactionalProducer.commit

    def swallowing(
        self: TransactionalProducer, partition: int, outputs: Any, changelogs: Sequence[Any], *given: Any
    ) -> Committed:
        assert clients.network is not None
        try:
            if clients.network.answer_lost("a batch that the broker refuses"):
                raise CommitFailed("simulated: refused")
            return commit(self, partition, outputs, changelogs, *given)
        except CommitFailed:
            return Committed({it.topic: _broker().log((it.topic, partition)).end - 1 for it in changelogs})

    return [(TransactionalProducer, "commit", swallowing)]


def outputs_are_sent_outside_of_the_transaction() -> list[Replacement]:
    """A batch that is read again sends its outputs again."""
    commit = TransactionalProducer.commit

    def outside(self: TransactionalProducer, partition: int, outputs: Sequence[Any], *given: Any) -> Committed:
        for output in outputs:
            point(here(), f"produce {output.topic}")
            place = _broker().place_of(output.topic, output.key, output.partition)
            _broker().log(place).append(output.key, output.value, (), 0, None)
            _broker().changes += 1
        return commit(self, partition, [], *given)

    return [(TransactionalProducer, "commit", outside)]


def stores_that_exist_are_not_caught_up() -> list[Replacement]:
    """A store that outlived its owner is trusted as it is."""
    read = recovery._read_changelogs

    def trusting(consumer: Any, partition: int, store: Any, *given: Any) -> None:
        if all(store.offset(table) < 0 for table in store.tables):
            read(consumer, partition, store, *given)

    return [(recovery, "_read_changelogs", trusting)]


def the_erp_posts_again_what_it_holds() -> list[Replacement]:
    """A connector that is not idempotent by command id (protocol step 8)."""
    post = MemoryLedger._post

    def again(self: MemoryLedger, posting: Any) -> Any:
        self._answers.pop(posting.command_id, None)
        return post(self, posting)

    return [(MemoryLedger, "_post", again)]


Mutant = Callable[[], list[Replacement]]

MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        store_is_written_before_the_commit,
        offsets_are_committed_after_the_transaction,
        earlier_owner_is_fenced_after_recovery,
        recovery_reads_uncommitted,
        inputs_are_read_uncommitted,
        event_ids_are_not_remembered,
        zombies_are_not_fenced,
        a_failed_batch_does_not_close_its_partition,
        commit_errors_are_swallowed,
        outputs_are_sent_outside_of_the_transaction,
        stores_that_exist_are_not_caught_up,
        the_erp_posts_again_what_it_holds,
    )
}


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Break the protocol in the named way while the context lasts; None leaves it whole."""
    replacements = MUTANTS[name]() if name is not None else []
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in replacements]
    for owner, attribute, value in replacements:
        setattr(owner, attribute, value)
    try:
        yield
    finally:
        for owner, attribute, value in before:
            setattr(owner, attribute, value)
