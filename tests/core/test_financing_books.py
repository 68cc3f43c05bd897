"""Interest in the books: journals, both contract balances, corrections, other entities and currencies, reports."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace as replaced
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.config import Configuration
from streams.core.journals import interest
from streams.core.money import ZERO, period_end
from streams.core.reconciliation import compare
from streams.dry_run import run
from streams.records import Financing, ObligationFulfilled, PaymentTerm, RecognitionPattern, RevenueAccepted
from streams.reports.document import Report
from streams.reports.question import Scope
from streams.reports.rollforward import rollforward
from tests.core.abroad import DE, Abroad, at, policy, told, unbalanced
from tests.core.builders import CONFIGURATION, POLICY, billed, event, invoice, signed
from tests.core.builders import line as contract_line
from tests.core.builders import period_end as period_closed
from tests.core.desk import Desk
from tests.oracle.batch import calculate
from tests.oracle.cases import CONFIG
from tests.reports.rows import books
from tests.revenue.examples.test_financing import financing, months
from tests.revenue.examples.told import Result, Told, line
from tests.revenue.test_corrections_told import superseding

ADVANCE = financing("0.06", "2028-01-01", ("2026-01-01", "4000"))
SOLD = line("EQUIPMENT", "POINT_IN_TIME", "4000")


def advance() -> Told:
    return Told().sign(SOLD, financing=ADVANCE).bill("2026-01-01", EQUIPMENT="4000")


def arrears(**more: Any) -> Told:
    """100 in cash, 121 after two years at 10 %, transferred on 1 January."""
    terms = financing("0.1", "2026-01-01", ("2028-01-01", "121"))
    sold = line("EQUIPMENT", "POINT_IN_TIME", "121", ssp="100", **more)
    return (
        Told().sign(sold, financing=terms).tell("ObligationFulfilled", "2026-01-01", line_id="EQUIPMENT", percent="100")
    )


def journal(document: dict[str, Any], period: str, entity: str = "ACME-US") -> list[tuple[str, str]]:
    """Return the lines of a period's recognition journal, credits below 0."""
    (posting,) = [
        it
        for it in document["postings"]
        if (it["period"], it["entity"]) == (period, entity) and it["description"] == f"Revenue {period}"
    ]
    return [(row["account"], str(Decimal(row["debit"]) - Decimal(row["credit"]))) for row in posting["lines"]]


def rolled(told: Told) -> Report:
    done = run([json.dumps(one) for one in told.events], CONFIGURATION)
    return rollforward(books(done.ledger, done.revenue), Scope())


def test_interest_on_an_advance_is_expense_and_contract_liability_until_it_is_revenue() -> None:
    told = advance().close("2026-12")
    assert journal(told.document(), "2026-12") == [("2100", "-240.00"), ("7800", "240.00")]
    told.tell("ObligationFulfilled", "2028-01-01", line_id="EQUIPMENT", percent="100").close("2028-01")
    assert journal(told.document(), "2028-01") == [
        ("2100", "4240.00"),
        ("7800", "254.40"),
        ("4010", "-4494.40"),
    ]
    assert told.run().contract["tie_out"]["tied_out"]


def test_interest_on_arrears_is_income_and_contract_asset_until_it_is_billed() -> None:
    told = arrears().close("2026-01", "2026-12")
    assert journal(told.document(), "2026-01") == [("1200", "100.80"), ("4800", "-0.80"), ("4010", "-100.00")]
    assert journal(told.document(), "2026-12") == [("1200", "9.20"), ("4800", "-9.20")]
    told.bill("2028-01-01", EQUIPMENT="121").close("2028-01")
    result = told.run()
    assert (result.balance("contract asset"), result.balance("interest income")) == ("0.00", "-21.00")
    assert result.contract["tie_out"]["tied_out"]


def test_the_rollforward_has_interest_in_a_column_of_its_own_and_closes() -> None:
    report = rolled(advance().close("2026-12"))
    columns = [column.name for column in report.columns]
    (row,) = [row for row in report.rows if row[2] == "2026-12"]
    shown = dict(zip(columns, row, strict=True))
    assert (str(shown["interest"]), str(shown["adjustments"]), str(shown["closing"])) == ("240.00", "0.00", "4240.00")
    assert report.differences == ()


def test_what_a_correction_takes_back_is_taken_back_where_it_was_booked() -> None:
    told = advance().close("2026-12")
    lower = ADVANCE | {"annual_rate": "0.05"}
    superseding(told, "ContractSigned", "2026-01-01", "T1", 1, currency="USD", lines=[SOLD], financing=lower)
    told.close("2027-01")
    # 240 were booked; at 5 % it is 200 for 2026 and 17.11 for January.
    assert journal(told.document(), "2027-01") == [("2100", "22.89"), ("7800", "-22.89")]
    assert told.run().contract["tie_out"]["tied_out"]


def test_a_transfer_that_comes_later_is_refused_until_the_contract_says_so() -> None:
    told = advance().close("2027-12")
    late = {"line_id": "EQUIPMENT", "percent": "100"}
    told.tell("ObligationFulfilled", "2028-07-01", **late)
    assert "Correct transfer_on first" in told.refused()
    told.events.pop()
    terms = ADVANCE | {"transfer_on": "2028-07-01"}
    superseding(told, "ContractSigned", "2026-01-01", "T1", 1, currency="USD", lines=[SOLD], financing=terms)
    result = told.tell("ObligationFulfilled", "2028-07-01", **late).close("2028-07").run()
    assert (result.recognised, result.balance("interest expense")) == ("4627.27", "627.27")
    assert (result.balance("contract liability"), result.contract["tie_out"]["tied_out"]) == ("0.00", True)


def test_a_transfer_that_was_told_on_a_wrong_day_is_taken_back_before_the_day_is_corrected() -> None:
    told = advance().tell("ObligationFulfilled", "2028-01-01", line_id="EQUIPMENT", percent="100").close("2028-01")
    assert told.run().recognised == "4494.40"
    superseding(told, "ObligationFulfilled", "2028-01-01", "T3", 1, line_id="EQUIPMENT", percent="0")
    terms = ADVANCE | {"transfer_on": "2028-07-01"}
    superseding(told, "ContractSigned", "2026-01-01", "T1", 1, currency="USD", lines=[SOLD], financing=terms)
    result = told.close("2028-02").run()
    assert (result.recognised, result.contract["tie_out"]["tied_out"]) == ("0.00", True)
    told.tell("ObligationFulfilled", "2028-07-01", line_id="EQUIPMENT", percent="100").close("2028-07")
    result = told.run()
    assert (result.recognised, result.balance("interest expense")) == ("4627.27", "627.27")
    assert (result.balance("contract liability"), result.contract["tie_out"]["tied_out"]) == ("0.00", True)


def test_a_financed_contract_that_ends_settles_what_was_paid_with_the_interest_so_far() -> None:
    told = advance().close("2026-11")
    told.tell("ContractTerminated", "2026-12-31", refund="4240.00", fee="0")
    lines = [{"line_id": "EQUIPMENT", "net": "4240"}]
    credit = {"credit_id": "CN-1", "currency": "USD", "lines": lines, "effect": "BILLING_ONLY"}
    told.tell("CreditIssued", "2026-12-31", **credit).close("2026-12", "2027-01")
    result = told.run()
    assert (result.recognised, result.balance("interest expense"), result.price) == ("0.00", "240.00", "0.00")
    assert (result.balance("contract liability"), result.balance("receivable")) == ("0.00", "-240.00")
    assert result.contract["tie_out"]["tied_out"]


def test_an_amendment_of_a_financed_line_is_refused_with_what_to_do() -> None:
    told = advance()
    told.tell("ContractAmended", "2026-06-01", changed_lines=[{"line_id": "EQUIPMENT", "price": "5000", "ssp": "5000"}])
    assert "Correct the signed contract by one that supersedes it" in told.refused()


def test_interest_is_that_of_the_entity_that_contracts_whoever_performs() -> None:
    told = arrears(legal_entity="ACME-DE").close("2026-01")
    told.events.append(told.events[-1] | {"event_id": "de"})
    told.events[-1] = json.loads(json.dumps(told.events[-1]))
    told.events[-1]["context"] |= {"legal_entity": "ACME-DE", "source_transaction_id": "T-DE"}
    document = told.document()
    assert not document["exceptions"], document["exceptions"]
    assert Result(document).contract["tie_out"]["tied_out"]
    income = [row for row in document["balances"] if row["account"] == "4800"]
    assert [(row["entity"], row["balance"]) for row in income] == [("ACME-US", "-0.80")]
    (asset,) = [row for row in document["balances"] if row["account"] == "1200"]
    assert (asset["entity"], asset["balance"]) == ("ACME-US", "100.80")


def test_the_expedient_is_what_the_company_decides() -> None:
    terms = financing("0.12", "2026-01-01", ("2026-12-31", "112"))
    told = Told().sign(line("EQUIPMENT", "POINT_IN_TIME", "112"), financing=terms)
    assert told.run().price == "112.00"
    assert "practical expedient (606-10-32-18)" in told.run().contract["pricing"][0]["lines"][0]["reason"]
    strict = replaced(CONFIGURATION, policy=replaced(POLICY, financing_expedient=False))
    assert isinstance(strict, Configuration)
    done = run([json.dumps(one) for one in told.events], strict)
    position = done.revenue.position("C-1")
    assert position is not None
    assert str(position.transaction_price) == "100.03"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("0", "-10", {"7800": 10, "2100": -10}),
        ("-10", "-4", {"7800": -6, "2100": 6}),
        ("-10", "5", {"7800": -10, "4800": -5, "2100": 15}),
        ("5", "0", {"4800": 5, "2100": -5}),
    ],
)
def test_the_interest_of_a_contract_so_far_is_income_or_expense(
    before: str, after: str, expected: dict[str, int]
) -> None:
    lines = interest(POLICY.accounts, Decimal(100), Decimal(before), Decimal(after))
    assert {row.account: row.debit - row.credit for row in lines} == expected


def financed_abroad(*, transfer_on: str, due_on: str) -> Abroad:
    """A German contract in dollars over 1,000 that is transferred on one day and paid on another, at 12 % a year."""
    terms = Financing(
        annual_rate=Decimal("0.12"),
        transfer_on=dt.date.fromisoformat(transfer_on),
        payments=(PaymentTerm(due_on=dt.date.fromisoformat(due_on), amount=Decimal(1000)),),
        line_id="L1",
        expedient=False,
    )
    sold = contract_line(price="1000.00", pattern=RecognitionPattern.POINT_IN_TIME)
    desk = Abroad(policy({"2026-01-31": "0.92", "2026-02-28": "0.94", "2026-03-31": "0.96"}))
    desk.take(event("signed", msgspec.structs.replace(signed(sold), financing=terms), entity=DE, source="crm"))
    return desk


def test_interest_abroad_is_worth_the_closing_rate_and_contract_liability_is_not_remeasured() -> None:
    desk = financed_abroad(transfer_on="2026-03-01", due_on="2026-01-01")
    desk.take(at("0.90", "bill", invoice("I1", billed("1000.00")), "2026-01-01")).close("2026-01")
    journals = {posting.body.description: told(posting) for posting in desk.postings}
    assert journals["Revenue 2026-01"] == [
        "2026-01-31 Revenue 2026-01",
        "  2100       (9.49)       (8.73)",
        "  7800         9.49         8.73",
    ]
    desk.close("2026-02")
    done = ObligationFulfilled(line_id="L1", percent=Decimal(100))
    desk.take(event("done", done, on="2026-03-01", entity=DE)).close("2026-03")
    carried = desk.contract.carried
    assert carried is not None
    assert (carried.liability.amount, carried.liability.functional, desk.contract.position) == (ZERO, ZERO, ZERO)
    # 900 billed, 8.73 at 0.92 and 9.58 x 0.94 of interest: revenue is worth what the liability was carried at.
    assert desk.balances()["4010"] == ("-1019.07", "-917.74")
    assert unbalanced(desk.postings) == []


def test_arrears_abroad_are_a_contract_asset_that_is_remeasured_with_its_interest() -> None:
    desk = financed_abroad(transfer_on="2026-01-01", due_on="2026-03-01")
    done = ObligationFulfilled(line_id="L1", percent=Decimal(100))
    desk.take(event("done", done, on="2026-01-01", entity=DE)).close("2026-01", "2026-02")
    carried = desk.contract.carried
    assert carried is not None
    assert carried.asset.functional == round(carried.asset.amount * Decimal("0.94"), 2)
    desk.take(at("0.95", "bill", invoice("I1", billed("1000.00")), "2026-03-01")).close("2026-03")
    assert desk.contract.position == ZERO
    assert unbalanced(desk.postings) == []


def test_interest_that_the_ledger_does_not_have_is_a_variance_of_the_position() -> None:
    told = advance().close(*months(1, 3))
    done = run([json.dumps(one) for one in told.events], CONFIGURATION)
    tie = msgspec.structs.replace(done.world.ties["C-1"], revenue_interest=ZERO)
    differences = [row.difference for row in compare(tie, POLICY.accounts) if row.difference]
    assert differences == [Decimal("-58.70")]


@st.composite
def financed(draw: st.DrawFn, *, to_the_end: bool = True, expedient: bool = False) -> Told:
    """A contract that is transferred from 2027 on, paid and billed between 2026 and 2029, and closed now and then."""
    pattern = draw(st.sampled_from(("POINT_IN_TIME", "RATABLE_DAILY", "RATABLE_MONTHLY")))
    start = dt.date(2027, 1, 1) + dt.timedelta(days=draw(st.integers(0, 364)))
    end = start + dt.timedelta(days=draw(st.integers(0, 500)))
    due = draw(st.lists(st.integers(0, 1400), min_size=1, max_size=3, unique=True))
    payments = [
        (dt.date(2026, 1, 1) + dt.timedelta(days=day), Decimal(draw(st.integers(1, 10**6))) / 100)
        for day in sorted(due)
    ]
    terms = financing(
        str(Decimal(draw(st.integers(1, 300))) / 1000),
        str(start),
        *((str(on), str(amount)) for on, amount in payments),
        expedient=expedient,
    )
    price = str(sum(amount for _, amount in payments))
    sold = line("EQUIPMENT", pattern, price, start_date=str(start), end_date=str(end))
    other = line("OTHER", "RATABLE_DAILY", "100", ssp="120", end_date="2029-06-30")
    told = Told().sign(sold, other, financing=terms)
    happens = [(on, 0, amount) for on, amount in payments]
    happens += [(start, 1, ZERO)] if pattern == "POINT_IN_TIME" else []
    closed = draw(st.lists(st.integers(1, 47), max_size=5, unique=True))
    happens += [(period_end(month), 2, ZERO) for month in months_of(closed)]
    for on, kind, amount in sorted(happens):
        if kind == 0:
            told.bill(str(on), EQUIPMENT=str(amount))
        elif kind == 1:
            told.tell("ObligationFulfilled", str(on), line_id="EQUIPMENT", percent="100")
        else:
            told.close(f"{on:%Y-%m}")
    if not to_the_end:
        return told
    return told.close("2029-12").bill("2029-12-31", OTHER="100")


def months_of(numbers: list[int]) -> list[str]:
    return [f"{2026 + (number - 1) // 12}-{(number - 1) % 12 + 1:02d}" for number in numbers]


@settings(max_examples=40, deadline=None)
@given(financed())
def test_in_the_end_revenue_less_interest_is_what_was_paid_and_the_books_tie(told: Told) -> None:
    result = told.run()
    assert result.contract["tie_out"]["tied_out"]
    assert (result.balance("contract liability"), result.balance("contract asset")) == ("0.00", "0.00")
    interest_income = Decimal(result.contract["interest"])
    assert Decimal(result.recognised) + interest_income == Decimal(result.balance("receivable"))
    assert rolled(told).differences == ()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_ledger_is_that_of_the_independent_calculation(data: st.DataObject) -> None:
    told = data.draw(financed(to_the_end=data.draw(st.booleans()), expedient=data.draw(st.booleans())))
    calculated = calculate(told.events, CONFIG)
    assert calculated.rejected == {}
    result = told.run()
    (contract,) = calculated.contracts.values()
    assert Decimal(result.price) == contract.transaction_price
    assert {account: amount for account, amount in result.balances.items() if amount} == {
        account: amount for (_, account, _), amount in calculated.balances.items() if amount
    }


def test_interest_that_no_run_has_told_is_refused_and_the_next_run_may_tell_it() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    (answer,) = desk.revenue.execute([desk.commands[-1]])
    assert isinstance(answer, RevenueAccepted)
    desk.answer(desk.commands[-1], msgspec.structs.replace(answer, interest_total=Decimal(-5)))
    (raised,) = desk.exceptions
    assert "interest_total is -5 after InvoiceIssued, expected 0 as before" in raised.message
    assert desk.contract.interest == 0
    desk.arrive(period_closed("2026-01"))
    (run_,) = desk.revenue.execute([desk.commands[-1]])
    assert isinstance(run_, RevenueAccepted)
    desk.answer(desk.commands[-1], msgspec.structs.replace(run_, interest_total=Decimal(-5)))
    assert desk.contract.interest == -5
    (posting,) = desk.postings
    assert [it.debit for it in posting.body.lines if it.account == POLICY.accounts.interest_expense] == [5]
