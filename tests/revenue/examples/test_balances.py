"""Examples 39 and 40: when what is performed is a contract asset, and when a receivable (606-10-45-1 to 5)."""

from __future__ import annotations

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
