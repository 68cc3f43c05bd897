"""Which ids came before, for as long as the policy says, and forgetting them in small steps after that.

`seen` has what is known of each id's first occurrence: its input offset and, of commercial events, a digest of their
transaction. Stores from before the digest have the offset alone, which is read as ever. `seen-days` has, by day and
batch, the ids that came on a day: what is to be forgotten is found there, without going through all ids, and one
record a batch is what it costs.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from streams.core.seen import Seen
from streams.transport import Stage, Table, Transaction

_IDS_A_STEP = 2000
"""Ids forgotten in one transaction, or those of one batch if they are more."""

_EPOCH = dt.date(1970, 1, 1)
_encode = msgspec.msgpack.encode
_decoder: msgspec.msgpack.Decoder[int | Seen] = msgspec.msgpack.Decoder(int | Seen)


def _decode(stored: bytes) -> Seen:
    found = _decoder.decode(stored)
    return Seen(found) if isinstance(found, int) else found


class SeenIds:
    """The ids that a stage has seen; its two tables."""

    def __init__(self, stage: Stage, horizon: dt.timedelta) -> None:
        self._horizon = horizon
        self._seen: Table[Seen] = stage.table("seen", _encode, _decode, cached=False)
        self._days: Table[tuple[bytes, ...]] = stage.table(
            "seen-days", _encode, msgspec.msgpack.Decoder(tuple[bytes, ...]).decode, cached=False
        )

    def first(self, transaction: Transaction, identity: str) -> Seen | None:
        """Return what is remembered of an id that came before, or None."""
        return transaction.get(self._seen, identity.encode())

    def remember(self, transaction: Transaction, identity: str, seen: Seen) -> None:
        """Remember an id that was not seen before; `file` has to follow in the same transaction."""
        transaction.put(self._seen, identity.encode(), seen)

    def file(self, transaction: Transaction, at: dt.datetime) -> None:
        """Note under the day what this transaction remembers, once, at its end."""
        ids = transaction.written(self._seen)
        if ids:
            transaction.put(self._days, _day(at) + ids[0], ids)

    def forget(self, transaction: Transaction, at: dt.datetime) -> int:
        """Forget ids of days before the horizon, a step of them; return how many."""
        forgotten = 0
        for key, ids in transaction.scan(self._days, stop=_day(at - self._horizon)):
            for identity in ids:
                transaction.delete(self._seen, identity)
            transaction.delete(self._days, key)
            forgotten += len(ids)
            if forgotten >= _IDS_A_STEP:
                break
        return forgotten


def _day(at: dt.datetime) -> bytes:
    """Days since 1970 in UTC, so that keys are in order of time."""
    return (at.astimezone(dt.UTC).date() - _EPOCH).days.to_bytes(4, "big")
