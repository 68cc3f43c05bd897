"""Usage that is corrected below a later re-rating: what is rated in all is never less than nothing."""

from __future__ import annotations

import pytest

from connectors.revenue.embedded.refusal import RefusalCode
from tests.revenue.commands import MONTHLY, USAGE, Contract, establish, line, undo, usage
from tests.revenue.examples.told import Told
from tests.revenue.examples.told import line as told_line


def re_rated(amount: str, price: str = "0", months: int = 0) -> Told:
    """100 units for 1,000, which a volume tier re-rates by 200; then the first turn out to be another amount."""
    told = Told().sign(told_line("API", "USAGE", price, commitment_months=months))
    told.use("2026-01-31", "API", "1000", "100").use("2026-01-31", "API", "-200", "0")
    told.use("2026-01-31", "API", amount, "100")
    told.events[-1]["supersedes"] = "T2"
    return told


def test_usage_is_corrected_as_long_as_the_re_rating_leaves_nothing_below_zero() -> None:
    result = re_rated("200").close("2026-01").run()
    assert (result.price, result.recognised) == ("0.00", "0.00")
    assert re_rated("900").run().months("API") == {"2026-01": "700.00"}


@pytest.mark.parametrize(("price", "months"), [("0", 0), ("100", 1)])
def test_a_correction_below_the_re_rating_is_refused_and_what_it_corrects_stands(price: str, months: int) -> None:
    told = re_rated("199.99", price, months).close("2026-01")
    document = told.document()
    (exception,) = document["exceptions"]
    assert "-0.01" in exception["message"]
    assert "re-rating first" in exception["message"]
    (contract,) = document["contracts"]
    assert contract["recognised"] == "800.00"
    # Once the re-rating is corrected, the usage can be, by a transaction of its own.
    told = re_rated("199.99", price, months)
    told.use("2026-01-31", "API", "-100", "0")
    told.events[-1]["supersedes"] = "T3"
    told.use("2026-01-31", "API", "150", "100")
    told.events[-1]["supersedes"] = "T2"
    document = told.document()
    assert len(document["exceptions"]) == 1
    assert {month["period"]: month["amount"] for month in document["contracts"][0]["schedule"]}["2026-01"] == (
        "50.00" if not months else "100.00"
    )


def test_usage_that_is_taken_back_for_good_leaves_nothing_below_zero() -> None:
    contract = Contract()
    contract.do(establish(line("L", "1200", pattern=MONTHLY), line("U", "0", pattern=USAGE)))
    contract.do(usage("U", "1000", "2026-01-31"))
    contract.do(usage("U", "-200", "2026-02-28"))
    answer = contract.refused(undo("c2"), "2026-03-01")
    assert answer.code == RefusalCode.AMOUNT_INVALID
    contract.do(undo("c3"), "2026-03-01")
    assert str(contract.do(undo("c2"), "2026-03-01").transaction_price) == "1200.00"
