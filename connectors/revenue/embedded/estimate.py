"""How much of what may happen is included in the price: the estimate and its constraint.

Section 12 of docs/accounting.md (ASC 606-10-32-5 to 13). Knows outcomes and amounts; knows no contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from connectors.revenue.embedded.minor_units import digits, to_minor
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import EstimateMethod, PossibleOutcome


def estimated(outcomes: Sequence[PossibleOutcome], method: EstimateMethod, currency: str, what: str) -> int:
    """Return the estimate in minor units, half-even. Raises CommandRefusedError, naming `what` is estimated."""
    whole = sum((outcome.probability for outcome in outcomes), Decimal(0))
    if whole != 1:
        raise CommandRefusedError(
            RefusalCode.ESTIMATE_INVALID,
            f"the probabilities of {what} add up to {whole}; expected 1. Correct them, or add what is missing.",
        )
    if method is EstimateMethod.EXPECTED_VALUE:
        amount = sum((outcome.amount * outcome.probability for outcome in outcomes), Decimal(0))
    else:
        amount = _most_likely(outcomes, what)
    return int(amount.scaleb(digits(currency)).to_integral_value(ROUND_HALF_EVEN))


def constrained(estimate: int, highly_probable: Decimal | None, currency: str, what: str) -> int:
    """Return what of an estimate is included: never more than what is highly probable to stay (606-10-32-11)."""
    if highly_probable is None:
        return estimate
    return min(estimate, to_minor(highly_probable, currency, f"highly probable amount of {what}"))


def _most_likely(outcomes: Sequence[PossibleOutcome], what: str) -> Decimal:
    likely: Counter[Decimal] = Counter()
    for outcome in outcomes:
        likely[outcome.amount] += outcome.probability  # type: ignore[assignment]
    most = max(likely.values())
    amounts = [amount for amount, probability in likely.items() if probability == most]
    if len(amounts) > 1:
        raise CommandRefusedError(
            RefusalCode.ESTIMATE_INVALID,
            f"{' and '.join(map(str, amounts))} of {what} are equally likely; expected one most likely amount "
            "(606-10-32-8(b)). Say which is likelier, or estimate an expected value.",
        )
    return amounts[0]
