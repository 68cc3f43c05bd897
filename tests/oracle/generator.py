"""Generates histories of commercial events, deterministic by seed, for the proof of the whole system.

    python -m tests.oracle.generator --seed 7 --contracts 10000 --events 100000 out.jsonl

Every history is valid: in the end everything can be applied, but for the events that were broken on purpose and are
named as such. Period ends take a fixed place among each contract's events.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.oracle import abroad
from tests.oracle.billing import BillingRates, bill, payment_body
from tests.oracle.commercial import Rates, continue_until, sign
from tests.oracle.disturbance import Disturbance, disturb
from tests.oracle.drafts import DAY, ENTITIES, Draft, Story, iso, iso_time
from tests.oracle.reading import Event, last_day, month_of, period_of
from tests.oracle.trial import refused
from tests.oracle.wider import correct

BEGIN = dt.date(2025, 1, 1).toordinal()
MONTHS = 24
LAST_SIGNATURE = dt.date(2026, 6, 30).toordinal()
END = dt.date(2026, 12, 31).toordinal()
SEQUENCED = frozenset({"salesforce", "delivery", "zuora"})
"""Source systems that number their events of a contract; the others do not."""


@dataclass(frozen=True)
class History:
    """Generated events in published order."""

    events: list[Event]
    broken: dict[str, str] = field(default_factory=dict)
    """Event id to what is wrong with it: VERSION_GAP, SEQUENCE_GAP, UNKNOWN_CONTRACT or REJECTED."""
    last_closes: int = 0
    """How many events at the end are the last closes: to be published when all before them has settled."""


def generate(
    seed: int,
    contracts: int,
    events: int,
    disturbance: Disturbance = Disturbance(),  # noqa: B008 - immutable
    rates: Rates = Rates(),  # noqa: B008
    billing: BillingRates = BillingRates(),  # noqa: B008
) -> list[Event]:
    """Return only the events of a history; see `generate_history`."""
    return generate_history(seed, contracts, events, disturbance, rates, billing).events


def generate_history(
    seed: int,
    contracts: int,
    events: int,
    disturbance: Disturbance = Disturbance(),  # noqa: B008
    rates: Rates = Rates(),  # noqa: B008
    billing: BillingRates = BillingRates(),  # noqa: B008
    *,
    reopened: bool = False,
    wider: bool = False,
    foreign: bool = False,
) -> History:
    """Generate a history of exactly so many events, period ends and duplicates included.

    When `foreign`, most contracts are in another currency than the books. Raises ValueError when the events are too few
    for the contracts.
    """
    closes = _closes(reopened)
    rates = replace(rates, wider=rates.wider or wider, foreign=rates.foreign or foreign)
    repeated = round(events * disturbance.duplicates)
    broken = round(events * disturbance.broken)
    wanted = events - repeated - broken - len(closes)
    per_contract = wanted / contracts
    stories = [_story(seed, index, per_contract, rates, billing) for index in range(contracts)]
    random = Random(f"{seed}/all")
    _meet(stories, wanted, random)
    published: list[tuple[int, int, int, Event]] = [(at, -1, place, event) for place, (at, event) in enumerate(closes)]
    last_close = closes[-len(ENTITIES)][0]
    for story in stories:
        _number(story)
        disturb(story.told, disturbance, Random(f"{seed}/{story.index}/moves"), last_close - 2 * DAY)
        for draft in story.told:
            published.append((draft.published, story.index, draft.ordinal, _event(seed, story, draft)))
    wrong: dict[str, str] = {}
    for number in range(broken):
        at, event, kind = _broken(seed, number, stories[random.randrange(contracts)], random, last_close)
        wrong[str(event["event_id"])] = kind
        published.append((at, contracts + number, 0, event))
    pool = [entry for entry in published if entry[0] < last_close - DAY]
    for number in range(repeated):
        at, index, ordinal, event = pool[random.randrange(len(pool))]
        near = random.random() < 0.6
        again = at + (random.randint(0, 90) if near else random.randint(DAY, 200 * DAY))
        published.append((min(again, last_close - 60), index, 1_000_000 + ordinal + number, event))
    published.sort(key=lambda entry: entry[:3])
    return History([entry[3] for entry in published], wrong, len(ENTITIES))


def _closes(reopened: bool) -> list[tuple[int, Event]]:
    """Every entity closes every month, some days after its end; the last three closes come last.

    When `reopened`, every fourth month is opened again with approval and closed again. Locks are left out: whether a
    contract has something open then, and so how the event ends, depends on how far answers have come.
    """
    found: list[tuple[int, Event]] = []
    first = month_of(BEGIN)
    for month in range(first, first + MONTHS):
        for number, entity in enumerate(ENTITIES):
            late = 40 if month == first + MONTHS - 1 else 4
            at = (last_day(month) + late + number) * DAY + 18 * 60
            found.append((at, _period_event("close", entity, month, at, PeriodClosed={})))
            if reopened and month % 4 == 0 and month < first + MONTHS - 3:
                # Soon, before the next month is closed; or late, when that has been recognised already.
                wait = (3 if month % 8 else 45) * DAY
                approved = {"approved_by": "controller", "reason": "late invoices"}
                found.append((at + wait, _period_event("open", entity, month, at + wait, PeriodOpened=approved)))
                again = at + wait + 6 * DAY
                found.append((again, _period_event("close-again", entity, month, again, PeriodClosed={"lock": "SOFT"})))
    found.sort(key=lambda close: close[0])
    return found


def _period_event(what: str, entity: str, month: int, at: int, **told: dict[str, str]) -> Event:
    ((kind, body),) = told.items()
    name = f"{what}-{entity}-{period_of(month)}"
    return {
        "event_id": name,
        "event_type": kind,
        "source_sequence": None,
        "supersedes": None,
        "occurred_at": iso_time(at),
        "effective_date": iso(last_day(month)),
        "context": {
            "source_system": "erp",
            "source_transaction_id": name,
            "contract_id": "*",
            "contract_version": 0,
            "customer_account": "",
            "product_line": "",
            "legal_entity": entity,
        },
        "body": {kind: {"period": period_of(month), **body}},
    }


def _story(seed: int, index: int, per_contract: float, rates: Rates, billing: BillingRates) -> Story:
    """Tell the story of one contract; one that an accountant would refuse is told again, quieter."""
    for attempt in range(4):
        told = _tell(f"{seed}/{index}/{attempt}", seed, index, per_contract, rates, billing)
        if not refused(told):
            return told
    quiet = Rates(0, 0, 0, 0, 0, 0, 0, 0, foreign=rates.foreign)
    return _tell(f"{seed}/{index}/quiet", seed, index, per_contract, quiet, billing)


def _tell(name: str, seed: int, index: int, per_contract: float, rates: Rates, billing: BillingRates) -> Story:
    draw = Random(name)
    entity = draw.choices(tuple(ENTITIES), (5, 3, 2))[0]
    story = Story(index, f"C{seed}-{index:06d}", entity, ENTITIES[entity], draw)
    if rates.foreign:
        abroad.choose_currency(story, Random(f"{name}/currency"))
    story.crm = draw.choice(("salesforce", "hubspot"))
    story.billing = draw.choice(("stripe", "zuora"))
    sign(story, draw.randint(BEGIN, LAST_SIGNATURE), rates)
    story.signed_prices = {line.line_id: line.price for line in story.lines if line.price}
    story.signed_ends = {line.line_id: line.end for line in story.lines}
    continue_until(story, rates, END - 25)
    if rates.wider and not refused(story):
        for _ in range(draw.choice((0, 1, 1, 2))):
            correct(story, draw, END - 25, lambda told: not refused(told))
    budget = max(2.0, per_contract * draw.uniform(0.5, 1.5))
    bill(story, billing, round(budget / 3), END)
    if rates.foreign:
        abroad.state_rates(story, Random(f"{name}/rates"))
    draw.shuffle(story.optional)
    left: list[Draft] = []
    kept = dict.fromkeys(story.told)
    for draft in story.optional:
        if draft in kept:
            continue
        chain = _chain(draft, kept)
        if len(kept) + len(chain) <= budget:
            kept.update(dict.fromkeys(chain))
        else:
            left.append(draft)
    story.told = list(kept)
    story.optional = [draft for draft in left if draft not in kept]
    return story


def _chain(draft: Draft, kept: Container[Draft]) -> list[Draft]:
    chain: list[Draft] = []
    at: Draft | None = draft
    while at is not None and at not in kept:
        chain.append(at)
        at = at.needs
    return chain


def _meet(stories: Sequence[Story], wanted: int, random: Random) -> None:
    """Take optional events in or leave them out until the number is met exactly."""
    total = sum(len(story.told) for story in stories)
    order = list(stories)
    random.shuffle(order)
    for story in order:
        if total <= wanted:
            break
        needed = {draft.needs for draft in story.told} | {draft.supersedes for draft in story.told}
        leaves = [d for d in story.told if not d.pinned and d not in needed]
        leaves.sort(key=lambda draft: (draft.at, draft.kind))
        dropped = set(leaves[: min(total - wanted, len(leaves))])
        story.told = [draft for draft in story.told if draft not in dropped]
        total -= len(dropped)
    if total > wanted:
        raise ValueError(f"{wanted} events are too few for {len(stories)} contracts: {total} is the least here")
    for story in order:
        if total >= wanted:
            break
        kept = set(story.told)
        for draft in story.optional:
            chain = _chain(draft, kept)
            if chain and total + len(chain) <= wanted:
                kept.update(chain)
                story.told.extend(chain)
                total += len(chain)
    billed = [(story, invoice) for story in order if (invoice := _an_invoice(story)) is not None]
    if total < wanted and not billed:
        raise ValueError(f"{wanted} events are wanted and {total} can be told; no invoice is there to be paid further")
    while total < wanted:
        story, invoice = billed[total % len(billed)]
        date = min(END, max(draft.at for draft in story.told) // DAY + 1)
        body = payment_body(story, invoice, random.randint(100, 5000))
        body["payment_id"] = f"{body['payment_id']}-{total}"
        at = date * DAY + random.randint(480, 1080)
        story.told.append(Draft("PaymentReceived", body, at, date, story.version_at(at), story.billing))
        total += 1


def _an_invoice(story: Story) -> str | None:
    """Return the number of an invoice of the story, or None when it has none."""
    return next((str(draft.body["invoice_id"]) for draft in story.told if draft.kind == "InvoiceIssued"), None)


def _number(story: Story) -> None:
    """Put the events in the order they happened, and number them as their sources do."""
    story.told.sort(key=lambda draft: (draft.at, draft.pinned, draft.kind, str(draft.body)))
    counters: dict[str, int] = {}
    for ordinal, draft in enumerate(story.told):
        draft.ordinal = ordinal
        counters[draft.source] = counters.get(draft.source, 0) + 1
        draft.sequence = counters[draft.source] if draft.source in SEQUENCED else None


def _event(seed: int, story: Story, draft: Draft) -> Event:
    prefix = f"{draft.source}-{story.contract_id}"
    return {
        "event_id": f"{story.contract_id}-{draft.ordinal:04d}",
        "event_type": draft.kind,
        "source_sequence": draft.sequence,
        "supersedes": None if draft.supersedes is None else f"{prefix}-{draft.supersedes.ordinal:04d}",
        "occurred_at": iso_time(draft.at),
        "effective_date": iso(draft.effective),
        "context": {
            "source_system": draft.source,
            "source_transaction_id": f"{prefix}-{draft.ordinal:04d}",
            "contract_id": story.contract_id,
            "contract_version": draft.version,
            "customer_account": f"A-{story.index % 4999:05d}",
            "product_line": "",
            "legal_entity": story.entity,
        },
        "body": {draft.kind: draft.body},
    }


def _broken(seed: int, number: int, story: Story, random: Random, last_close: int) -> tuple[int, Event, str]:
    """Make an event that can never be applied."""
    kind = random.choice(("VERSION_GAP", "SEQUENCE_GAP", "UNKNOWN_CONTRACT", "REJECTED"))
    last = max(draft.at for draft in story.told)
    at = min(last + random.randint(60, 20 * DAY), last_close - 2 * DAY)
    draft = Draft("PaymentReceived", payment_body(story, "INV-X", 1000), at, min(END, at // DAY), 1, "stripe")
    draft.ordinal = 900_000 + number
    if kind == "VERSION_GAP":
        draft.version = len(story.changes) + 3
    elif kind == "SEQUENCE_GAP":
        draft.source, draft.sequence = "manual", 7
    elif kind == "REJECTED":
        draft.kind = "ObligationFulfilled"
        draft.body = {"line_id": "NO-SUCH-LINE", "percent": "100", "milestone": ""}
    event = _event(seed, story, draft)
    if kind == "UNKNOWN_CONTRACT":
        context = event["context"]
        assert isinstance(context, dict)
        context["contract_id"] = f"{story.contract_id}-X{number}"
    return at, event, kind


def write_jsonl(path: Path, events: Iterable[Event]) -> None:
    """Write one event a line."""
    with path.open("w", encoding="utf-8") as out:
        for event in events:
            out.write(json.dumps(event, separators=(",", ":")))
            out.write("\n")


def main() -> None:
    """Write a history to a file."""
    parser = argparse.ArgumentParser(description="Generate a history of commercial events.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--contracts", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--broken", type=float, default=0.0, help="share of events that can never be applied")
    parser.add_argument("--wider", action="store_true", help="further patterns and terms, and corrected contracts")
    parser.add_argument("--foreign", action="store_true", help="contracts in another currency than the books")
    parser.add_argument("path", type=Path)
    given = parser.parse_args()
    how = Disturbance(broken=given.broken)
    history = generate_history(given.seed, given.contracts, given.events, how, wider=given.wider, foreign=given.foreign)
    write_jsonl(given.path, history.events)
    print(f"{len(history.events)} events, {len(history.broken)} broken, written to {given.path}")


if __name__ == "__main__":
    main()
