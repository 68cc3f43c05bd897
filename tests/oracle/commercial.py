"""The commercial side of a generated contract: signature, modifications, fulfilment, price changes, renewal, end.

Every event here is pinned: their order changes the accounting, and their effective dates rise strictly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle import wider
from tests.oracle.drafts import DAY, Draft, DraftLine, Story, amount, iso
from tests.oracle.reading import Json, day, records

GAP = 14
"""Days at least between two pinned effective dates; more than the days a booking may be late."""


_AMENDMENTS = {
    "upgrade": 20,
    "discounted upgrade": 22,
    "add": 12,
    "discounted add": 12,
    "extend": 8,
    "downgrade": 8,
    "remove": 8,
    "mixed": 8,
    "catch up": 10,
}
"""Kinds of amendments and how often each is drawn."""


@dataclass(frozen=True)
class Rates:
    """How often what happens, as probabilities."""

    amended: float = 0.45
    terminated: float = 0.06
    renewed: float = 0.4
    price_reduced: float = 0.06
    estimate_changed: float = 0.04
    option: float = 0.05
    not_distinct: float = 0.06
    other_entity: float = 0.06
    wider: bool = False
    """Whether there are further patterns, terms of the price, exercised options and corrections, too."""
    foreign: bool = False
    """Whether most contracts are in another currency than the books."""


def sign(story: Story, start: int, rates: Rates) -> None:
    """Draft the signature."""
    draw = story.random
    months = draw.choice((6, 12, 12, 12, 12, 12, 24, 36))
    end = start + round(months * 365.25 / 12) - 1

    def add(name: str, product: str, pattern: str, low: int, high: int, distinct: bool = True) -> DraftLine:
        quantity = draw.randint(2, 60)
        price = story.money(low, high)
        ssp = price if draw.random() < 0.35 else price * 100 // draw.choice((75, 80, 90, 95, 110))
        line = DraftLine(name, product, pattern, quantity, price, ssp, start, end, distinct=distinct)
        story.lines.append(line)
        return line

    add("L1", "platform", draw.choice(("RATABLE_DAILY", "RATABLE_MONTHLY")), 600, 40_000)
    if draw.random() < 0.4:
        add("L2", "analytics", draw.choice(("RATABLE_DAILY", "RATABLE_MONTHLY")), 300, 9_000)
    if draw.random() < 0.4:
        add("L3", "support", "RATABLE_DAILY", 100, 3_000)
    if draw.random() < 0.25:
        add("L4", "services", "POINT_IN_TIME", 500, 6_000)
    if draw.random() < 0.15:
        add("L5", "services", "MILESTONE", 2_000, 30_000)
    if draw.random() < rates.not_distinct:
        add("N1", "services", "RATABLE_MONTHLY", 500, 5_000, distinct=False)
        add("N2", "platform", "RATABLE_MONTHLY", 500, 5_000, distinct=False)
    if draw.random() < rates.other_entity:
        others = [name for name in ("ACME-US", "ACME-DE", "ACME-JP") if name != story.entity]
        story.lines[-1].performed_by = draw.choice(others) if story.lines[-1].distinct else None
    if draw.random() < 0.4:
        story.lines.append(DraftLine("U1", "usage", "USAGE", 1, 0, 0, start, end))
    options: list[Json] = []
    if draw.random() < rates.option:
        options.append(
            {
                "option_id": "O1",
                "product_line": "analytics",
                "ssp": amount(story.money(50, 400), story.currency),
                "expires_on": iso(start + draw.randint(200, 330)),
            }
        )
    terms: dict[str, Json] = wider.promise(story, draw, start, end) if rates.wider else {}
    body: dict[str, Json] = {
        "currency": story.currency,
        "lines": [line.as_json(story.currency) for line in story.lines],
        "billing_terms": {"frequency": "ANNUAL", "payment_days": 30},
        "options": options,
        **terms,
    }
    at = (start - draw.randint(0, 6)) * DAY + draw.randint(480, 1080)
    _change(story, Draft("ContractSigned", body, at, start, 1, story.crm))


def continue_until(story: Story, rates: Rates, until: int) -> None:
    """Draft all that happens to the promise and the price, up to a day."""
    draw = story.random
    first = story.lines[0]
    steps = draw.choices((1, 2, 3), (6, 3, 2))[0] if draw.random() < rates.amended else 0
    plans: list[Callable[[Story, int], bool]] = [_amend] * steps
    plans += [_fulfil] * (1 if any(line.pattern == "POINT_IN_TIME" for line in story.lines) else 0)
    plans += [_milestone] * (draw.randint(1, 3) if any(line.pattern == "MILESTONE" for line in story.lines) else 0)
    plans += [_reduce_price] * (draw.random() < rates.price_reduced)
    plans += [_estimate] * (draw.random() < rates.estimate_changed)
    plans += [_exercise] if rates.wider and records(story.changes[0].body, "options") else []
    draw.shuffle(plans)
    last = min(first.end - 25, until)
    date = first.start + draw.randint(GAP, 60)
    for plan in plans:
        if date > last:
            return
        if plan(story, date):
            date += GAP + draw.randint(0, max(1, (last - first.start) // (len(plans) + 1)))
    if date <= last and draw.random() < rates.terminated:
        _terminate(story, min(last, date + draw.randint(0, 60)))
    elif first.end - 20 <= until and date < first.end - 20 and draw.random() < rates.renewed:
        _renew(story, first.end - 20)
    if rates.wider:
        wider.perform(story, draw, lambda *told: _pinned(story, *told), story.changes[0].body, until)


def _when(story: Story, effective: int) -> int:
    """Return when a change is booked: mostly some days before it takes effect, at times some days late."""
    late = story.random.random() < 0.3
    days = story.random.randint(1, 8) if late else -story.random.randint(0, 3)
    return (effective + days) * DAY + story.random.randint(480, 1080)


def _change(story: Story, draft: Draft) -> None:
    draft.pinned = True
    story.changes.append(draft)
    story.told.append(draft)


def _pinned(story: Story, kind: str, body: dict[str, Json], date: int, source: str) -> Draft:
    at = date * DAY + story.random.randint(480, 1080)
    draft = Draft(kind, body, at, date, story.version_at(at), source, pinned=True)
    story.told.append(draft)
    return draft


def _amend(story: Story, date: int) -> bool:
    draw, currency = story.random, story.currency
    running = [x for x in story.lines if x.ratable() and x.distinct and x.running(date)]
    if not running or len(story.changes) > 3:
        return False
    added: list[Json] = []
    changed: list[Json] = []
    removed: list[Json] = []
    requested: str | None = None
    billed: list[tuple[DraftLine, int]] = []
    line = draw.choice(running)
    version = len(story.changes) + 1

    def change(price: int, ssp: int, quantity: int | None = None, end: int | None = None) -> None:
        if price != line.price:
            billed.append((line, price - line.price))
        line.price, line.ssp = price, ssp
        line.quantity, line.end = quantity or line.quantity, end or line.end
        changed.append(
            {
                "line_id": line.line_id,
                "price": amount(price, currency),
                "ssp": amount(ssp, currency),
                "quantity": None if quantity is None else str(quantity),
                "end_date": None if end is None else iso(end),
            }
        )

    def add(name: str, product: str, pattern: str, at_ssp: bool) -> None:
        usage = pattern == "USAGE"
        price = 0 if usage else story.money(200, 6_000)
        ssp = price if at_ssp or usage else price * 100 // draw.choice((70, 85, 120))
        start = date + draw.choice((0, 0, 0, 5))
        new = DraftLine(name, product, pattern, draw.randint(1, 40), price, ssp, start, line.end)
        new.signed, new.version = not at_ssp, version
        story.lines.append(new)
        added.append(new.as_json(currency))
        if price:
            billed.append((new, price))

    share = max(1, line.price * (line.end - date) // (line.end - line.start + 1) * draw.randint(10, 80) // 100)
    bundle = [x for x in story.lines if not x.distinct and x.running(date)]
    done = [x for x in story.lines if x.percent > 0 and not x.gone]
    kind = draw.choices(
        (
            "upgrade",
            "discounted upgrade",
            "add",
            "discounted add",
            "extend",
            "downgrade",
            "remove",
            "mixed",
            "catch up",
        ),
        (20, 22, 12, 12, 8, 8, 8, 8, 10),
    )[0]
    if kind == "upgrade":
        change(line.price + share, line.ssp + share, line.quantity + draw.randint(1, 20))
        requested = draw.choice((None, "SEPARATE_CONTRACT", "UNDETERMINED"))
    elif kind == "discounted upgrade":
        change(line.price + share, line.ssp + share * 100 // 80, line.quantity + draw.randint(1, 20))
        requested = draw.choice((None, "PROSPECTIVE"))
    elif kind == "add":
        add(f"A{version}", draw.choice(("analytics", "support")), "RATABLE_DAILY", at_ssp=True)
    elif kind == "discounted add":
        add(
            f"A{version}", "analytics", draw.choice(("RATABLE_DAILY", "RATABLE_MONTHLY", "POINT_IN_TIME")), at_ssp=False
        )
    elif kind == "extend":
        more = draw.choice((30, 61, 90))
        change(line.price + share // 2 + 1, line.ssp + share // 2 + 100, end=line.end + more)
    elif kind == "downgrade":
        change(line.price - share // 5, line.ssp - min(share // 5, line.ssp // 5), max(1, line.quantity - 1))
    elif kind == "remove" and len([x for x in running if x.signed]) > 1 and line.signed and line is not story.lines[0]:
        line.gone = True
        billed.append((line, -share))
        removed.append(line.line_id)
    elif kind == "catch up" and (bundle or done):
        line = draw.choice(bundle or done)
        change(line.price + max(1, line.price // 10), line.ssp + max(1, line.price // 12))
    else:
        change(line.price + share, line.ssp + share * 100 // 90, line.quantity + 1)
        add(f"A{version}", "support", "RATABLE_DAILY", at_ssp=True)
        if not any(x.pattern == "USAGE" for x in story.lines):
            add("U1", "usage", "USAGE", at_ssp=True)
    body: dict[str, Json] = {
        "added_lines": added,
        "changed_lines": changed,
        "removed_lines": removed,
        "requested_treatment": requested,
        "approved": True,
    }
    draft = Draft("ContractAmended", body, _when(story, date), date, version, story.crm)
    _change(story, draft)
    story.amendment_billing.extend((draft, line, delta) for line, delta in billed)
    return True


def _exercise(story: Story, date: int) -> bool:
    (option,) = records(story.changes[0].body, "options")
    version = len(story.changes) + 1
    body = wider.exercise(story, date, version) if date <= day(option, "expires_on") else None
    if body is None:
        return False
    draft = Draft("ContractAmended", body, _when(story, date), date, version, story.crm)
    _change(story, draft)
    story.amendment_billing.append((draft, story.lines[-1], story.lines[-1].price))
    return True


def _fulfil(story: Story, date: int) -> bool:
    line = next((x for x in story.lines if x.pattern == "POINT_IN_TIME" and not x.percent and x.start <= date), None)
    if line is None:
        return False
    line.percent = 100
    _pinned(
        story, "ObligationFulfilled", {"line_id": line.line_id, "percent": "100", "milestone": ""}, date, "delivery"
    )
    return True


def _milestone(story: Story, date: int) -> bool:
    line = next((x for x in story.lines if x.pattern == "MILESTONE" and x.percent < 100 and not x.gone), None)
    if line is None:
        return False
    line.percent = min(100, line.percent + story.random.choice((25, 30, 40, 50)))
    body: dict[str, Json] = {"line_id": line.line_id, "percent": str(line.percent), "milestone": f"M{line.percent}"}
    _pinned(story, "ObligationFulfilled", body, date, "delivery")
    return True


def _reduce_price(story: Story, date: int) -> bool:
    line = next((x for x in story.lines if x.ratable() and x.running(date)), None)
    if line is None:
        return False
    net = max(1, line.price * story.random.randint(1, 4) // 100)
    body: dict[str, Json] = {
        "credit_id": f"CR-{story.contract_id}-P{date}",
        "invoice_id": None,
        "currency": story.currency,
        "exchange_rate": "1",
        "lines": [
            {
                "line_id": line.line_id,
                "net": amount(net, story.currency),
                "taxes": [],
                "service_start": None,
                "service_end": None,
            }
        ],
        "effect": "PRICE_REDUCTION",
    }
    _pinned(story, "CreditIssued", body, date, story.billing)
    return True


def _estimate(story: Story, date: int) -> bool:
    line = next((x for x in story.lines if x.ratable() and x.running(date)), None)
    if line is None:
        return False
    whole = len(story.changes) == 1
    change = max(1, line.price // 50) * story.random.choice((-1, 1, 2))
    body: dict[str, Json] = {
        "line_id": None if whole else line.line_id,
        "price_change": amount(change, story.currency),
        "basis": "volume rebate, most likely amount",
    }
    _pinned(story, "EstimateChanged", body, date, "finance")
    return True


def _terminate(story: Story, date: int) -> None:
    version = len(story.changes) + 1
    first = story.lines[0]
    left = first.price * max(0, first.end - date) // (first.end - first.start + 1)
    refund = story.random.choice((0, left // 4, left // 3))
    fee = story.random.choice((0, 0, story.money(50, 500)))
    body: dict[str, Json] = {"refund": amount(refund, story.currency), "fee": amount(fee, story.currency)}
    draft = Draft("ContractTerminated", body, _when(story, date), date, version, story.crm)
    _change(story, draft)
    if refund:
        story.amendment_billing.append((draft, first, -refund))
    if fee:
        story.amendment_billing.append((draft, first, fee))


def _renew(story: Story, date: int) -> None:
    version = len(story.changes) + 1
    lines: list[DraftLine] = []
    for old in [x for x in story.lines if x.ratable() and x.signed and x.distinct and not x.gone][:2]:
        price = max(1, old.price * story.random.randint(95, 120) // 100)
        start = old.end + 1
        new = DraftLine(
            f"R{version}{old.line_id}", old.product, old.pattern, old.quantity, price, old.ssp, start, start + 364
        )
        new.signed, new.version = False, version
        lines.append(new)
    body: dict[str, Json] = {"lines": [line.as_json(story.currency) for line in lines], "approved": True}
    draft = Draft("ContractRenewed", body, _when(story, date), date, version, story.crm)
    _change(story, draft)
    story.lines.extend(lines)
    story.amendment_billing.extend((draft, line, line.price) for line in lines)
