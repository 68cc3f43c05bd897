"""The exercise of options that are material rights by a renewal or an amendment (docs/accounting.md section 14.5).

ASC 606-10-55-42 to 45: what was allocated to the option becomes part of the price of what it is exercised for. Knows
the book and its options; not how the added lines are allocated.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Measure, Obligation
from connectors.revenue.embedded.earning import DAY, cut, plan, total
from connectors.revenue.embedded.minor_units import divide
from connectors.revenue.embedded.progress import COMPLETE
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import ContractAmended


@dataclass(frozen=True, slots=True)
class Exercised:
    """The obligations of a contract once options are exercised, and what they had been allocated."""

    obligations: tuple[Obligation, ...]
    amount: int
    names: tuple[str, ...]
    """What was exercised, in words."""


def exercises(change: ContractAmended) -> bool:
    """Tell whether a change exercises options, or parts of them."""
    return bool(change.exercised_options or change.exercised_parts)


def exercise(book: Book, change: ContractAmended, day: dt.date) -> Exercised:
    """Take what is allocated to options off them, of a part its share of what is left.

    Raises CommandRefusedError for one that cannot be exercised.
    """
    asked: list[tuple[str, Decimal | None]] = [(name, None) for name in change.exercised_options]
    asked += [(part.option_id, part.quantity) for part in change.exercised_parts]
    obligations = list(book.obligations)
    amount = 0
    names: list[str] = []
    for number, (option_id, quantity) in enumerate(asked):
        if any(option_id == other for other, _ in asked[:number]):
            raise _invalid(f"option {option_id} is exercised twice; expected it once. Name it once, with its quantity.")
        at = next((at for at, it in enumerate(obligations) if it.option and it.obligation_id == option_id), None)
        if at is None:
            known = ", ".join(it.obligation_id for it in book.obligations if it.option) or "none"
            raise _invalid(
                f"option {option_id} is exercised and is no option of contract {book.contract_id}; expected one of "
                f"{known}. Correct what is exercised, or leave it out."
            )
        option = obligations[at]
        if option.progress == COMPLETE or day > option.end:
            state = "exercised before" if option.progress == COMPLETE else f"expired on {option.end}"
            raise _invalid(
                f"option {option_id} is exercised on {day} and was {state}; expected one that is open. "
                "Correct the date, or leave it out of what is exercised."
            )
        obligations[at], taken, name = _exercised(option, quantity, day)
        amount += taken
        names.append(name)
    return Exercised(tuple(obligations), amount, tuple(names))


def _exercised(option: Obligation, quantity: Decimal | None, day: dt.date) -> tuple[Obligation, int, str]:
    """Return an option once a quantity of it, or all that is left, is exercised, and what that had been allocated."""
    measure = option.measure or Measure(Decimal(1))
    left = measure.expected - measure.done
    taken = left if quantity is None else quantity
    if not 0 < taken <= left:
        raise _invalid(
            f"{taken.normalize():f} of option {option.obligation_id} is exercised on {day}: {left.normalize():f} of "
            f"{measure.expected.normalize():f} is left; "
            "expected more than 0 and at most that. Correct the quantity."
        )
    kept = cut(option.segments, day - DAY)
    open_ = option.allocated - total(kept)
    above, below = taken.as_integer_ratio()
    whole, part = left.as_integer_ratio()
    amount = divide(open_ * above * part, below * whole)
    rest = replace(option, allocated=option.allocated - amount, segments=kept)
    if taken == left:
        return replace(rest, progress=COMPLETE), amount, option.obligation_id
    rest = replace(
        rest,
        segments=kept + plan(rest, open_ - amount, day),
        measure=replace(measure, done=measure.done + taken),
    )
    return rest, amount, f"{taken.normalize():f} of {measure.expected.normalize():f} of {option.obligation_id}"


def _invalid(reason: str) -> CommandRefusedError:
    return CommandRefusedError(RefusalCode.OPTION_INVALID, reason)
