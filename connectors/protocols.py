"""What a connector is: small protocols that the posting stage and the reconciliation talk to.

A connector is the only code that knows a foreign system. It is idempotent by command id: executing a command that the
system already holds returns the first answer and changes nothing (architecture, exactly once, step 8).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from streams.records import (
    CommercialEvent,
    ErpPosting,
    PostingAccepted,
    PostingRejected,
    RevenueAccepted,
    RevenueCommand,
    RevenueRejected,
)


class ConnectorUnavailable(Exception):
    """The foreign system cannot be reached or has not answered: nothing is known, the same call must be made again."""


class ConnectorThrottled(ConnectorUnavailable):
    """The foreign system asks for fewer calls; the same call must be made again, not before `retry_after` seconds.

    `retry_after` is None where the system named no time.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectorDenied(ConnectorUnavailable):
    """The foreign system refuses the credentials or their rights: an operator must act, then the same call is made."""


class DatabaseOutdated(Exception):
    """An earlier release made the database and did not keep what this one needs; the operator must act."""


@dataclass(frozen=True, slots=True)
class RevenuePosition:
    """What the revenue platform holds of a contract, net, in its currency."""

    contract_id: str
    currency: str
    billed: Decimal
    recognised: Decimal
    transaction_price: Decimal


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What the ERP holds on an account: debits less credits."""

    legal_entity: str
    account: str
    currency: str
    balance: Decimal


class PeriodStatus(StrEnum):
    """Whether an ERP takes postings in a period."""

    OPEN = "open"
    CLOSED = "closed"
    """Refused with the code `closed_period`; a person may open it again."""
    UNKNOWN = "unknown"
    """The ERP has no such entity, or no such period of it."""


class Source(Protocol):
    """A commercial system: maps what it sends to canonical events (the experience layer of the APIs)."""

    @property
    def name(self) -> str:
        """The source system, as it stands in the events' context."""
        ...

    def events(self, payload: object) -> list[CommercialEvent]:
        """Return the canonical events of one decoded payload, in order. Raises ValueError naming every fault."""
        ...


class RevenuePlatform(Protocol):
    """A revenue recognition platform."""

    def execute(self, commands: Sequence[RevenueCommand]) -> list[RevenueAccepted | RevenueRejected]:
        """Execute commands in order; one answer a command. Blocking: the stage calls it in a thread.

        Several threads call at once, never two of one worker for one contract. A call bounds its own time. Raises
        ConnectorUnavailable when the outcome is unknown, or one of its kinds: ConnectorThrottled, ConnectorDenied.
        """
        ...

    def position(self, contract_id: str) -> RevenuePosition | None:
        """Return what the platform holds of a contract, or None when it does not know it."""
        ...


class Erp(Protocol):
    """A general ledger."""

    def post(self, postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        """Post in order; one answer a posting. Blocking: the stage calls it in a thread.

        Several threads call at once, never two of one worker for one contract. A call bounds its own time. Raises
        ConnectorUnavailable when the outcome is unknown, or one of its kinds: ConnectorThrottled, ConnectorDenied.
        """
        ...

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return the balances by entity, account and currency, of everything or of one contract."""
        ...

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        """Return the answers to those commands that are posted, by command id; what is missing is not posted.

        Raises ConnectorUnavailable.
        """
        ...

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        """Return whether an entity's accounting period, YYYY-MM, takes postings. Raises ConnectorUnavailable."""
        ...
