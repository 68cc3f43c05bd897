"""The worked examples come out as an accountant works them out, and as their pages show them.

`TIEOUT_WRITE_GOLDEN=1 pytest tests/revenue/test_worked_examples.py` writes the pages again; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.records import AccountingTreatment as Treatment
from tests.revenue import worked_examples as examples
from tests.revenue.commands import allocated, months

GOLDEN = Path(__file__).parent / "golden"


def year(amount: str, first: int = 1, last: int = 12, of: int = 2026) -> dict[str, str]:
    return {f"{of}-{month:02d}": amount for month in range(first, last + 1)}


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_an_example_reads_as_its_page(name: str) -> None:
    page = examples.EXAMPLES[name]().page()
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TIEOUT_WRITE_GOLDEN"):
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")


def test_every_page_has_its_example() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(examples.EXAMPLES)


def test_a_daily_subscription_earns_every_day_the_same() -> None:
    signed, billed, run = examples.annual_subscription().answers
    # 1200 / 365 a day: by 31 January 101.9178, by 28 February 59 days 193.9726, by 31 March 90 days 295.8904.
    assert list(months(signed, "L1").values())[:3] == ["101.92", "92.05", "101.92"]
    assert str(sum(entry.amount for entry in signed.schedule)) == "1200.00"
    assert (str(billed.billed_total), billed.schedule, billed.allocations) == ("1200.00", (), ())
    assert [str(entry.amount) for entry in run.recognised] == ["101.92"]
    assert str(run.recognised_total) == "101.92"


def test_a_discount_is_shared_by_stand_alone_selling_price() -> None:
    signed, delivered = examples.bundle_with_discount().answers
    # 1200 * 1200 / 1500 = 960; 1200 * 300 / 1500 = 240.
    assert allocated(signed) == {"SUB": "960.00", "ONB": "240.00"}
    assert months(signed, "SUB") == year("80.00")
    assert [str(entry.unscheduled) for entry in signed.allocations] == ["0.00", "240.00"]
    assert months(delivered, "ONB") == {"2026-02": "240.00"}


def test_units_added_at_ssp_leave_the_old_schedule_alone() -> None:
    _, amended = examples.upgrade_at_ssp().answers
    assert amended.treatment is Treatment.SEPARATE_CONTRACT
    assert months(amended, "L1") == year("100.00")
    assert months(amended, "L1@v2") == year("50.00", first=7)


def test_units_added_below_ssp_blend_with_what_remains() -> None:
    _, amended = examples.upgrade_below_ssp().answers
    # Unearned 600 + 240 over 6 months.
    assert amended.treatment is Treatment.PROSPECTIVE
    assert months(amended, "L1") == {**year("100.00", last=6), **year("140.00", first=7)}


def test_a_project_in_progress_is_caught_up() -> None:
    _, performed, amended, done = examples.milestone_change().answers
    assert months(performed, "P") == {"2026-02": "4000.00"}
    # 2000 more, 40 % of it performed already.
    assert amended.treatment is Treatment.CUMULATIVE_CATCH_UP
    assert months(amended, "P") == {"2026-02": "4000.00", "2026-03": "800.00"}
    assert months(done, "P") == {"2026-02": "4000.00", "2026-03": "800.00", "2026-06": "7200.00"}


def test_every_item_of_an_amendment_has_its_own_treatment() -> None:
    amended = examples.mixed().answers[-1]
    assert amended.treatment is Treatment.MIXED
    assert {decision.line_id: decision.treatment for decision in amended.decisions} == {
        "SUP": Treatment.SEPARATE_CONTRACT,
        "S": Treatment.PROSPECTIVE,
        "P": Treatment.CUMULATIVE_CATCH_UP,
    }
    assert months(amended, "S") == {**year("100.00", last=6), **year("140.00", first=7)}
    assert months(amended, "P") == {"2026-02": "4000.00", "2026-07": "800.00"}
    assert months(amended, "SUP") == year("100.00", first=7)


def test_a_removed_line_leaves_its_discount_to_what_remains() -> None:
    signed, removed = examples.removal().answers
    # A 1800 * 1200 / 2000 = 1080, B 720: 90 and 60 a month.
    assert allocated(signed) == {"A": "1080.00", "B": "720.00"}
    # B earned 360 of 720, so half of its price of 600 falls away; A gets 540 + (360 - 300) over 6 months.
    assert str(removed.transaction_price) == "1500.00"
    assert allocated(removed) == {"A": "1140.00", "B": "360.00"}
    assert months(removed, "A") == {**year("90.00", last=6), **year("100.00", first=7)}
    assert months(removed, "B") == year("60.00", last=6)


def test_a_termination_earns_what_is_neither_earned_nor_given_back() -> None:
    refunded = examples.termination_with_refund().answers[-1]
    # Unearned 600 - 500 + 100 on top of June's 100.
    assert months(refunded, "L1") == {**year("100.00", last=5), "2026-06": "300.00"}
    assert str(refunded.transaction_price) == "800.00"
    kept = examples.termination_without_refund().answers[-1]
    assert months(kept, "A") == {**year("100.00", last=5), "2026-06": "700.00"}
    assert months(kept, "B") == {"2026-06": "600.00"}
    assert kept.treatment is Treatment.TERMINATION


def test_usage_belongs_to_the_period_of_use() -> None:
    *_, used, run = examples.usage_overage().answers
    assert months(used, "U") == {"2026-01": "150.25", "2026-02": "99.75"}
    assert str(used.transaction_price) == "1450.00"
    assert {entry.obligation_id: str(entry.amount) for entry in run.recognised} == {"L1": "200.00", "U": "250.00"}


def test_days_and_months_earn_the_same_price_differently() -> None:
    (signed,) = examples.by_day_and_by_month().answers
    # 10 a day: 17, 28, 31 and 14 days.
    assert list(months(signed, "DAY").values()) == ["170.00", "280.00", "310.00", "140.00"]
    assert list(months(signed, "MONTH").values()) == ["225.00"] * 4


def test_rounding_is_to_the_minor_unit_and_cumulative() -> None:
    (in_yen,) = examples.yen().answers
    assert list(months(in_yen, "L1").values()) == ["8333", "8334", "8333"] * 4
    (in_dinar,) = examples.dinar().answers
    assert list(months(in_dinar, "L1").values()) == ["33.333", "33.334", "33.333"]


def test_a_price_reduction_is_caught_up_for_what_was_performed() -> None:
    *_, credited = examples.credit_reduces_price().answers
    # Half of -120 on 1 July; what remains is 1080 - 540 over 6 months.
    assert credited.treatment is Treatment.PRICE_CHANGE
    assert months(credited, "L1") == {**year("100.00", last=6), "2026-07": "30.00", **year("90.00", first=8)}
    assert (str(credited.transaction_price), str(credited.billed_total)) == ("1080.00", "1080.00")


def test_a_renewal_is_a_contract_of_its_own() -> None:
    _, renewed = examples.renewal().answers
    assert renewed.treatment is Treatment.SEPARATE_CONTRACT
    assert months(renewed, "L1") == year("100.00")
    assert months(renewed, "L2") == year("110.00", of=2027)


def test_a_material_right_is_earned_when_it_expires_or_is_exercised() -> None:
    signed, exercised = examples.material_right().answers
    assert allocated(signed) == {"L1": "960.00", "OPT": "240.00"}
    assert months(signed, "OPT") == {"2027-03": "240.00"}
    assert months(exercised, "OPT") == {"2026-10": "240.00"}


def test_lines_that_are_not_distinct_are_one_obligation() -> None:
    signed, half, added = examples.not_distinct().answers
    assert allocated(signed) == {"BUILD": "8000.00"}
    assert months(half, "BUILD") == {"2026-02": "4000.00"}
    assert added.treatment is Treatment.CUMULATIVE_CATCH_UP
    assert months(added, "BUILD") == {"2026-02": "4000.00", "2026-03": "500.00"}
    assert allocated(added) == {"BUILD": "9000.00"}


def test_a_price_change_that_belongs_to_no_line_is_shared_by_ssp() -> None:
    _, changed = examples.estimate_change().answers
    # 90 and 30; a quarter of A is performed: 22.50 on 1 April, the rest 742.50 - (225 + 22.50 already) over 9 months.
    assert allocated(changed) == {"A": "990.00", "B": "330.00"}
    assert months(changed, "A") == {**year("75.00", last=3), "2026-04": "105.00", **year("82.50", first=5)}
