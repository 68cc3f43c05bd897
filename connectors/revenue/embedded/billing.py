"""Invoices and credit notes, and the reversal of what was recorded (docs/accounting.md sections 5 and 7).

Billing moves no revenue, except a credit note that lowers the price (ASC 606-10-32-42 to 45), and on lines that are
earned as invoiced (606-10-55-18).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from connectors.revenue.embedded.as_invoiced import earn_invoiced, earns_as_invoiced
from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.minor_units import to_minor, to_minor_not_negative
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.performance import check_still_rated, with_usage
from connectors.revenue.embedded.price_change import change_price, unknown_line
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import (
    AccountingTreatment,
    CreditEffect,
    DocumentLine,
    RecordBilling,
    RecordUsage,
    RevenueCommand,
    ReverseTransaction,
    TreatmentDecision,
)


def record_billing(book: Book, command: RevenueCommand, body: RecordBilling) -> Outcome:
    """Add a document to what was billed, and earn what it bills on lines as invoiced. Raises CommandRefusedError."""
    document = f"{'credit note' if body.credit else 'invoice'} {body.document_id}"
    if not body.lines:
        raise CommandRefusedError(
            RefusalCode.NOTHING_TO_CHANGE, f"{document} has no line; expected at least one. Send the document's lines."
        )
    known = {line.line_id for line in book.lines}
    sign = -1 if body.credit else 1
    nets: list[tuple[DocumentLine, int]] = []
    for line in body.lines:
        if line.line_id not in known:
            raise unknown_line(book, line.line_id)
        net = to_minor_not_negative(line.net, book.currency, f"net of line {line.line_id} of {document}")
        nets.append((line, sign * net))
    billed = replace(book, billed=book.billed + sum(net for _, net in nets))
    changed, invoiced = earn_invoiced(billed, command.effective_date, nets, document)
    reduces = _reduces_price(body)
    priced = [(line.line_id, net) for line, net in nets if reduces and not earns_as_invoiced(book, line.line_id)]
    if not priced:
        return Outcome(changed, decisions=invoiced, rescheduled=bool(invoiced))
    changed, decisions = change_price(changed, command.effective_date, priced, 0, document)
    return Outcome(changed, AccountingTreatment.PRICE_CHANGE, invoiced + decisions)


def _reduces_price(body: RecordBilling) -> bool:
    return body.credit and body.effect is CreditEffect.PRICE_REDUCTION


def reverse(book: Book, body: ReverseTransaction, earlier: Mapping[str, RevenueCommand]) -> Outcome:
    """Undo an accepted billing or usage command. Raises CommandRefusedError.

    Usage is taken back from the day that earned it. What reduced the price is taken back by a replay (`correction`).
    """
    target = body.reverses_command_id
    reversed_command = reversible(book, body, earlier)
    marked = replace(book, reversed_commands=(*book.reversed_commands, target))
    original = reversed_command.body
    if isinstance(original, RecordBilling):
        sign = 1 if original.credit else -1
        nets = [(line, sign * to_minor(line.net, book.currency, "net")) for line in original.lines]
        billed = replace(marked, billed=book.billed + sum(net for _, net in nets))
        cause = f"{original.document_id} is taken back"
        changed, decisions = earn_invoiced(billed, reversed_command.effective_date, nets, cause)
        return Outcome(changed, decisions=decisions, rescheduled=bool(decisions))
    if isinstance(original, RecordUsage):
        usage = original.usage
        decision = TreatmentDecision(
            line_id=usage.line_id,
            treatment=AccountingTreatment.NOT_A_MODIFICATION,
            reason=f"usage of {usage.amount} on {usage.usage_end} is taken back ({body.reason}) (606-10-32-40)",
        )
        amount = to_minor(usage.amount, book.currency, "usage")
        taken_back = with_usage(marked, usage, amount, back=True)
        check_still_rated(taken_back, usage, body.replacement)
        return Outcome(taken_back, decisions=(decision,))
    raise CommandRefusedError(
        RefusalCode.NOT_REVERSIBLE,
        f"command {target} is a {type(original).__name__}; expected one that creates no version of the contract. "
        "Correct it with an event of the same type that supersedes it.",
    )


def reversible(book: Book, body: ReverseTransaction, earlier: Mapping[str, RevenueCommand]) -> RevenueCommand:
    """Return the command that a reversal names. Raises CommandRefusedError where it may not be taken back."""
    target = body.reverses_command_id
    reversed_command = earlier.get(target)
    if reversed_command is None or reversed_command.context.contract_id != book.contract_id:
        raise CommandRefusedError(
            RefusalCode.UNKNOWN_COMMAND,
            f"command {target} was not accepted on contract {book.contract_id}; expected one that was. "
            "Nothing was recorded that needs a reversal.",
        )
    if target in book.reversed_commands:
        raise CommandRefusedError(
            RefusalCode.ALREADY_REVERSED, f"command {target} is reversed already; expected to reverse it once."
        )
    return reversed_command
