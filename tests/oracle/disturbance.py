"""Disturbs the published order of a contract's events, as far as the promise holds that the result stays the same.

Invoices, payments and usage may move about. A pinned event may only move where versions or sequence numbers bring its
order back whatever the delay of an acknowledgment; a disturbance that would go further is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from tests.oracle.drafts import CHANGES, DAY, Draft


@dataclass(frozen=True)
class Disturbance:
    """How much a history is disturbed, as probabilities."""

    duplicates: float = 0.03
    """Share of the events that are repetitions of others, near or far."""
    early: float = 0.5
    """Of invoices that follow a change soon: published before it."""
    swaps: float = 0.05
    """Of neighbours in a contract: published in the other order."""
    late: float = 0.03
    """Of invoices, credits, payments, refunds and usage: published days or weeks late."""
    broken: float = 0.0
    """Share of the events that can never be applied."""


CALM = Disturbance(0, 0, 0, 0, 0)
_MOVABLE = frozenset({"InvoiceIssued", "CreditIssued", "PaymentReceived", "RefundIssued", "UsageRated"})


def disturb(drafts: Sequence[Draft], how: Disturbance, random: Random, until: int) -> None:
    """Move the publication of a contract's events; `drafts` are in the order in which they happened."""
    for draft in drafts:
        draft.published = draft.at
    for draft in drafts:
        if draft.kind in _MOVABLE and not draft.pinned and random.random() < how.late:
            _try(drafts, {draft: min(until, draft.at + random.randint(5 * DAY, 60 * DAY))})
    changes = {draft.version: draft for draft in drafts if draft.kind in CHANGES and draft.supersedes is None}
    for draft in drafts:
        change = changes.get(draft.version)
        if (
            draft.kind == "InvoiceIssued"
            and draft.version > 1
            and change is not None
            and draft.published - change.published < 5 * DAY
            and random.random() < how.early
        ):
            _try(drafts, {draft: change.published - random.randint(1, 2 * DAY)})
    for first, second in pairwise(drafts):
        if random.random() < how.swaps:
            _try(drafts, {first: second.published, second: first.published})


def _try(drafts: Sequence[Draft], moved: dict[Draft, int]) -> None:
    before = {draft: draft.published for draft in moved}
    for draft, minute in moved.items():
        draft.published = minute
    if not order_is_safe(drafts):
        for draft, minute in before.items():
            draft.published = minute


def order_is_safe(drafts: Sequence[Draft]) -> bool:
    """Whether every pair whose order matters is applied as it happened; `drafts` are in the order they happened."""
    matter = [draft for draft in drafts if draft.pinned or draft.kind == "UsageRated" or draft.supersedes is not None]
    corrected = {draft.supersedes for draft in matter}
    matter = [d for d in drafts if d in corrected or d.pinned or d.kind == "UsageRated" or d.supersedes is not None]
    place = {draft: number for number, draft in enumerate(drafts)}
    for number, first in enumerate(matter):
        for second in matter[number + 1 :]:
            if _interact(first, second) and not _enforced(first, second, drafts, place):
                return False
    return True


def _interact(first: Draft, second: Draft) -> bool:
    if first.pinned and second.pinned:
        return True
    if "UsageRated" in {first.kind, second.kind} and (first.kind in CHANGES or second.kind in CHANGES):
        return True
    return second.supersedes is first


def _enforced(first: Draft, second: Draft, drafts: Sequence[Draft], place: dict[Draft, int]) -> bool:
    if first.kind in CHANGES and (second.kind in CHANGES or second.version >= first.version):
        return True
    if first.source == second.source and first.sequence is not None and second.sequence is not None:
        return True
    return _before(first, second, place) and _unhindered(first, second, drafts, place)


def _before(first: Draft, second: Draft, place: dict[Draft, int]) -> bool:
    return (first.published, place[first]) < (second.published, place[second])


def _requires(draft: Draft) -> int:
    creates = draft.kind in CHANGES and draft.supersedes is None
    return draft.version - 1 if creates else draft.version


def _unhindered(first: Draft, second: Draft, drafts: Sequence[Draft], place: dict[Draft, int]) -> bool:
    """Whether nothing that `first` waits for comes after `second` or needs a later version than it."""
    if _requires(first) > _requires(second):
        return False
    if first.sequence is None:
        return True
    return all(
        _before(draft, second, place) and _requires(draft) <= _requires(second)
        for draft in drafts
        if draft.source == first.source and draft.sequence is not None and draft.sequence < first.sequence
    )
