"""The one list of topics: name, record, how long it is kept. Agents, topic tool, docs and chart read it.

All are keyed by contract id in UTF-8 and have the same number of partitions, so that everything of a contract meets in
one partition of every stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from streams.records import (
    AuditRecord,
    CommercialEvent,
    ContractStatus,
    ErpPosting,
    ExceptionRecord,
    OperatorCommand,
    PostingAck,
    RevenueAck,
    RevenueCommand,
    Variance,
)

SOURCE_EVENTS = "source-events"
COMMERCIAL_EVENTS = "commercial-events"
OPERATOR_COMMANDS = "operator-commands"
REVENUE_COMMANDS = "revenue-commands"
REVENUE_ACKS = "revenue-acks"
ERP_POSTINGS = "erp-postings"
POSTING_ACKS = "posting-acks"
EXCEPTIONS = "exceptions"
AUDIT_TRAIL = "audit-trail"
CONTRACT_STATUS = "contract-status"
VARIANCES = "variances"


class Retention(StrEnum):
    """How long a topic keeps its records."""

    FOREVER = "forever"
    """Evidence: never deleted."""
    TRANSIT = "transit"
    """Thirty days: what is in it is also somewhere else."""
    LATEST = "latest"
    """Compacted: the last record of each key."""

    @property
    def topic_config(self) -> dict[str, str]:
        """Return the broker's settings."""
        match self:
            case Retention.FOREVER:
                return {"cleanup.policy": "delete", "retention.ms": "-1"}
            case Retention.TRANSIT:
                return {"cleanup.policy": "delete", "retention.ms": str(30 * 24 * 3600 * 1000)}
            case Retention.LATEST:
                return {"cleanup.policy": "compact"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and what it carries."""

    name: str
    record: type[msgspec.Struct]
    retention: Retention


TOPICS: tuple[Topic, ...] = (
    Topic(SOURCE_EVENTS, CommercialEvent, Retention.TRANSIT),
    Topic(COMMERCIAL_EVENTS, CommercialEvent, Retention.FOREVER),
    Topic(OPERATOR_COMMANDS, OperatorCommand, Retention.FOREVER),
    Topic(REVENUE_COMMANDS, RevenueCommand, Retention.TRANSIT),
    Topic(REVENUE_ACKS, RevenueAck, Retention.FOREVER),
    Topic(ERP_POSTINGS, ErpPosting, Retention.FOREVER),
    Topic(POSTING_ACKS, PostingAck, Retention.FOREVER),
    Topic(EXCEPTIONS, ExceptionRecord, Retention.FOREVER),
    Topic(AUDIT_TRAIL, AuditRecord, Retention.FOREVER),
    Topic(CONTRACT_STATUS, ContractStatus, Retention.LATEST),
    Topic(VARIANCES, Variance, Retention.FOREVER),
)
