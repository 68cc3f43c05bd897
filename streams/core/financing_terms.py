"""What a contract may say about a significant financing component (docs/accounting.md section 18; 606-10-32-15 to 20).

Knows one event and the policy; knows no book and computes no interest.
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.core.findings import Findings, Rule
from streams.core.money import ZERO
from streams.core.pattern_terms import RATABLE
from streams.core.policy import Policy
from streams.records import (
    ContractSigned,
    EstablishContract,
    Financing,
    RecognitionPattern,
    RevenueCommand,
)

TRANSFERRED_AS_PLANNED = (RecognitionPattern.POINT_IN_TIME, *RATABLE)
"""Patterns of which it is known at inception what is transferred when, so that payments can be valued."""


def by_policy(command: RevenueCommand, policy: Policy) -> RevenueCommand:
    """Return the command without the practical expedient of 606-10-32-18 where the policy does not use it."""
    body = command.body
    if not isinstance(body, EstablishContract) or policy.financing_expedient:
        return command
    financing = body.terms.financing
    if financing is None or not financing.expedient:
        return command
    terms = replace(body.terms, financing=replace(financing, expedient=False))
    return replace(command, body=replace(body, terms=terms))


def financing_terms(found: Findings, at: str, body: ContractSigned, financing: Financing) -> None:
    """Report what keeps a financing component from being measured. `at` is the pointer to it."""
    if not ZERO < financing.annual_rate < 1:
        found.add(
            f"{at}/annual_rate",
            Rule.FINANCING,
            f"found {financing.annual_rate}, expected above 0 and below 1: 0.1 is 10 % a year, effective; "
            "correct it, or leave financing out where there is no interest",
        )
    found.plausible(f"{at}/transfer_on", financing.transfer_on)
    _payments(found, at, body, financing)
    line = next((line for line in body.lines if line.line_id == financing.line_id), None)
    if line is None:
        found.add(
            f"{at}/line_id",
            Rule.UNKNOWN_LINE,
            f"found {financing.line_id!r}, expected one of {', '.join(it.line_id for it in body.lines)}; correct it",
        )
        return
    if line.pattern not in TRANSFERRED_AS_PLANNED or not line.distinct:
        what = line.pattern if line.distinct else "a line that is not distinct"
        found.add(
            f"{at}/line_id",
            Rule.FINANCING,
            f"found {line.line_id!r}, {what}, expected a distinct line of {', '.join(TRANSFERRED_AS_PLANNED)}: what "
            "is transferred when must be known to value the payments (606-10-32-15); finance another line, or send it "
            "as a line of one of these patterns",
        )
        return
    if line.pattern is not RecognitionPattern.POINT_IN_TIME and financing.transfer_on != line.start_date:
        found.add(
            f"{at}/transfer_on",
            Rule.FINANCING,
            f"found {financing.transfer_on}, expected {line.start_date}, the first day of service of line "
            f"{line.line_id!r}; correct one of them",
        )
    paid = sum((payment.amount for payment in financing.payments), ZERO)
    if financing.payments and paid != line.price:
        found.add(
            f"{at}/payments",
            Rule.FINANCING,
            f"found payments that add up to {paid}, expected {line.price}, the price of line {line.line_id!r}: the "
            "price is all that is promised, interest included, and ssp is the cash selling price; correct one of them",
        )


def _payments(found: Findings, at: str, body: ContractSigned, financing: Financing) -> None:
    if not financing.payments:
        found.add(
            f"{at}/payments",
            Rule.FINANCING,
            "found no payment, expected at least one; send what is paid when, or leave financing out",
        )
    for index, payment in enumerate(financing.payments):
        found.plausible(f"{at}/payments/{index}/due_on", payment.due_on)
        found.positive(f"{at}/payments/{index}/amount", payment.amount, "leave the payment out")
        found.exact(f"{at}/payments/{index}/amount", payment.amount, body.currency)
