"""How much a contract may have open: its record has to fit into the changelog, whatever holds it back.

What is open (events that wait, steps that await an answer or stand behind one that does, postings that the ERP has not
taken) lies in the contract's record. A record over the broker's limit would stop its partition for good, since no
worker could commit it. Pure: measures the record as it is stored.
"""

from __future__ import annotations

import msgspec

from streams.core.contract import Contract
from streams.core.policy import Bounds
from streams.records import CommercialEvent, SourceRecord

_FEW = 64
"""Open steps of small events that need no measuring: they are far below any bound."""
_EACH = 8
"""With more of them every eighth event is measured: to measure costs as much as to store."""
_SMALL = 1024
"""Bytes of a record up to which its event is small."""
_COPIES = 2
"""An event that is on its way is kept twice: in itself and in its command or posting."""


def no_room(contract: Contract, event: CommercialEvent, source: SourceRecord, bounds: Bounds) -> str | None:
    """Return why a contract cannot take one more event now, or None when it can."""
    open_steps = len(contract.parked) + len(contract.queue) + len(contract.postings)
    small = source.payload is None or len(source.payload) <= _SMALL
    if small and (open_steps < _FEW or open_steps % _EACH):
        return None
    size = len(msgspec.msgpack.encode(contract))
    needed = _COPIES * len(msgspec.msgpack.encode(event))
    if size + needed <= bounds.open_bytes:
        return None
    if needed > bounds.open_bytes:
        return (
            f"the event needs {needed} bytes in the contract's record, the bound is {bounds.open_bytes}: split it at "
            "its source, or let open_kilobytes of policies.yaml and the changelog's max.message.bytes be more"
        )
    return (
        f"{open_steps} events, commands and postings of the contract are open and take {size} bytes, this event would "
        f"take {needed} more, the bound is {bounds.open_bytes}: settle what holds them back, then send this event "
        "again under a new event id"
    )
