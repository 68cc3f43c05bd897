"""The embedded revenue platform as one pure function: a contract's book and a command give the next book and an answer.

Does what docs/accounting.md sections 2 to 6 say. No clock, no I/O, no randomness: the same inputs give the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import assert_never

from msgspec.structs import replace

from connectors.revenue.embedded.answer import answer
from connectors.revenue.embedded.billing import record_billing, reverse, reversible
from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.breakage import revise_breakage
from connectors.revenue.embedded.collectibility import assess
from connectors.revenue.embedded.correction import correct, is_replayed, take_back
from connectors.revenue.embedded.financing import before_financed, check_untouched
from connectors.revenue.embedded.inception import establish
from connectors.revenue.embedded.modification import modify
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.performance import record_fulfilment, record_usage
from connectors.revenue.embedded.price_change import revise_estimate
from connectors.revenue.embedded.recognition import run
from connectors.revenue.embedded.refund import after_document, after_reversal, after_run, settled
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.termination import terminate
from connectors.revenue.embedded.variable import reestimate
from streams.records import (
    EstablishContract,
    ModifyContract,
    RecordBilling,
    RecordFulfilment,
    RecordUsage,
    RevenueAccepted,
    RevenueCommand,
    RevenueRejected,
    ReverseTransaction,
    ReviseEstimate,
    RunRecognition,
    TerminateContract,
)

NOTHING_EARLIER: Mapping[str, RevenueCommand] = MappingProxyType({})


def recognise(
    book: Book | None, command: RevenueCommand, earlier: Mapping[str, RevenueCommand] = NOTHING_EARLIER
) -> tuple[Book | None, RevenueAccepted | RevenueRejected]:
    """Execute a command on the book of its contract, None where the contract is not known yet.

    `earlier` holds, by command id, the accepted commands of the contract that a ReverseTransaction may name, and for a
    command that corrects one, or takes back one that is replayed (`correction.is_replayed`), all accepted commands of
    the contract, in order. A command that is rejected leaves the
    book as it was. Idempotency by command id is the caller's.
    """
    try:
        if book is not None and command.corrects_command_id in earlier:
            outcome = correct(book, command, earlier, partial(_execute, earlier=earlier))
        else:
            outcome = _execute(book, command, earlier)
        executed = 0 if book is None else book.executed
        return replace(outcome.book, executed=executed + 1), answer(outcome)
    except CommandRefusedError as refused:
        return book, RevenueRejected(code=refused.code.value, reason=refused.reason)


def _execute(book: Book | None, command: RevenueCommand, earlier: Mapping[str, RevenueCommand]) -> Outcome:
    if book is None or book.financing is None:
        return _executed(book, command, earlier)
    ready = before_financed(book, command)
    outcome = _executed(ready, command, earlier)
    check_untouched(ready, outcome.book)
    return outcome


def _executed(book: Book | None, command: RevenueCommand, earlier: Mapping[str, RevenueCommand]) -> Outcome:
    body = command.body
    contract_id = command.context.contract_id
    if isinstance(body, EstablishContract):
        if book is not None:
            raise CommandRefusedError(
                RefusalCode.ALREADY_ESTABLISHED,
                f"contract {contract_id} is established, version {book.version}; expected a new contract. "
                "Send a new term as a renewal and a change as an amendment.",
            )
        return establish(command, body)
    if book is None or book.contract_id != contract_id:
        raise CommandRefusedError(
            RefusalCode.UNKNOWN_CONTRACT,
            f"contract {contract_id} is not established; expected EstablishContract first. Send the signed contract.",
        )
    match body:
        case ModifyContract():
            _check_creates_next_version(book, command)
            return modify(book, command, body)
        case TerminateContract():
            _check_creates_next_version(book, command)
            return terminate(book, command, body)
        case RecordBilling():
            return settled(record_billing(book, command, body), lambda now: after_document(now, body))
        case RecordUsage():
            return record_usage(book, body)
        case RecordFulfilment():
            return record_fulfilment(book, command, body)
        case ReviseEstimate(estimate=estimate) if (
            estimate.collection_probable is not None or estimate.consideration_kept is not None
        ):
            return assess(book, command, estimate)
        case ReviseEstimate(estimate=estimate) if estimate.breakage_percent is not None:
            return revise_breakage(book, command, estimate, estimate.breakage_percent)
        case ReviseEstimate() if body.estimate.variable_id is not None:
            return reestimate(book, command, body)
        case ReviseEstimate():
            return revise_estimate(book, command, body)
        case ReverseTransaction():
            target = reversible(book, body, earlier)
            if is_replayed(target):
                undone = take_back(book, target, earlier, partial(_execute, earlier=earlier))
            else:
                undone = reverse(book, body, earlier)
            return settled(undone, lambda now: after_reversal(now, body.reverses_command_id, earlier))
        case RunRecognition():
            return settled(run(book, command, body), lambda now: after_run(now, body))
        case _:
            assert_never(body)


def _check_creates_next_version(book: Book, command: RevenueCommand) -> None:
    if book.terminated_on is not None:
        raise CommandRefusedError(
            RefusalCode.CONTRACT_TERMINATED,
            f"contract {book.contract_id} ended on {book.terminated_on}; expected no change after the termination. "
            "Sign a new contract.",
        )
    version = command.context.contract_version
    if version != book.version + 1:
        raise CommandRefusedError(
            RefusalCode.VERSION_CONFLICT,
            f"the change of contract {book.contract_id} creates version {version} and version {book.version} is in "
            f"force; expected {book.version + 1}. Send the versions in order.",
        )
