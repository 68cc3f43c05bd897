"""Which stage reads which topics, said here once more and on purpose: the check must not ask the product."""

from __future__ import annotations

from streams.topics import (
    COMMERCIAL_EVENTS,
    CONTRACT_STATUS,
    ERP_POSTINGS,
    OPERATOR_COMMANDS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    SOURCE_EVENTS,
)

INPUTS: dict[str, tuple[str, ...]] = {
    "capture": (SOURCE_EVENTS,),
    "orchestration": (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS, OPERATOR_COMMANDS),
    "posting": (REVENUE_COMMANDS, ERP_POSTINGS),
    "reconciliation": (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS, CONTRACT_STATUS),
}


def readers(topic: str) -> int:
    """Return how many stages read a topic."""
    return sum(topic in topics for topics in INPUTS.values())
