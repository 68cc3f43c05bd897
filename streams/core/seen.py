"""What is remembered of an event id, and what is said of an event that comes with the id of another.

Command ids derive from contract and event id: an event under an id that another transaction has used can be neither
taken in nor taken for that one's duplicate. Knows no table: those are in `streams.agents.seen`.
"""

from __future__ import annotations

from zlib import crc32

from msgspec import Struct

from streams.records import CommercialEvent


class Seen(Struct, gc=False, frozen=True, array_like=True):
    """The first event of an id."""

    offset: int
    """Where it was read, in its partition's commercial events."""
    digest: int | None = None
    """Of its transaction (`digest_of`); None when it was remembered without: any event of the id is its duplicate."""

    def same(self, digest: int) -> bool:
        """Tell whether an event of the id, of the transaction of this digest, is the first one again."""
        return self.digest is None or self.digest == digest


def digest_of(event: CommercialEvent) -> int:
    """Return 32 bits of which transaction an event tells: of its source system, contract and transaction id.

    They are compared only between events of one id: two transactions pass for one with a chance of 1 in 4 billion.
    """
    context = event.context
    return crc32(f"{context.source_system}\x1f{context.contract_id}\x1f{context.source_transaction_id}".encode())


def another_used(event: CommercialEvent, first: Seen) -> str:
    """Return what is wrong with an event under the id of another one, and what to do."""
    context = event.context
    return (
        f"event id {event.event_id} is that of another transaction, the one at offset {first.offset} of the same "
        f"partition of commercial-events; found {context.source_system} {context.source_transaction_id} of contract "
        f"{context.contract_id}, expected an id of its own: publish it under another event id"
    )
