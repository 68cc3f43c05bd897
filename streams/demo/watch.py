"""Follow the topics while the demo plays: what has come of the events, and whether something went wrong.

Reads what anybody may read; looks into no worker.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.codec.wire import PayloadInvalid
from streams.config import Settings
from streams.demo.failure import DemoFailed
from streams.demo.scenario import Outcome
from streams.records import AuditAction, AuditRecord, ContractStatus, ExceptionRecord
from streams.timeline.reading import Message, codecs_of
from streams.topics import AUDIT_TRAIL, CONTRACT_STATUS, EXCEPTIONS
from streams.wiring import bootstrap, schema_registry

_TOPICS = (AUDIT_TRAIL, CONTRACT_STATUS, EXCEPTIONS)
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.05
_RECORDS_A_POLL = 1_000


class Watch:
    """What the topics have told since the watch began, for the length of a `with` block."""

    def __init__(self, settings: Settings, contracts: Iterable[str], check: Callable[[], None]) -> None:
        """`check` raises when a process has ended."""
        self._keys = {contract_id.encode() for contract_id in contracts}
        self._check = check
        self._codecs = codecs_of(schema_registry(settings), *_TOPICS)
        self._seen: set[Outcome] = set()
        self._latest: dict[str, ContractStatus] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap(settings),
                "group.id": f"tieout-demo-{uuid.uuid4()}",  # never joined, never committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
                **settings.client_settings(),
            }
        )
        self._consumer.assign(self._ends())

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def wait_for(self, outcomes: Iterable[Outcome], seconds: float) -> None:
        """Wait until the outcomes are there. Raises DemoFailed when one is missing in time, or an exception is told."""
        wanted, deadline = set(outcomes), time.monotonic() + seconds
        while missing := {outcome for outcome in wanted if not self._is_there(outcome)}:
            self._check()
            self._read_on()
            if time.monotonic() > deadline:
                named = ", ".join(sorted(f"{it.action} of {it.event_id} on {it.contract_id}" for it in missing))
                raise DemoFailed(f"expected within {seconds:g} s and not found on the audit trail: {named}")

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no contract has anything parked or without an answer."""
        deadline = time.monotonic() + seconds
        while busy := [name for name, status in self._latest.items() if not _is_idle(status)]:
            self._check()
            self._read_on()
            if time.monotonic() > deadline:
                raise DemoFailed(f"still at work after {seconds:g} s: {', '.join(sorted(busy))}")

    def parked(self, contract_id: str) -> dict[str, str]:
        """Return the reasons of a contract's parked events by event id, as its status tells them."""
        status = self._latest.get(contract_id)
        return {parked.event_id: parked.reason for parked in status.parked} if status is not None else {}

    def _is_there(self, outcome: Outcome) -> bool:
        if outcome.action is AuditAction.PARKED and outcome.event_id not in self.parked(outcome.contract_id):
            return False
        return outcome in self._seen

    def _ends(self) -> list[TopicPartition]:
        ends = []
        topics = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        for name in _TOPICS:
            for number in topics[name].partitions:
                place = TopicPartition(name, number)
                _, place.offset = self._consumer.get_watermark_offsets(place, timeout=_REQUEST_SECONDS)
                ends.append(place)
        return ends

    def _read_on(self) -> None:
        for message in self._consumer.consume(_RECORDS_A_POLL, timeout=_POLL_SECONDS):
            fault = message.error()
            if fault is None:
                self._take(message)
            elif fault.code() != KafkaError._PARTITION_EOF:
                raise DemoFailed(f"{message.topic()} cannot be read: {fault}")

    def _take(self, message: Message) -> None:
        if message.key() not in self._keys:
            return
        try:
            record = self._codecs[message.topic()].decode(message.value())
        except PayloadInvalid as fault:
            raise DemoFailed(f"{message.topic()}/{message.partition()}/{message.offset()}: {fault}") from fault
        match record:
            case AuditRecord():
                self._seen.add(Outcome(record.context.contract_id, record.event_id, record.action))
            case ContractStatus():
                self._latest[record.context.contract_id] = record
            case ExceptionRecord():
                raise DemoFailed(
                    f"an exception that the story does not have: {record.root_cause} on "
                    f"{record.context.contract_id}, event {record.event_id}: {record.message}"
                )


def _is_idle(status: ContractStatus) -> bool:
    return not (status.parked or status.commands_pending or status.postings_pending)
