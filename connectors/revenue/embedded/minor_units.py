"""Money as whole numbers of a currency's minor unit: exact, and fast where every cent is split (accounting section 1).

Inside the engine an amount is an `int` of minor units; decimals exist at its edges only. Knows no accounting.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from math import lcm

from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.money import minor_unit


@cache
def digits(currency: str) -> int:
    """Return the decimals of a currency: 2 for USD, 0 for JPY."""
    exponent = minor_unit(currency).as_tuple().exponent
    return -int(exponent)


def to_minor(amount: Decimal, currency: str, what: str) -> int:
    """Return an amount in minor units.

    Raises CommandRefusedError, naming `what` the amount is, when it has more decimals than the currency.
    """
    if amount.is_finite():
        scaled = amount.scaleb(digits(currency))
        whole = int(scaled)
        if whole == scaled:
            return whole
    raise CommandRefusedError(
        RefusalCode.AMOUNT_INVALID,
        f"{what} is {amount}; expected at most {digits(currency)} decimals for {currency}. "
        "Round it in the source system and send it again.",
    )


def to_minor_not_negative(amount: Decimal, currency: str, what: str) -> int:
    """Return an amount in minor units. Raises CommandRefusedError when it is negative or too exact."""
    minor = to_minor(amount, currency, what)
    if minor < 0:
        raise CommandRefusedError(
            RefusalCode.AMOUNT_INVALID,
            f"{what} is {amount}; expected 0 or more. Put a reduction into the price of the line it reduces.",
        )
    return minor


def to_amount(minor: int, currency: str) -> Decimal:
    """Return minor units as a decimal with the currency's decimals."""
    return Decimal(minor).scaleb(-digits(currency))


def divide(numerator: int, denominator: int) -> int:
    """Divide and round half-even."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, remainder = divmod(numerator, denominator)
    twice = remainder + remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split by weights with cumulative rounding: the shares add up to the amount.

    Raises ZeroDivisionError when the weights add up to nothing.
    """
    whole = sum(weights)
    shares: list[int] = []
    running = before = 0
    for weight in weights:
        running += weight
        upto = divide(amount * running, whole)
        shares.append(upto - before)
        before = upto
    return shares


def common_weights(fractions: Sequence[tuple[int, int]]) -> list[int]:
    """Bring weights given as numerator and denominator to whole numbers of the same proportions."""
    denominator = lcm(*(below for _, below in fractions))
    return [above * (denominator // below) for above, below in fractions]
