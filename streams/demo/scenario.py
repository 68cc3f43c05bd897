"""The story that the demo plays: the year of three contracts, and what must come of every event.

The numbers are chosen so that an accountant can follow them in the head; tests/demo/golden holds what they lead to.
Every id and date is fixed. Pure data: knows no broker, no API and no accounting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from streams.core.money import period_end
from streams.demo.events import BILLING, CRM, DELIVERY, METERING, Event, Source, billed, period_closed, promise
from streams.records import AuditAction

KESTREL = Source("C-KESTREL", "Kestrel Robotics", "ACC-1042", "ACME-US", "USD")
BREMER = Source("C-BREMER", "Bremer Logistik", "ACC-2077", "ACME-DE", "EUR")
OSPREY = Source("C-OSPREY", "Osprey Foods", "ACC-1318", "ACME-US", "USD")
CONTRACTS = (KESTREL, BREMER, OSPREY)
ENTITIES = ("ACME-US", "ACME-DE")

EARLY_INVOICE = f"{BILLING}:INV-1002"
AMENDMENT = f"{CRM}:Q-7731"
PAID_TWICE = f"{BILLING}:PAY-9001"

JAN, DEC = "2026-01-01", "2026-12-31"


class Answer(Enum):
    """What the API must answer."""

    ACCEPTED = 202
    REFUSED = 422


@dataclass(frozen=True, slots=True)
class Outcome:
    """A step on the audit trail that must be seen before the story goes on."""

    contract_id: str
    event_id: str
    action: AuditAction


@dataclass(frozen=True, slots=True)
class Step:
    """A request to the API and what must come of it."""

    title: str
    events: tuple[Event, ...]
    outcomes: tuple[Outcome, ...] = ()
    answer: Answer = Answer.ACCEPTED


def steps() -> Iterator[Step]:
    """Tell the story in order; each step is sent when the outcomes of the one before are there."""
    yield _done("Three contracts are signed", _kestrel_signed(), _bremer_signed(), _osprey_signed())
    yield _done("Kestrel is invoiced for the year, with tax in two states; Osprey for half of its project", *_january())
    yield _payment_sent_twice()
    yield _close("2026-01", KESTREL, BREMER)
    yield _done("Kestrel's onboarding is delivered", _delivered())
    yield _close("2026-02", KESTREL, BREMER)
    yield _done(
        "Usage beyond Kestrel's plan is rated; Osprey's project reaches 40 %",
        _usage("USE-03", "2026-03-01", "2026-03-31", "640.00"),
        _progress("OSP-40", "2026-03-20", "40", "design accepted"),
    )
    yield _close("2026-03", KESTREL, BREMER, OSPREY)
    yield _done("The usage is invoiced in arrears", _usage_invoice("INV-1004", "2026-04-02", "640.00", "56.80"))
    yield _close("2026-04", KESTREL, BREMER)
    yield _done("Osprey widens its project, which is in progress", _osprey_widened())
    yield _close("2026-05", KESTREL, BREMER, OSPREY)
    yield _done("Bremer is billed for half a year in arrears, with German VAT", _half_year("RE-501", "2026-06-30"))
    yield _close("2026-06", KESTREL, BREMER)
    yield Step(
        "Billing sends the invoice of Kestrel's upgrade BEFORE the amendment is known: it must wait",
        (_upgrade_invoice(),),
        (Outcome(KESTREL.contract_id, EARLY_INVOICE, AuditAction.PARKED),),
    )
    yield Step(
        "The CRM sends the amendment: revenue is reallocated first, then the invoice is posted",
        (_upgrade(),),
        (
            Outcome(KESTREL.contract_id, AMENDMENT, AuditAction.REVENUE_ACCEPTED),
            Outcome(KESTREL.contract_id, EARLY_INVOICE, AuditAction.RELEASED),
            Outcome(KESTREL.contract_id, EARLY_INVOICE, AuditAction.POSTED),
        ),
    )
    yield Step("Bremer's payment is reported malformed: the API refuses it", (_malformed(),), answer=Answer.REFUSED)
    yield _done("Kestrel pays, and Bremer's payment is sent again, corrected", *_july_payments())
    yield _close("2026-07", KESTREL, BREMER)
    yield _done("More usage is rated", _usage("USE-08", "2026-08-01", "2026-08-31", "1150.00"))
    yield _close("2026-08", KESTREL, BREMER)
    yield _done(
        "The usage is invoiced; an outage costs a credit of 300 on Kestrel's support",
        _usage_invoice("INV-1005", "2026-09-02", "1150.00", "102.06"),
        _outage_credit(),
    )
    yield _close("2026-09", KESTREL, BREMER)
    yield _done("Osprey's project is finished and invoiced", *_osprey_finished())
    yield _close("2026-10", KESTREL, BREMER, OSPREY)
    yield _close("2026-11", KESTREL, BREMER)
    yield _done("Bremer is billed for the second half", _half_year("RE-502", "2026-12-31"))
    yield _close("2026-12", KESTREL, BREMER)


# --- kinds of step ---------------------------------------------------------------------------------------------------


def _done(title: str, *events: Event) -> Step:
    return Step(title, events, tuple(_end_of(event) for event in events))


def _end_of(event: Event) -> Outcome:
    """What moves money ends in the ledger; what changes a promise ends with revenue's acknowledgment."""
    context, body = event["context"], event["body"]
    assert isinstance(context, dict)
    assert isinstance(body, dict)
    posts = {"InvoiceIssued", "CreditIssued", "PaymentReceived", "RefundIssued"} & set(body)
    action = AuditAction.POSTED if posts else AuditAction.REVENUE_ACCEPTED
    return Outcome(str(context["contract_id"]), str(event["event_id"]), action)


def _close(period: str, *earning: Source) -> Step:
    """Close a month for both entities; revenue of the contracts that earn something in it is posted."""
    last_day = period_end(period).isoformat()
    closes = {entity: period_closed(entity, period, last_day) for entity in ENTITIES}
    outcomes = []
    for contract in CONTRACTS:
        action = AuditAction.POSTED if contract in earning else AuditAction.REVENUE_ACCEPTED
        event_id = str(closes[contract.legal_entity]["event_id"])
        outcomes.append(Outcome(contract.contract_id, event_id, action))
    return Step(f"{period} is closed: revenue of the month is recognised", tuple(closes.values()), tuple(outcomes))


# --- Kestrel: annual subscription, US dollars ------------------------------------------------------------------------


def _kestrel_signed() -> Event:
    """47,300 for what sells alone for 59,125: everything is 80 % of its stand-alone selling price.

    Onboarding is given away in the quote, yet it is a promise and takes its share.
    """
    lines = [
        promise("PLAT", "platform", "RATABLE_DAILY", "41300.00", "45625.00", JAN, DEC) | {"quantity": "100"},
        promise("ONB", "services", "POINT_IN_TIME", "0.00", "6000.00", JAN, DEC),
        promise("SUP", "support", "RATABLE_MONTHLY", "6000.00", "7500.00", JAN, DEC),
        promise("API", "usage", "USAGE", "0", "0", JAN, DEC),
    ]
    body: Event = {
        "ContractSigned": {"currency": "USD", "lines": lines, "billing_terms": {"frequency": "UPFRONT"}},
    }
    return KESTREL.event(CRM, "Q-7001", JAN, body)


def _january() -> tuple[Event, ...]:
    upfront = KESTREL.invoice(
        "INV-1001",
        "2026-01-02",
        # 60 of 100 seats are in California (7.25 %), 40 in New York (8.875 %).
        billed("PLAT", "41300.00", US_CA="1796.55", US_NY="1466.15"),
        billed("SUP", "6000.00"),
    )
    deposit = OSPREY.invoice("INV-2001", "2026-01-15", billed("PRJ", "10000.00", US_NY="887.50"))
    return upfront, deposit


def _payment_sent_twice() -> Step:
    paid = KESTREL.payment("PAY-9001", "2026-01-28", "INV-1001", "50562.70")
    contract_id = KESTREL.contract_id
    return Step(
        "Kestrel pays, and the payment provider's webhook delivers it twice",
        (paid, paid),
        (
            Outcome(contract_id, PAID_TWICE, AuditAction.POSTED),
            Outcome(contract_id, PAID_TWICE, AuditAction.DUPLICATE),
        ),
    )


def _malformed() -> Event:
    """An amount as German writes it, and a field's name misspelt."""
    body: Event = {
        "PaymentReceived": {
            "payment_id": "PAY-9004",
            "invoice_id": "RE-501",
            "amount": "14.280,00",
            "curency": "EUR",
        }
    }
    return BREMER.event(BILLING, "PAY-9004", "2026-07-30", body)


def _delivered() -> Event:
    return KESTREL.event(
        DELIVERY, "ONB-77", "2026-02-13", {"ObligationFulfilled": {"line_id": "ONB", "percent": "100"}}
    )


def _usage(transaction: str, first: str, last: str, amount: str) -> Event:
    body: Event = {
        "UsageRated": {
            "line_id": "API",
            "usage_start": first,
            "usage_end": last,
            "quantity": "128000",
            "amount": amount,
            "tier": "over 100k calls",
        }
    }
    return KESTREL.event(METERING, transaction, last, body)


def _usage_invoice(number: str, day: str, net: str, tax: str) -> Event:
    return KESTREL.invoice(number, day, billed("API", net, US_NY=tax))


def _upgrade_invoice() -> Event:
    """Prorated from 1 July: 3,225.00 of it in California, 2,150.00 in New York."""
    return KESTREL.invoice(
        "INV-1002", "2026-07-01", billed("PLAT", "5375.00", US_CA="233.81", US_NY="190.81"), version=2
    )


def _upgrade() -> Event:
    """150 seats instead of 100 from 1 July, for 5,375 more: less than half of what 50 seats sell for alone.

    Prospective: what is left, 18,400 + 3,000 + 5,375 = 26,775, over remaining stand-alone prices of 34,500 + 3,750:
    everything is 70 % of its stand-alone price from now on.
    """
    body: Event = {
        "ContractAmended": {
            "changed_lines": [{"line_id": "PLAT", "price": "46675.00", "ssp": "68437.50", "quantity": "150"}],
        }
    }
    return KESTREL.event(CRM, "Q-7731", "2026-07-01", body, version=2)


def _july_payments() -> tuple[Event, ...]:
    return (
        KESTREL.payment("PAY-9003", "2026-07-28", "INV-1002", "5799.62"),
        BREMER.payment("PAY-9004", "2026-07-30", "RE-501", "14280.00"),
    )


def _outage_credit() -> Event:
    body: Event = {
        "CreditIssued": {
            "credit_id": "CN-301",
            "invoice_id": "INV-1001",
            "currency": "USD",
            "lines": [billed("SUP", "300.00")],
            "effect": "PRICE_REDUCTION",
        }
    }
    return KESTREL.event(BILLING, "CN-301", "2026-09-15", body, version=2)


# --- Bremer: annual subscription of the German entity, billed in arrears ---------------------------------------------


def _bremer_signed() -> Event:
    lines = [promise("ANA", "analytics", "RATABLE_MONTHLY", "24000.00", "24000.00", JAN, DEC)]
    body: Event = {
        "ContractSigned": {"currency": "EUR", "lines": lines, "billing_terms": {"frequency": "IN_ARREARS"}},
    }
    return BREMER.event(CRM, "Q-7002", JAN, body)


def _half_year(number: str, day: str) -> Event:
    return BREMER.invoice(number, day, billed("ANA", "12000.00", DE="2280.00"))


# --- Osprey: a project by milestones ---------------------------------------------------------------------------------


def _osprey_signed() -> Event:
    lines = [promise("PRJ", "services", "MILESTONE", "20000.00", "20000.00", "2026-01-15", DEC)]
    return OSPREY.event(CRM, "Q-7003", "2026-01-15", {"ContractSigned": {"currency": "USD", "lines": lines}})


def _progress(transaction: str, day: str, percent: str, milestone: str, *, version: int = 1) -> Event:
    body: Event = {"ObligationFulfilled": {"line_id": "PRJ", "percent": percent, "milestone": milestone}}
    return OSPREY.event(DELIVERY, transaction, day, body, version=version)


def _osprey_widened() -> Event:
    """5,000 more for the same project: 40 % of it is performed already, so 2,000 are caught up in May."""
    body: Event = {
        "ContractAmended": {"changed_lines": [{"line_id": "PRJ", "price": "25000.00", "ssp": "25000.00"}]},
    }
    return OSPREY.event(CRM, "Q-7654", "2026-05-04", body, version=2)


def _osprey_finished() -> tuple[Event, ...]:
    return (
        _progress("OSP-100", "2026-10-15", "100", "handed over", version=2),
        OSPREY.invoice("INV-2002", "2026-10-16", billed("PRJ", "15000.00", US_NY="1331.25"), version=2),
    )
