"""What is not distinct is performed as one promise, so that one pattern says how: lines that differ are refused."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.revenue.embedded.refusal import RefusalCode
from tests.revenue.commands import COST, DAILY, MONTHLY, USAGE, Contract, amend, establish
from tests.revenue.commands import line as engine_line
from tests.revenue.examples.told import Told, line


def together(line_id: str, pattern: str, **more: Any) -> dict[str, Any]:
    """Return a line that is not distinct."""
    return line(line_id, pattern, "100", **({"distinct": False} | more))


@pytest.mark.parametrize("kind", ["ContractSigned", "ContractRenewed", "ContractAmended"])
def test_lines_that_are_not_distinct_and_recognised_differently_are_refused_when_they_come(kind: str) -> None:
    lines = [together("A", "RATABLE_MONTHLY"), line("B", "MILESTONE", "100"), together("C", "MILESTONE")]
    if kind == "ContractSigned":
        reason = Told().sign(*lines).refused()
    else:
        told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"))
        field = "lines" if kind == "ContractRenewed" else "added_lines"
        reason = told.tell(kind, "2026-02-01", **{field: lines}).refused()
    assert "lines/2/pattern" in reason
    assert "found MILESTONE" in reason
    assert "expected RATABLE_MONTHLY" in reason
    assert "'A'" in reason


def test_usage_is_a_promise_of_its_own_and_lines_of_one_pattern_are_one() -> None:
    lines = [together("A", "MILESTONE"), line("U", "USAGE", "0", distinct=False), together("C", "MILESTONE")]
    assert Told().sign(*lines).run().allocated() == {"A": "200.00", "U": "0.00"}


def test_a_line_that_joins_what_is_not_distinct_is_recognised_like_it() -> None:
    contract = Contract()
    contract.do(establish(engine_line("A", "100", pattern=MONTHLY, distinct=False)))
    for pattern, cost in ((DAILY, None), (COST, "10")):
        joins = engine_line("B", "50", pattern=pattern, distinct=False, cost=cost)
        answer = contract.refused(amend(added=[joins]), "2026-02-01")
        assert answer.code == RefusalCode.PATTERN_INVALID
        assert f"found {pattern}, expected RATABLE_MONTHLY" in answer.reason
    contract.do(amend(added=[engine_line("B", "50", pattern=MONTHLY, distinct=False)]), "2026-02-01")
    contract.do(amend(added=[engine_line("U", "0", pattern=USAGE, distinct=False)]), "2026-02-01")
