"""The exercise of options that are material rights by a renewal or an amendment (docs/accounting.md section 14.5).

ASC 606-10-55-42 to 45: what was allocated to the option becomes part of the price of what it is exercised for. Knows
the book and its options; not how the added lines are allocated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.earning import DAY, cut, total
from connectors.revenue.embedded.progress import COMPLETE
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode


@dataclass(frozen=True, slots=True)
class Exercised:
    """The obligations of a contract once options are exercised, and what they had been allocated."""

    obligations: tuple[Obligation, ...]
    amount: int


def exercise(book: Book, option_ids: Sequence[str], day: dt.date) -> Exercised:
    """Take what is allocated to options off them. Raises CommandRefusedError for one that cannot be exercised."""
    obligations = list(book.obligations)
    amount = 0
    for option_id in option_ids:
        at = next((at for at, it in enumerate(obligations) if it.option and it.obligation_id == option_id), None)
        if at is None:
            known = ", ".join(it.obligation_id for it in book.obligations if it.option) or "none"
            raise CommandRefusedError(
                RefusalCode.OPTION_INVALID,
                f"option {option_id} is exercised and is no option of contract {book.contract_id}; expected one of "
                f"{known}. Correct exercised_options, or leave it out.",
            )
        option = obligations[at]
        if option.progress == COMPLETE or day > option.end:
            state = "exercised before" if option.progress == COMPLETE else f"expired on {option.end}"
            raise CommandRefusedError(
                RefusalCode.OPTION_INVALID,
                f"option {option_id} is exercised on {day} and was {state}; expected one that is open. "
                "Correct the date, or leave it out of exercised_options.",
            )
        kept = cut(option.segments, day - DAY)
        amount += option.allocated - total(kept)
        obligations[at] = replace(option, allocated=total(kept), segments=kept, progress=COMPLETE)
    return Exercised(tuple(obligations), amount)
