"""Worked examples: contracts whose accounting an accountant can follow, and the page that shows one.

The golden files are these pages; `test_worked_examples` checks the numbers by hand.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from streams.records import MaterialRight, RevenueAccepted
from tests.revenue.commands import (
    DAILY,
    MILESTONE,
    MONTHLY,
    POINT,
    USAGE,
    CommandBody,
    Contract,
    amend,
    change,
    credit,
    day,
    establish,
    estimate,
    fulfil,
    invoice,
    line,
    recognition,
    renew,
    terminate,
    usage,
)


@dataclass
class Example:
    """The steps of a contract's life and what each came to."""

    title: str
    contract: Contract = field(default_factory=Contract)
    steps: list[tuple[str, str, RevenueAccepted]] = field(default_factory=list)

    def step(self, on: str, what: str, body: CommandBody) -> RevenueAccepted:
        """Execute a command and write it down."""
        answer = self.contract.do(body, on)
        self.steps.append((on, what, answer))
        return answer

    @property
    def answers(self) -> list[RevenueAccepted]:
        """What every step came to."""
        return [answer for _, _, answer in self.steps]

    def page(self) -> str:
        """Return the example as a page of text."""
        parts = [self.title, "=" * len(self.title), ""]
        for number, (on, what, answer) in enumerate(self.steps, 1):
            parts.append(f"{number}. {on}  {what}")
            parts.append(f"   {answer.treatment}, transaction price {answer.transaction_price:,} {answer.currency}")
            for decision in answer.decisions:
                text = f"{decision.line_id}: {decision.treatment}. {decision.reason}"
                parts += textwrap.wrap(text, 110, initial_indent="   - ", subsequent_indent="     ")
            for entry in answer.recognised:
                parts.append(f"   recognised {entry.obligation_id} {entry.product_line} {entry.amount:,}")
            if answer.allocations:
                parts += ["", *_allocation_table(answer), "", *_schedule_table(answer)]
            else:
                parts.append(f"   billed {answer.billed_total:,}, recognised {answer.recognised_total:,}")
            parts.append("")
        return "\n".join(part.rstrip() for part in parts)


def _allocation_table(answer: RevenueAccepted) -> list[str]:
    rows = [f"   {'obligation':<12}{'pattern':<17}{'SSP':>12}{'allocated':>12}{'unscheduled':>13}"]
    for entry in answer.allocations:
        rows.append(
            f"   {entry.obligation_id:<12}{entry.pattern:<17}"
            f"{entry.ssp:>12,}{entry.allocated:>12,}{entry.unscheduled:>13,}"
        )
    return rows


def _schedule_table(answer: RevenueAccepted) -> list[str]:
    columns = [entry.obligation_id for entry in answer.allocations]
    cells = {(entry.period, entry.obligation_id): entry.amount for entry in answer.schedule}
    periods = sorted({entry.period for entry in answer.schedule})
    rows = ["   period   " + "".join(f"{column:>12}" for column in [*columns, "total"])]
    totals = [Decimal(0)] * (len(columns) + 1)
    for period in periods:
        amounts = [cells.get((period, column), Decimal(0)) for column in columns]
        amounts.append(sum(amounts, Decimal(0)))
        totals = [before + amount for before, amount in zip(totals, amounts, strict=True)]
        rows.append(f"   {period}  " + "".join(f"{amount:>12,}" if amount else f"{'-':>12}" for amount in amounts))
    rows.append("   total    " + "".join(f"{amount:>12,}" if amount else f"{'-':>12}" for amount in totals))
    return rows


def annual_subscription() -> Example:
    """Ratable by day."""
    example = Example("Annual subscription, ratable by day")
    example.step("2026-01-01", "signed: 1,200.00 for 2026", establish(line("L1", "1200")))
    example.step("2026-01-01", "invoice of the year", invoice("I-1", L1="1200"))
    example.step("2026-01-31", "recognition of January", recognition("2026-01"))
    return example


def bundle_with_discount() -> Example:
    """A discount is shared by stand-alone selling prices."""
    example = Example("Bundle with a discount, allocated by stand-alone selling price")
    lines = line("SUB", "1000", "1200", pattern=MONTHLY), line("ONB", "200", "300", pattern=POINT)
    example.step("2026-01-01", "signed: subscription and onboarding for 1,200.00, SSP 1,500.00", establish(*lines))
    example.step("2026-02-15", "onboarding delivered", fulfil("ONB"))
    return example


def upgrade_at_ssp() -> Example:
    """Units at SSP stand beside what exists."""
    example = Example("Mid-term upgrade at stand-alone selling price: a separate contract")
    example.step("2026-01-01", "signed: 10 seats", establish(line("L1", "1200", pattern=MONTHLY, quantity="10")))
    example.step(
        "2026-07-01", "5 seats more for 300.00, SSP 300.00", amend(change("L1", "1500", "1500", quantity="15"))
    )
    return example


def upgrade_below_ssp() -> Example:
    """Units below SSP are blended with what remains."""
    example = Example("Mid-term upgrade below stand-alone selling price: prospective")
    example.step("2026-01-01", "signed: 10 seats", establish(line("L1", "1200", pattern=MONTHLY, quantity="10")))
    example.step(
        "2026-07-01", "5 seats more for 240.00, SSP 300.00", amend(change("L1", "1440", "1500", quantity="15"))
    )
    return example


def milestone_change() -> Example:
    """A project in progress is caught up."""
    example = Example("Change of a project in progress: cumulative catch-up")
    example.step("2026-01-01", "signed: project for 10,000.00", establish(line("P", "10000", pattern=MILESTONE)))
    example.step("2026-02-10", "40 % performed", fulfil("P", "40"))
    example.step("2026-03-15", "scope grows, price 12,000.00", amend(change("P", "12000", "12000")))
    example.step("2026-06-20", "100 % performed", fulfil("P", "100"))
    return example


def mixed() -> Example:
    """Every item has its own treatment."""
    example = Example("One amendment, three treatments")
    seats, project = line("S", "1200", pattern=MONTHLY, quantity="10"), line("P", "10000", pattern=MILESTONE)
    example.step("2026-01-01", "signed: seats and a project", establish(seats, project))
    example.step("2026-02-10", "40 % of the project performed", fulfil("P", "40"))
    support = line("SUP", "600", start="2026-07-01", pattern=MONTHLY)
    example.step(
        "2026-07-01",
        "seats below SSP, a bigger project, support at SSP",
        amend(change("S", "1440", "1500", quantity="15"), change("P", "12000", "12000"), added=[support]),
    )
    return example


def removal() -> Example:
    """The discount of a cancelled line goes to what remains."""
    example = Example("Removal of a line: prospective")
    lines = line("A", "1200", pattern=MONTHLY), line("B", "600", "800", pattern=MONTHLY)
    example.step("2026-01-01", "signed: A and B for 1,800.00, SSP 2,000.00", establish(*lines))
    example.step("2026-07-01", "B is cancelled", amend(removed=["B"]))
    return example


def termination_with_refund() -> Example:
    """What is given back is not earned."""
    example = Example("Termination with refund and fee")
    example.step("2026-01-01", "signed", establish(line("L1", "1200", pattern=MONTHLY)))
    example.step("2026-06-30", "ends, 500.00 refunded, fee 100.00", terminate("500", "100"))
    return example


def termination_without_refund() -> Example:
    """What is kept is earned on the last day."""
    example = Example("Termination without refund")
    example.step("2026-01-01", "signed", establish(line("A", "1200", pattern=MONTHLY), line("B", "600", pattern=POINT)))
    example.step("2026-06-30", "ends, nothing refunded", terminate("0"))
    return example


def usage_overage() -> Example:
    """Usage belongs to its period."""
    example = Example("Subscription with usage")
    lines = line("L1", "1200", pattern=MONTHLY), line("U", "0", pattern=USAGE, product_line="api-calls")
    example.step("2026-01-01", "signed", establish(*lines))
    example.step("2026-02-03", "usage of January, 150.25", usage("U", "150.25", "2026-01-31"))
    example.step("2026-03-02", "usage of February, 99.75", usage("U", "99.75", "2026-02-28"))
    example.step("2026-02-28", "recognition of February", recognition("2026-02"))
    return example


def by_day_and_by_month() -> Example:
    """The same price, two patterns."""
    example = Example("The same term by day and by month")
    start, end = "2026-01-15", "2026-04-14"
    by_day = line("DAY", "900", pattern=DAILY, start=start, end=end)
    by_month = line("MONTH", "900", pattern=MONTHLY, start=start, end=end)
    example.step("2026-01-15", "signed: 90 days that touch 4 months", establish(by_day, by_month))
    return example


def yen() -> Example:
    """No decimals."""
    example = Example("A currency without decimals")
    body = establish(line("L1", "100000", pattern=MONTHLY), currency="JPY")
    example.step("2026-01-01", "signed: 100,000 yen", body)
    return example


def dinar() -> Example:
    """Three decimals."""
    example = Example("A currency with three decimals")
    body = establish(line("L1", "100", pattern=MONTHLY, end="2026-03-31"), currency="BHD")
    example.step("2026-01-01", "signed: 100 dinars", body)
    return example


def credit_reduces_price() -> Example:
    """A concession is caught up."""
    example = Example("Credit note that reduces the price")
    example.step("2026-01-01", "signed", establish(line("L1", "1200", pattern=MONTHLY)))
    example.step("2026-01-01", "invoice of the year", invoice("I-1", L1="1200"))
    example.step("2026-07-01", "credit of 120.00 for the same promise", credit("CN-1", reduces_price=True, L1="120"))
    return example


def renewal() -> Example:
    """A new term is a contract of its own."""
    example = Example("Renewal")
    example.step("2026-01-01", "signed for 2026", establish(line("L1", "1200", pattern=MONTHLY)))
    new = line("L2", "1320", pattern=MONTHLY, start="2027-01-01", end="2027-12-31")
    example.step("2026-12-15", "renewed for 2027 at 1,320.00", renew(new))
    return example


def material_right() -> Example:
    """An option takes its share of the price."""
    example = Example("Option that is a material right")
    option = MaterialRight(option_id="OPT", product_line="seats", ssp=Decimal(300), expires_on=day("2027-03-31"))
    body = establish(line("L1", "1200", pattern=MONTHLY), options=[option])
    example.step("2026-01-01", "signed: SSP 1,200.00 and an option worth 300.00", body)
    example.step("2026-10-10", "option exercised", fulfil("OPT"))
    return example


def not_distinct() -> Example:
    """Lines that are one promise."""
    example = Example("Lines that are not distinct are one obligation")
    build = line("BUILD", "6000", pattern=MILESTONE, distinct=False)
    lines = build, line("RUN-IN", "2000", pattern=MILESTONE, distinct=False)
    example.step("2026-01-01", "signed: two lines, one result", establish(*lines))
    example.step("2026-02-01", "half of it performed", fulfil("BUILD", "50"))
    added = line("EXTRA", "1000", "1500", pattern=MILESTONE, distinct=False)
    example.step("2026-03-01", "more of the same for 1,000.00", amend(added=[added]))
    return example


def estimate_change() -> Example:
    """Variable consideration follows the allocation at inception."""
    example = Example("Changed estimate of the price, shared by stand-alone selling price")
    lines = line("A", "900", pattern=MONTHLY), line("B", "300", pattern=POINT)
    example.step("2026-01-01", "signed", establish(*lines))
    example.step("2026-04-01", "bonus of 120.00 expected", estimate("120"))
    return example


EXAMPLES: dict[str, Callable[[], Example]] = {
    make.__name__: make
    for make in (
        annual_subscription,
        bundle_with_discount,
        upgrade_at_ssp,
        upgrade_below_ssp,
        milestone_change,
        mixed,
        removal,
        termination_with_refund,
        termination_without_refund,
        usage_overage,
        by_day_and_by_month,
        yen,
        dinar,
        credit_reduces_price,
        renewal,
        material_right,
        not_distinct,
        estimate_change,
    )
}
