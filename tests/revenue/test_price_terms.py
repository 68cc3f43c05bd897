"""Terms of the price at the edges: what is refused, where a change goes, and that shares always add up."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import (
    BundleDiscount,
    ConsiderationPayable,
    ContractLine,
    ContractSigned,
    EstablishContract,
    EstimateChanged,
    EstimateMethod,
    PossibleOutcome,
    RevenueAccepted,
    ReviseEstimate,
    SspMethod,
    VariableConsideration,
)
from tests.oracle import terms
from tests.oracle.obligation import Refused
from tests.oracle.worksheet import Worksheet
from tests.revenue.commands import (
    DAILY,
    MONTHLY,
    POINT,
    Contract,
    allocated,
    amend,
    change,
    credit,
    day,
    fulfil,
    invoice,
    line,
    months,
    recognition,
    terminate,
)


def chances(*pairs: tuple[str, str]) -> tuple[PossibleOutcome, ...]:
    return tuple(PossibleOutcome(amount=Decimal(amount), probability=Decimal(chance)) for amount, chance in pairs)


def variable(variable_id: str, amount: str, *line_ids: str, period: tuple[str, str] | None = None) -> ContractSigned:
    """Return terms with one certain variable consideration, to be merged into others."""
    start, end = (None, None) if period is None else map(day, period)
    item = VariableConsideration(
        variable_id=variable_id,
        outcomes=chances((amount, "1")),
        line_ids=line_ids,
        service_start=start,
        service_end=end,
    )
    return ContractSigned(currency="USD", lines=(), variable=(item,))


def sign(*lines: ContractLine, terms: ContractSigned) -> EstablishContract:
    return EstablishContract(terms=msgspec.structs.replace(terms, lines=lines))


def anew(variable_id: str, *pairs: tuple[str, str], **more: object) -> ReviseEstimate:
    estimate = EstimateChanged(variable_id=variable_id, outcomes=chances(*pairs))
    return ReviseEstimate(estimate=msgspec.structs.replace(estimate, **more))


def refused(contract: Contract, body: EstablishContract | ReviseEstimate, on: str = "2026-07-01") -> str:
    return contract.refused(body, on).code


def test_an_estimate_of_what_the_contract_does_not_have_is_refused() -> None:
    contract = Contract()
    contract.do(sign(line("A", "100"), terms=variable("V", "10")))
    assert refused(contract, anew("X", ("1", "1"))) == RefusalCode.UNKNOWN_VARIABLE
    assert refused(contract, anew("V", ("1", "0.9"))) == RefusalCode.ESTIMATE_INVALID
    assert refused(contract, anew("V", ("1", "1"), price_change=Decimal(1))) == RefusalCode.ESTIMATE_INVALID
    assert refused(contract, anew("V", ("1", "1"), line_id="A")) == RefusalCode.ESTIMATE_INVALID
    assert refused(contract, anew("V", ("-200", "1"))) == RefusalCode.NEGATIVE_PRICE


def test_an_estimate_that_stays_changes_no_number() -> None:
    contract = Contract()
    contract.do(sign(line("A", "100"), line("B", "77", pattern=MONTHLY), terms=variable("V", "10")))
    before = contract.book
    assert before is not None
    answer = contract.do(anew("V", ("20", "0.5"), ("0", "0.5")), "2026-03-17")
    assert contract.book is not None
    assert contract.book.obligations == before.obligations
    assert (answer.variable_included, answer.schedule) == (Decimal(10), ())


def test_the_most_likely_of_equal_amounts_is_one_and_of_equal_chances_none() -> None:
    item = VariableConsideration(
        variable_id="V",
        method=EstimateMethod.MOST_LIKELY_AMOUNT,
        outcomes=chances(("50", "0.4"), ("80", "0.3"), ("80.00", "0.3")),
    )
    terms = ContractSigned(currency="USD", lines=(), variable=(item,))
    contract = Contract()
    assert str(contract.do(sign(line("A", "100"), terms=terms)).transaction_price) == "180.00"
    assert refused(contract, anew("V", ("1", "0.5"), ("2", "0.5"))) == RefusalCode.ESTIMATE_INVALID


def test_the_constraint_lowers_an_estimate_and_never_raises_it() -> None:
    contract = Contract()
    contract.do(sign(line("A", "100"), terms=variable("V", "10")))
    higher = contract.do(anew("V", ("20", "1"), highly_probable=Decimal(500)), "2026-03-01")
    assert str(higher.transaction_price) == "120.00"
    lower = contract.do(anew("V", ("20", "1"), highly_probable=Decimal(-30)), "2026-04-01")
    assert str(lower.transaction_price) == "70.00"


def test_the_amount_of_a_period_stays_in_it_whatever_happens_to_the_line() -> None:
    contract = Contract()
    terms = variable("V", "90", "A", period=("2026-04-01", "2026-06-30"))
    contract.do(sign(line("A", "1200", pattern=MONTHLY, quantity="1"), terms=terms))
    answer = contract.do(amend(change("A", "1500", "1200")), "2026-02-01")
    assert months(answer, "A@vc:V") == {"2026-04": "30.00", "2026-05": "30.00", "2026-06": "30.00"}
    # One month of three is over: a third of the 60 more on the day, the rest in May and June.
    answer = contract.do(anew("V", ("150", "1")), "2026-05-01")
    assert months(answer, "A@vc:V") == {"2026-04": "30.00", "2026-05": "70.00", "2026-06": "50.00"}
    # The period is over: all of it on the day.
    answer = contract.do(anew("V", ("160", "1")), "2026-08-15")
    assert months(answer, "A@vc:V")["2026-08"] == "10.00"


def test_a_removed_line_takes_the_rest_of_its_period_with_it() -> None:
    contract = Contract()
    terms = variable("V", "90", "A", period=("2026-04-01", "2026-06-30"))
    contract.do(sign(line("A", "1200", pattern=MONTHLY), line("B", "1200", pattern=MONTHLY), terms=terms))
    answer = contract.do(amend(removed=["A"]), "2026-05-01")
    assert allocated(answer) == {"A": "400.00", "B": "1200.00", "A@vc:V": "30.00"}
    assert str(answer.transaction_price) == "1630.00"
    assert refused(contract, anew("V", ("1", "1"))) == RefusalCode.LINE_REMOVED


def test_an_estimate_of_a_removed_line_or_ended_contract_is_refused() -> None:
    contract = Contract()
    contract.do(sign(line("A", "100"), line("B", "100"), terms=variable("V", "10", "A")))
    contract.do(amend(removed=["A"]), "2026-05-01")
    assert refused(contract, anew("V", ("20", "1"))) == RefusalCode.LINE_REMOVED
    contract.do(terminate("0"), "2026-06-30")
    assert refused(contract, anew("V", ("10", "1"))) == RefusalCode.CONTRACT_TERMINATED


def test_a_bundle_must_show_the_discount_of_the_contract() -> None:
    bundle = BundleDiscount(line_ids=("B", "C"), bundle_price=Decimal(60))
    terms = ContractSigned(currency="USD", lines=(), bundles=(bundle,))
    rest = line("B", "0", "55", pattern=POINT), line("C", "0", "45", pattern=POINT)
    # The discount is 40; the bundle's is 40. At 101 the contract's is 39: 2.6 % less, substantially the same.
    near = Contract().do(sign(line("A", "101", "40", pattern=POINT), *rest, terms=terms))
    assert allocated(near) == {"A": "40.40", "B": "33.33", "C": "27.27"}
    assert refused(Contract(), sign(line("A", "103", "40", pattern=POINT), *rest, terms=terms)) == (
        RefusalCode.ALLOCATION_INVALID
    )


def test_a_later_change_keeps_the_discount_where_it_was_observed() -> None:
    bundle = BundleDiscount(line_ids=("B", "C"), bundle_price=Decimal(60))
    terms = msgspec.structs.replace(variable("V", "0"), bundles=(bundle,))
    contract = Contract()
    rest = line("B", "0", "55", pattern=POINT), line("C", "0", "45", pattern=POINT)
    contract.do(sign(line("A", "100", "40", pattern=POINT), *rest, terms=terms))
    answer = contract.do(anew("V", ("10", "1")), "2026-03-01")
    assert allocated(answer) == {"A": "44.00", "B": "36.30", "C": "29.70"}


def test_a_line_without_price_that_is_not_distinct_shares_the_price_of_its_obligation() -> None:
    lines = line("A", "100", distinct=False), line("B", "0", "50", distinct=False), line("C", "100")
    answer = Contract().do(sign(*lines, terms=variable("V", "30", "B")))
    assert allocated(answer) == {"A": "150.00", "C": "80.00"}


def test_no_obligation_is_allocated_less_than_nothing() -> None:
    payable = ConsiderationPayable(payable_id="P", amount=Decimal(150), line_ids=("A",))
    terms = ContractSigned(currency="USD", lines=(), payable_to_customer=(payable,))
    lines = line("A", "100"), line("B", "100")
    assert refused(Contract(), sign(*lines, terms=terms)) == RefusalCode.NEGATIVE_PRICE
    shared = msgspec.structs.replace(terms, payable_to_customer=(msgspec.structs.replace(payable, line_ids=()),))
    assert allocated(Contract().do(sign(*lines, terms=shared))) == {"A": "25.00", "B": "25.00"}


def test_an_unknown_line_is_refused() -> None:
    assert refused(Contract(), sign(line("A", "100"), terms=variable("V", "1", "X"))) == RefusalCode.UNKNOWN_LINE


def test_a_refundable_amount_never_adds_to_the_price() -> None:
    terms = variable("V", "-10")
    refundable = msgspec.structs.replace(terms.variable[0], refundable=True)
    contract = Contract()
    contract.do(sign(line("A", "100"), terms=msgspec.structs.replace(terms, variable=(refundable,))))
    assert refused(contract, anew("V", ("5", "1"))) == RefusalCode.ESTIMATE_INVALID


def test_everything_that_may_come_back_is_a_refund_liability_and_no_revenue() -> None:
    terms = variable("V", "-100")
    refundable = msgspec.structs.replace(terms.variable[0], refundable=True)
    contract = Contract()
    contract.do(sign(line("A", "100", pattern=POINT), terms=msgspec.structs.replace(terms, variable=(refundable,))))
    assert contract.do(invoice("I", A="100"), "2026-01-10").refund_liability_total == 0
    contract.do(fulfil("A"), "2026-01-10")
    assert contract.do(recognition("2026-01")).refund_liability_total == Decimal(100)
    given = contract.do(credit("CN", A="30"), "2026-02-01")
    assert given.refund_liability_total == Decimal(70)
    # A new estimate moves it with the next run only, as it reaches the ledger then.
    assert contract.do(anew("V", ("-30", "1")), "2026-02-10").refund_liability_total == Decimal(70)
    last = contract.do(recognition("2026-02"))
    assert (last.refund_liability_total, last.recognised_total) == (Decimal(0), Decimal(70))


@st.composite
def bundled(draw: st.DrawFn) -> EstablishContract:
    """Draw three to five lines with a bundle, a residual line, or both."""
    count = draw(st.integers(3, 5))
    ssp = [draw(st.integers(1, 300)) for _ in range(count)]
    price = draw(st.integers(0, 900))
    lines = [
        line(
            f"L{at}", str(price if at == 0 else 0), str(ssp[at]), pattern=draw(st.sampled_from([DAILY, MONTHLY, POINT]))
        )
        for at in range(count)
    ]
    bundles = []
    if draw(st.booleans()):
        size = draw(st.integers(2, count - 1))
        apart = sum(ssp[:size])
        discount = sum(ssp) - price - 13
        together = draw(st.sampled_from([apart - discount, draw(st.integers(0, apart))]))
        members = tuple(item.line_id for item in lines[:size])
        bundles.append(BundleDiscount(line_ids=members, bundle_price=Decimal(min(max(together, 0), apart))))
    if draw(st.booleans()):
        lines[-1] = msgspec.structs.replace(lines[-1], ssp=Decimal(0), ssp_method=SspMethod.RESIDUAL)
    return EstablishContract(terms=ContractSigned(currency="USD", lines=tuple(lines), bundles=tuple(bundles)))


@settings(max_examples=200, deadline=None)
@given(bundled())
def test_bundles_and_residuals_add_up_and_agree_with_the_independent_calculation(signed: EstablishContract) -> None:
    later = anew("V", ("100", "0.5"), ("7", "0.5"))
    signed = msgspec.structs.replace(
        signed, terms=msgspec.structs.replace(signed.terms, variable=variable("V", "13").variable)
    )
    contract = Contract()
    answer = contract.try_(signed)
    try:
        sheet = Worksheet.sign("US01", msgspec.to_builtins(signed.terms, builtin_types=()))
    except Refused:
        event("both refuse")
        assert not isinstance(answer, RevenueAccepted)
        return
    event("both accept")
    assert isinstance(answer, RevenueAccepted), answer
    assert sum(part.allocated for part in answer.allocations) == 13 + sum(item.price for item in signed.terms.lines)
    answer = contract.do(later, "2026-03-01")
    terms.reestimate(sheet, day("2026-03-01").toordinal(), msgspec.to_builtins(later.estimate, builtin_types=()))
    assert {part.obligation_id: int(part.allocated * 100) for part in answer.allocations} == {
        obligation.name: obligation.allocated for obligation in sheet.obligations
    }
