"""Records that no producer should have published, each told apart by its key."""

from __future__ import annotations

import struct
from random import Random

from msgspec.structs import replace

from streams.records import CommercialEvent
from streams.topics import (
    COMMERCIAL_EVENTS,
    ERP_POSTINGS,
    OPERATOR_COMMANDS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    SOURCE_EVENTS,
)
from tests.system.deployment import Deployment

SPOILT = (
    SOURCE_EVENTS,
    COMMERCIAL_EVENTS,
    REVENUE_COMMANDS,
    REVENUE_ACKS,
    ERP_POSTINGS,
    POSTING_ACKS,
    OPERATOR_COMMANDS,
)
"""The topics into which such records are put."""

PREFIX = b"corrupt-"
"""How the key of every such record begins."""


def corrupt_record(
    number: int, chance: Random, deployment: Deployment, event: CommercialEvent
) -> tuple[str, bytes, bytes | None]:
    """Return topic, key and value of a record that must end as one exception; `event` is a good one to spoil."""
    topic, key = chance.choice(SPOILT), PREFIX + str(number).encode()
    codec = deployment.codec(SOURCE_EVENTS)
    good = codec.encode(event)
    if topic == SOURCE_EVENTS and chance.random() < 0.3:
        context = replace(event.context, legal_entity="NOWHERE-INC", contract_id=key.decode())
        return topic, key, codec.encode(replace(event, event_id=key.decode(), context=context))
    # No id of a registry is so high: to learn that, the registry must be asked.
    unknown_schema = b"\0" + struct.pack(">I", 900_000_000 + number) + good[5:]
    values = [b"\x01" + good[1:], unknown_schema, good[: len(good) // 2], good + b"\0", b"", None, b"{}", b"\0\0"]
    return topic, key, chance.choice(values)
