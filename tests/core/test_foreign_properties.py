"""What holds for any history of a contract in another currency than the books (docs/accounting.md section 11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.money import ZERO
from streams.records import ErpPosting, OperatorAction, PossibleOutcome, VariableConsideration
from tests.core.abroad import DE, Abroad, at, policy, unbalanced
from tests.core.builders import Body, billed, credit, event, invoice, line, payment, refund, signed

MONTHS = ("2026-01", "2026-02", "2026-03")
ENDS = ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30")
RATE = st.integers(1, 40_000)
CENTS = st.integers(1, 60_000)


@dataclass
class Books:
    """A desk, and what was sent to it so far in cents."""

    desk: Abroad
    scale: Decimal
    """What a whole rate is worth: 0.0001 for euros, 0.01 for yen."""
    invoices: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    number: int = 0

    def take(self, body: Body, rate: int, on: str, supersedes: str | None = None) -> str:
        self.number += 1
        name = f"e{self.number}"
        stated = rate * self.scale
        # A rate of exactly 1 is none (section 11).
        self.desk.take(at(str(stated if stated != 1 else 2 * stated), name, body, on, supersedes=supersedes))
        return f"T-{name}"

    def bill(self, cents: int, rate: int, on: str) -> None:
        number = f"I{self.number}"
        lines = (billed(_amount(cents), taxes=[("DE", _amount(cents * 19 // 100))]),)
        self.standing.append(self.take(invoice(number, *lines), rate, on))
        self.invoices.append(number)

    def act(self, kind: str, which: int, cents: int, rate: int, on: str) -> None:
        if kind == "bill" or not self.invoices:
            self.bill(cents, rate, on)
            return
        of = self.invoices[which % len(self.invoices)]
        if kind == "credit":
            lines = (billed(_amount(cents), taxes=[("DE", _amount(cents * 7 // 100))]),)
            self.take(credit(f"K{self.number}", *lines, of=of if which % 3 else None), rate, on)
        elif kind == "pay":
            self.take(payment(f"P{self.number}", of, _amount(cents)), rate, on)
        elif kind == "refund":
            self.take(refund(f"R{self.number}", of, _amount(cents)), rate, on)
        elif self.standing:
            wrong = self.standing.pop(which % len(self.standing))
            if kind == "correct":
                self.take(invoice(f"I{self.number}", billed(_amount(cents))), rate, on, supersedes=wrong)
            else:
                self.desk.ask(OperatorAction.REVERSE, wrong)
                self.desk.settle()

    def finish(self, rate: int) -> None:
        """Bill what is earned and not billed or the opposite, and pay what is open."""
        missing = self.desk.contract.recognised - self.desk.contract.billed
        if missing > 0:
            self.take(invoice("I-last", billed(str(missing))), rate, "2026-04-20")
        elif missing < 0:
            self.take(credit("K-last", billed(str(-missing))), rate, "2026-04-20")
        open_amount = sum((row.balance for row in self.desk.ledger.balances() if row.account == "1100"), ZERO)
        if open_amount > 0:
            self.take(payment("P-last", self.invoices[0], str(open_amount)), rate, "2026-04-25")
        elif open_amount < 0:
            self.take(refund("R-last", self.invoices[0], str(-open_amount)), rate, "2026-04-25")


def _clears_asset(posting: ErpPosting) -> bool:
    return any(line.account == "1200" and line.credit for line in posting.body.lines)


def _amount(cents: int) -> str:
    return str(Decimal(cents).scaleb(-2))


ACTION = st.tuples(
    st.sampled_from(("bill", "bill", "credit", "pay", "pay", "refund", "correct", "reverse")),
    st.integers(0, 11),
    CENTS,
    RATE,
)


@given(
    functional=st.sampled_from(("EUR", "JPY")),
    months=st.lists(st.lists(ACTION, max_size=4), min_size=3, max_size=3),
    closing=st.lists(RATE, min_size=4, max_size=4),
    last=RATE,
    returns=st.sampled_from((0, 10_000, 40_000)),
)
@settings(deadline=None, max_examples=60)
def test_journals_balance_in_both_currencies_and_what_is_settled_is_carried_at_nothing(
    functional: str, months: list[list[tuple[str, int, int, int]]], closing: list[int], last: int, returns: int
) -> None:
    scale = Decimal("0.0001") if functional == "EUR" else Decimal("0.01")
    rates = {day: str(rate * scale) for day, rate in zip(ENDS, closing, strict=True)}
    desk = Abroad(policy(rates, functional=functional))
    terms = signed(line(price="1000.01", start="2026-01-01", end="2026-03-31"))
    if returns:
        expected = PossibleOutcome(amount=Decimal(_amount(-returns)), probability=Decimal(1))
        terms = replace(
            terms, variable=(VariableConsideration(variable_id="V", outcomes=(expected,), refundable=True),)
        )
    books = Books(desk.take(event("signed", terms, entity=DE, source="crm")), scale)
    books.bill(1, last, "2026-01-01")
    for month, actions in zip(MONTHS, months, strict=True):
        for kind, which, cents, rate in actions:
            books.act(kind, which, cents, rate, f"{month}-15")
            carried = desk.contract.carried
            assert carried is not None
            owed = -carried.liability.amount - carried.refund_liability.amount
            assert owed - carried.asset.amount == desk.contract.position
            assert -carried.refund_liability.amount == desk.contract.refund_liability
            assert len({item.amount > 0 for item in carried.receivables}) <= 1
        desk.close(month)
    books.finish(last)
    assert desk.exceptions == []
    assert unbalanced(desk.postings) == []
    for posting in desk.postings:  # rounding differences are no exchange differences
        if posting.body.description.startswith("Revenue") and not _clears_asset(posting):
            assert {"4900", "7900"}.isdisjoint(line.account for line in posting.body.lines)
    assert desk.ledger.postings == desk.postings  # the ledger checks the same, and took them all
    carried = desk.contract.carried
    assert carried is not None
    assert (carried.receivables, carried.liability.functional, carried.asset.functional) == ((), ZERO, ZERO)
    assert carried.refund_liability.functional == ZERO
    assert not {"1100", "1200", "2100", "2400"} & set(desk.balances())
