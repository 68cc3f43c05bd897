"""Histories for the simulation: small ones of the independent generator, with few of its period ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.oracle.disturbance import Disturbance
from tests.oracle.drafts import ENTITIES
from tests.oracle.generator import History, generate_history
from tests.oracle.reading import Event, record, text

_ALL_CLOSES = 72
_SEEDS_TRIED = 200


@dataclass(frozen=True)
class Story:
    """Events in published order, and how many at the end wait until all before them has settled."""

    events: tuple[Event, ...]
    last_closes: int


@cache
def story(
    seed: int, contracts: int = 3, events: int = 24, *, closes: int = 3, broken: int = 0, wider: bool = False
) -> Story:
    """Return a history of so many events, and `closes` period ends of each legal entity.

    `broken` of the events can never be applied, and one in ten comes twice. A wider one has further patterns, and
    contracts that are corrected.
    """
    total = events + _ALL_CLOSES
    wild = Disturbance(duplicates=(1 + events // 10) / total, early=0.5, swaps=0.2, late=0.1, broken=broken / total)
    history = _enough(seed, contracts, total, wild, wider)
    months = sorted({text(event, "event_id")[-7:] for event in history.events if _is_close(event)})
    kept = {months[(len(months) - 1) * number // max(closes - 1, 1)] for number in range(closes)} | {months[-1]}
    chosen = [it for it in history.events if not _is_close(it) or text(it, "event_id")[-7:] in kept]
    return Story(_on_known_invoices(chosen), len(ENTITIES))


@cache
def tiny(seed: int, events: int) -> Story:
    """Return a history of one contract, and the last period end of its own legal entity."""
    told = story(seed, 1, events, closes=1)
    entity = next(_entity(event) for event in told.events if not _is_close(event))
    last = next(event for event in reversed(told.events) if _is_close(event) and _entity(event) == entity)
    return Story((*(event for event in told.events if not _is_close(event)), last), 1)


def _entity(event: Event) -> str:
    return text(record(event["context"]), "legal_entity")


def _enough(seed: int, contracts: int, events: int, wild: Disturbance, wider: bool) -> History:
    """Return the first history from this seed on that is told in so many events."""
    for attempt in range(_SEEDS_TRIED):
        try:
            return generate_history(seed + 1_000 * attempt, contracts, events, wild, wider=wider)
        except ValueError:
            continue
    raise LookupError(f"no history of {contracts} contracts in {events} events within {_SEEDS_TRIED} seeds from {seed}")


def _on_known_invoices(events: list[Event]) -> tuple[Event, ...]:
    """Let each payment "on account", with which the generator fills up, name an invoice of its contract.

    The product waits for an invoice that it does not know; where a contract has none the payment stays and waits.
    """
    known: dict[str, str] = {}
    for event in events:
        body = record(record(event["body"])[text(event, "event_type")])
        if event["event_type"] == "InvoiceIssued":
            known.setdefault(text(record(event["context"]), "contract_id"), text(body, "invoice_id"))
    found: list[Event] = []
    for event in events:
        kind, contract = text(event, "event_type"), text(record(event["context"]), "contract_id")
        body = record(record(event["body"])[kind])
        if body.get("invoice_id") == "on account" and contract in known:
            event = {**event, "body": {kind: {**body, "invoice_id": known[contract]}}}
        found.append(event)
    return tuple(found)


def _is_close(event: Event) -> bool:
    return event["event_type"] == "PeriodClosed"
