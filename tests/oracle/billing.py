"""The billing side of a generated contract: invoices, corrections, credits, payments, refunds, usage and its invoices.

Nothing here is pinned but pairs of a document and its correction; all of it is optional, so that a history can be cut
to a number of events.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.drafts import DAY, JURISDICTIONS, Draft, DraftLine, Story, amount, iso
from tests.oracle.reading import Json, last_day, month_of


@dataclass(frozen=True)
class BillingRates:
    """How often what happens, as probabilities."""

    paid: float = 0.85
    paid_in_two: float = 0.1
    refunded: float = 0.03
    credited: float = 0.04
    corrected: float = 0.05
    usage_corrected: float = 0.0
    two_regions: float = 0.25


@dataclass(frozen=True)
class Billed:
    """A line on a document: what of it is billed and for when."""

    line: DraftLine
    net: int
    start: int
    end: int


def bill(story: Story, rates: BillingRates, invoices_wanted: int, until: int) -> None:
    """Draft all billing up to a day."""
    frequency = "UPFRONT" if invoices_wanted <= 3 else "QUARTERLY" if invoices_wanted <= 8 else "MONTHLY"
    _planned(story, rates, frequency, until)
    for change, line, delta in story.amendment_billing:
        minute = max(change.at, change.effective * DAY) + story.random.randint(60, 3 * DAY)
        date = minute // DAY
        if date > until:
            continue
        lines = [Billed(line, abs(delta), max(change.effective, line.start), max(line.end, change.effective))]
        if delta > 0:
            _invoice(story, rates, lines, minute, date, until)
        else:
            _credit(story, lines, minute, date, None)
    _usage(story, rates, until)
    _work(story, rates, until)


def _planned(story: Story, rates: BillingRates, frequency: str, until: int) -> None:
    """Bill the signed lines in equal parts over the term; the last part takes what is left."""
    lines = [line for line in story.lines if line.line_id in story.signed_prices]
    start = min(line.start for line in lines)
    end = max(story.signed_ends[line.line_id] for line in lines)
    step = {"UPFRONT": 1000, "QUARTERLY": 3, "MONTHLY": 1}[frequency]
    months = list(range(month_of(start), month_of(end) + 1, step))
    stop = story.terminated_at()
    for number, month in enumerate(months):
        date = start if number == 0 else last_day(month - 1) + 1
        minute = date * DAY + story.random.randint(360, 1200)
        if date > until or (stop is not None and minute > stop):
            return
        parts = [
            Billed(
                line,
                story.signed_prices[line.line_id] * (number + 1) // len(months)
                - story.signed_prices[line.line_id] * number // len(months),
                date,
                min(end, last_day(month + step - 1)),
            )
            for line in lines
            if not line.gone
        ]
        parts = [part for part in parts if part.net > 0]
        if parts:
            _invoice(story, rates, parts, max(minute, story.changes[0].at + 30), date, until)


def _work(story: Story, rates: BillingRates, until: int) -> None:
    """Bill by the month the work that is earned as it may be invoiced."""
    stop = story.terminated_at()
    for line in [x for x in story.lines if x.pattern == "AS_INVOICED"]:
        for month in range(month_of(line.start), month_of(line.end) + 1):
            first, last = max(line.start, last_day(month - 1) + 1), min(line.end, last_day(month))
            minute = (last + 1) * DAY + story.random.randint(60, 9 * DAY)
            if minute // DAY > until or (stop is not None and minute > stop):
                break
            if story.random.random() < 0.7:
                worked = Billed(line, story.money(50, 2_000), first, last)
                _invoice(story, rates, [worked], minute, minute // DAY, until)


def _document_lines(story: Story, lines: list[Billed], regions: int) -> tuple[list[Json], int]:
    """Return the lines of a document with their taxes, and its gross amount."""
    found: list[Json] = []
    gross = 0
    jurisdictions = JURISDICTIONS[story.entity]
    first = story.index % len(jurisdictions)
    chosen = [jurisdictions[(first + n) % len(jurisdictions)] for n in range(min(regions, len(jurisdictions)))]
    for billed in lines:
        bases = [billed.net] if len(chosen) == 1 else [billed.net * 3 // 5, billed.net - billed.net * 3 // 5]
        taxes: list[Json] = []
        gross += billed.net
        for (jurisdiction, rate), base in zip(chosen, bases, strict=True):
            tax = base * rate // 10_000
            gross += tax
            taxes.append({"jurisdiction": jurisdiction, "amount": amount(tax, story.currency)})
        found.append(
            {
                "line_id": billed.line.line_id,
                "net": amount(billed.net, story.currency),
                "taxes": taxes,
                "service_start": iso(billed.start),
                "service_end": iso(billed.end),
            }
        )
    return found, gross


def _optional(story: Story, kind: str, body: dict[str, Json], minute: int, date: int, needs: Draft | None) -> Draft:
    draft = Draft(kind, body, minute, date, story.version_at(minute), story.billing, needs=needs)
    story.optional.append(draft)
    return draft


def _invoice(
    story: Story,
    rates: BillingRates,
    lines: list[Billed],
    minute: int,
    date: int,
    until: int,
    needs: Draft | None = None,
) -> None:
    draw = story.random
    regions = 2 if draw.random() < rates.two_regions else 1
    number = f"INV-{story.contract_id}-{len(story.optional)}"

    def document(name: str, billed: list[Billed], due: int) -> tuple[dict[str, Json], int]:
        found, gross = _document_lines(story, billed, regions)
        body: dict[str, Json] = {
            "invoice_id": name,
            "currency": story.currency,
            "exchange_rate": "1",
            "lines": found,
            "due_date": iso(due + 30),
        }
        return body, gross

    body, gross = document(number, lines, date)
    invoice = _optional(story, "InvoiceIssued", body, minute, date, needs)
    if draw.random() < rates.corrected:
        at = minute + draw.randint(DAY, 8 * DAY)
        if at // DAY <= until:
            smaller = [Billed(b.line, max(1, b.net * draw.randint(80, 99) // 100), b.start, b.end) for b in lines]
            number = f"{number}-C"
            body, gross = document(number, smaller, at // DAY)
            correction = _optional(story, "InvoiceIssued", body, at, at // DAY, invoice)
            correction.supersedes = invoice
            invoice, minute = correction, at
    elif draw.random() < rates.credited:
        at = minute + draw.randint(DAY, 20 * DAY)
        if at // DAY <= until:
            part = [Billed(lines[0].line, max(1, lines[0].net // draw.randint(5, 20)), lines[0].start, lines[0].end)]
            gross -= _credit(story, part, at, at // DAY, number, needs=invoice)
    if draw.random() < rates.paid:
        _pay(story, rates, invoice, number, gross, minute, until)


def _credit(
    story: Story, lines: list[Billed], minute: int, date: int, invoice: str | None, needs: Draft | None = None
) -> int:
    found, gross = _document_lines(story, lines, 1)
    body: dict[str, Json] = {
        "credit_id": f"CR-{story.contract_id}-{len(story.optional)}",
        "invoice_id": invoice,
        "currency": story.currency,
        "exchange_rate": "1",
        "lines": found,
        "effect": "BILLING_ONLY",
    }
    _optional(story, "CreditIssued", body, minute, date, needs)
    return gross


def _pay(story: Story, rates: BillingRates, invoice: Draft, number: str, gross: int, minute: int, until: int) -> None:
    draw = story.random
    parts = [gross // 3, gross - gross // 3] if gross > 10 and draw.random() < rates.paid_in_two else [gross]
    at = minute
    for part in parts:
        at += draw.randint(3 * DAY, 40 * DAY)
        if at // DAY > until or part <= 0:
            return
        payment = _optional(story, "PaymentReceived", payment_body(story, number, part), at, at // DAY, invoice)
        if draw.random() < rates.refunded:
            back = at + draw.randint(DAY, 30 * DAY)
            if back // DAY <= until:
                body = {
                    "refund_id": f"RF-{story.contract_id}-{len(story.optional)}",
                    "invoice_id": number,
                    "amount": amount(max(1, part // 10), story.currency),
                    "currency": story.currency,
                    "exchange_rate": "1",
                }
                _optional(story, "RefundIssued", dict(body), back, back // DAY, payment)


def payment_body(story: Story, invoice: str, units: int) -> dict[str, Json]:
    """Return the body of a payment."""
    return {
        "payment_id": f"PY-{story.contract_id}-{len(story.optional)}",
        "invoice_id": invoice,
        "amount": amount(units, story.currency),
        "currency": story.currency,
        "exchange_rate": "1",
    }


def _usage_body(story: Story, line: DraftLine, units: int, tier: str, first: int, last: int) -> dict[str, Json]:
    return {
        "line_id": line.line_id,
        "usage_start": iso(first),
        "usage_end": iso(last),
        "quantity": str(units // 7 + 1),
        "amount": amount(units, story.currency),
        "tier": tier,
    }


def _usage(story: Story, rates: BillingRates, until: int) -> None:
    """Rate usage by the month and bill it in arrears."""
    draw = story.random
    stop = story.terminated_at()
    for line in [x for x in story.lines if x.pattern == "USAGE"]:
        for month in range(month_of(line.start), month_of(line.end) + 1):
            first, last = max(line.start, last_day(month - 1) + 1), min(line.end, last_day(month))
            minute = (last + 1) * DAY + draw.randint(60, 2 * DAY)
            if minute // DAY > until or (stop is not None and minute > stop):
                break
            if story.version_at(minute) < line.version:
                continue
            units = story.money(5, 900)

            used = _usage_body(story, line, units, "overage", first, last)
            rated = _optional(story, "UsageRated", used, minute, last, None)
            rated.source = "metering"
            if draw.random() < rates.usage_corrected:
                again = minute + draw.randint(60, DAY)
                if again // DAY <= until and (stop is None or again < stop):
                    units = units * 9 // 10 + 1
                    used = _usage_body(story, line, units, "corrected", first, last)
                    correction = _optional(story, "UsageRated", used, again, last, rated)
                    correction.source, correction.supersedes = "metering", rated
                    rated, minute = correction, again
            if draw.random() < 0.8:
                at = minute + draw.randint(60, 2 * DAY)
                if at // DAY <= until:
                    _invoice(story, rates, [Billed(line, units, first, last)], at, at // DAY, until, needs=rated)
