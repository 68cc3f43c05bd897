"""The engine is quick enough to be asked anything: a typical amendment in well under 200 µs on a quiet machine."""

from __future__ import annotations

import time

import pytest

from connectors.revenue.embedded import Book, recognise
from streams.records import RevenueAccepted, RevenueCommand
from tests.revenue.commands import MONTHLY, POINT, USAGE, CommandBody, Contract, amend, change, command, establish, line

BOUND_SECONDS = 0.001
"""Five times the target of 200 µs: a shared machine with a busy neighbour stays below it, a loop over days does not."""
ROUNDS, TIMES = 30, 20


def year() -> Contract:
    """Return a contract of a subscription, support, onboarding and usage over a year."""
    contract = Contract()
    contract.do(
        establish(
            line("SUB", "12000", "14000", quantity="10"),
            line("SUP", "2400", "2400", pattern=MONTHLY, product_line="support"),
            line("ONB", "900", "1200", pattern=POINT),
            line("USE", "0", pattern=USAGE),
        )
    )
    return contract


AMENDMENTS: dict[str, CommandBody] = {
    "seats at SSP": amend(change("SUB", "15500", "17500", quantity="12")),
    "seats below SSP": amend(change("SUB", "13500", "16800", quantity="12")),
    "a line added": amend(added=[line("SEC", "600", "800", start="2026-05-01")]),
    "mixed": amend(
        change("SUB", "13500", "16800", quantity="12"), added=[line("SEC", "600", start="2026-05-01")], removed=["SUP"]
    ),
}


def fastest(book: Book | None, sent: RevenueCommand) -> float:
    """Return the seconds of one execution in the fastest of several rounds, which the machine disturbed least."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(TIMES):
            _, answer = recognise(book, sent)
        best = min(best, (time.perf_counter() - begun) / TIMES)
        assert isinstance(answer, RevenueAccepted), answer
    return best


@pytest.mark.parametrize("kind", AMENDMENTS)
def test_a_typical_amendment_is_executed_at_once(kind: str) -> None:
    took = fastest(year().book, command(AMENDMENTS[kind], "2026-04-15", version=2))
    print(f"{kind}: {took * 1e6:.0f} µs")
    assert took < BOUND_SECONDS
