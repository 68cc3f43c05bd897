"""A contract's history as one JSON document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from streams.codec.json_events import to_json
from streams.core.money import ZERO, quantize
from streams.timeline.history import ContractHistory, EventStory

Document: TypeAlias = dict[str, object]


def to_document(history: ContractHistory) -> Document:
    """Return a history as values that every JSON writer takes; amounts are strings in the contract's minor unit."""
    currency = history.currency
    return {
        "contract_id": history.contract_id,
        "known": history.known,
        "currency": currency,
        "status": to_json(history.status) if history.status is not None else None,
        "timeline": [_story(story, currency) for story in history.stories],
        "transaction_price": _amount(history.stated.transaction_price, currency) if history.stated else None,
        "obligations": [to_json(part, currency) for part in history.allocations],
        "schedule": [_month(period, parts, currency) for period, parts in history.schedule.items()],
        "exceptions": [to_json(exception) for exception in history.exceptions],
        "variances": [to_json(variance) for variance in history.variances],
        "unreadable": list(history.unreadable),
    }


def _story(story: EventStory, currency: str) -> Document:
    captured = story.captured
    return {
        "event": to_json(story.event, currency),
        "topic": captured.topic,
        "partition": captured.partition,
        "offset": captured.offset,
        "captured_at": _time(captured.at),
        "waits": [
            {
                "reason": wait.reason,
                "since": _time(wait.since),
                "until": _time(wait.until) if wait.until is not None else None,
            }
            for wait in story.waits
        ],
        "duplicates": story.duplicates,
        "revenue": [to_json(ack, currency) for ack in story.revenue],
        "postings": [
            {
                "document_number": posted.document_number,
                "posting": to_json(posted.posting),
                "ack": to_json(posted.ack) if posted.ack is not None else None,
            }
            for posted in story.postings
        ],
    }


def _month(period: str, parts: Mapping[str, Decimal], currency: str) -> Document:
    return {
        "period": period,
        "amount": _amount(sum(parts.values(), ZERO), currency),
        "obligations": {name: _amount(amount, currency) for name, amount in parts.items()},
    }


def _amount(amount: Decimal, currency: str) -> str:
    return f"{quantize(amount, currency):f}"


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
