"""Books in another currency than the contract's, worked by hand (docs/accounting.md section 11)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from tests.oracle.batch import calculate_with
from tests.oracle.cases import CONFIG, Case, document, line
from tests.oracle.chart import read_chart
from tests.oracle.rates import Rates
from tests.oracle.reading import Json, day_number

DE = "ACME-DE"
CLOSING = {"2026-01-31": "0.92", "2026-02-28": "0.92", "2026-03-31": "0.93", "2026-04-30": "0.97"}


class Abroad(Case):
    """A contract of ACME-DE in US dollars."""

    def tell(self, kind: str, on: str, body: dict[str, Json]) -> Abroad:
        self.add(kind, on, body, entity=DE)
        return self

    def sign_for(self, *lines: dict[str, Json]) -> Abroad:
        return self.tell("ContractSigned", "2026-01-01", {"currency": "USD", "lines": list(lines)})

    def bill(self, on: str, net: str, rate: str, number: str) -> Abroad:
        return self.tell("InvoiceIssued", on, document("L1", net, number=number) | {"exchange_rate": rate})

    def pay(self, on: str, amount: str, rate: str, number: str, kind: str = "PaymentReceived") -> Abroad:
        name = "payment_id" if kind == "PaymentReceived" else "refund_id"
        body: dict[str, Json] = {name: on, "invoice_id": number, "amount": amount, "currency": "USD"}
        return self.tell(kind, on, body | {"exchange_rate": rate})

    def books(self, entity: str = DE) -> dict[str, str]:
        rates = {day_number(day): Fraction(rate) for day, rate in CLOSING.items()}
        table = Rates(31, {("USD", "EUR"): rates, ("USD", "JPY"): {day_number("2026-01-15"): Fraction(150)}})
        result = calculate_with(self.events, replace(read_chart(CONFIG), rates=table))
        assert (result.rejected, result.parked) == ({}, frozenset())
        found = result.functional_balances
        return {account: str(amount) for (where, account, _), amount in found.items() if where == entity}


def test_the_worked_example_of_the_document() -> None:
    three_months = line("L1", "1200", pattern="RATABLE_MONTHLY", start_date="2026-01-01", end_date="2026-03-31")
    case = Abroad().sign_for(three_months).bill("2026-01-01", "1200", "0.90", "I1")
    assert case.books() == {"1100": "1080.00", "2100": "-1080.00"}
    case.close("2026-01", entity=DE)
    assert case.books() == {"1100": "1104.00", "2100": "-720.00", "4010": "-360.00", "4900": "-24.00"}
    case.close("2026-02", entity=DE)
    case.pay("2026-03-10", "900", "0.95", "I1")
    assert case.books() == {"1000": "855.00", "1100": "276.00", "2100": "-360.00", "4010": "-720.00", "4900": "-51.00"}
    credit = document("L1", "300") | {"credit_id": "K1", "exchange_rate": "0.94", "effect": "BILLING_ONLY"}
    case.tell("CreditIssued", "2026-03-20", credit)
    assert case.books() == {"1000": "855.00", "2100": "-90.00", "4010": "-720.00", "4900": "-51.00", "7900": "6.00"}
    case.close("2026-03", entity=DE)
    assert case.books() == {"1000": "855.00", "1200": "279.00", "4010": "-1089.00", "4900": "-51.00", "7900": "6.00"}
    case.bill("2026-04-10", "300", "0.96", "I2")
    assert case.books() == {"1000": "855.00", "1100": "288.00", "4010": "-1089.00", "4900": "-60.00", "7900": "6.00"}
    case.close("2026-04", entity=DE)
    case.pay("2026-05-05", "300", "0.91", "I2")
    assert case.books() == {"1000": "1128.00", "4010": "-1089.00", "4900": "-63.00", "7900": "24.00"}


def test_an_advance_that_is_used_up_is_revenue_at_the_rate_of_the_advance_whatever_the_rates_since() -> None:
    case = Abroad().sign_for(line("L1", "90", start_date="2026-01-01", end_date="2026-03-31"))
    case.bill("2026-01-01", "90", "0.80", "I1").pay("2026-01-02", "90", "0.80", "I1")
    case.close("2026-01", "2026-02", "2026-03", entity=DE)
    assert case.books() == {"1000": "72.00", "4010": "-72.00"}


def test_what_an_entity_performs_is_owed_at_the_closing_rate_in_the_books_of_both() -> None:
    """90 dollars of an advance at 0.80 are used up; the other entity is owed them at 0.92, and at 150 in its books."""
    other = line("L1", "90", start_date="2026-01-01", end_date="2026-01-31", legal_entity="ACME-JP")
    case = Abroad().sign_for(other)
    case.bill("2026-01-01", "90", "0.80", "I1").pay("2026-01-02", "90", "0.80", "I1").close("2026-01", entity="ACME-JP")
    assert case.books() == {"1000": "72.00", "2300": "-82.80", "7900": "10.80"}
    assert case.books("ACME-JP") == {"1300": "13500", "4010": "-13500"}
