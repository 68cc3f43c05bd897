"""Examples 39, 40 and 42: what is a contract asset, what a receivable, and what remains (606-10-45-1 to 5, 50-13)."""

from __future__ import annotations

from decimal import Decimal

from tests.revenue.examples.told import Told, line


def test_39_what_is_performed_before_it_may_be_invoiced_is_a_contract_asset() -> None:
    """Products A (400) and B (600) for 1,000, which is due only once both are delivered."""
    told = Told().sign(line("A", "POINT_IN_TIME", "400"), line("B", "POINT_IN_TIME", "600"))
    told.tell("ObligationFulfilled", "2026-01-15", line_id="A", percent="100").close("2026-01")
    first = told.run()
    assert (first.recognised, first.balance("contract asset"), first.balance("receivable")) == (
        "400.00",
        "400.00",
        "0.00",
    )
    told.tell("ObligationFulfilled", "2026-02-20", line_id="B", percent="100")
    told.bill("2026-02-20", A="400", B="600").close("2026-02")
    then = told.run()
    assert (then.recognised, then.balance("contract asset"), then.balance("receivable")) == (
        "1000.00",
        "0.00",
        "1000.00",
    )


def test_40_units_invoiced_above_the_price_expected_leave_a_liability_for_the_rebate() -> None:
    """Units for 150, 125 for all once a million is bought, which is expected: 100 are shipped and invoiced at 150."""
    million = line("UNITS", "UNITS", "125000000", quantity="1000000")
    told = Told().sign(million)
    told.tell("ObligationFulfilled", "2026-01-20", line_id="UNITS", units="100").bill("2026-01-20", UNITS="15000")
    result = told.close("2026-01").run()
    assert (result.recognised, result.balance("receivable"), result.balance("contract liability")) == (
        "12500.00",
        "15000.00",
        "-2500.00",
    )


def by_year(months: dict[str, str]) -> dict[str, Decimal]:
    """Return a schedule by year."""
    years: dict[str, Decimal] = {}
    for month, amount in months.items():
        years[month[:4]] = years.get(month[:4], Decimal(0)) + Decimal(amount)
    return years


def test_42_what_remains_to_be_earned_by_year_is_what_the_schedule_says() -> None:
    """Cleaning for two years.

    A: hours that may be invoiced as they are done have no price to come. B: 400 a month from March 2026: 4,800 and 800
    remain at the end of the year. C: 100 a month from July 2026 and a one-time bonus, estimated at 750 of up to 1,000:
    1,575 and 788 remain.
    """
    hours = Told().sign(line("HOURS", "AS_INVOICED", "0", end_date="2027-12-31")).bill("2026-01-31", HOURS="250")
    assert by_year(hours.run().months("HOURS")) == {"2026": 250}
    fixed = line("CLEANING", "RATABLE_MONTHLY", "9600", start_date="2026-03-01", end_date="2028-02-29")
    years = by_year(Told().sign(fixed).run().months("CLEANING"))
    assert (years["2027"], years["2028"]) == (Decimal(4800), Decimal(800))
    both = line("CLEANING", "RATABLE_MONTHLY", "2400", start_date="2026-07-01", end_date="2028-06-30")
    bonus = {"variable_id": "BONUS", "outcomes": [{"amount": "750", "probability": "1"}]}
    result = Told().sign(both, variable=[bonus]).run()
    years = by_year(result.months("CLEANING"))
    assert (result.price, years["2027"], years["2028"]) == ("3150.00", Decimal("1575.00"), Decimal("787.50"))
