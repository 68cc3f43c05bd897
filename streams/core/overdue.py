"""What time does to a contract: unanswered commands are sent again, events that waited too long become exceptions."""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from streams.core.contract import AWAITS_APPROVAL, Contract, InFlight, Parked, PendingPosting, Wait
from streams.core.policy import Bounds
from streams.core.steps import fail
from streams.core.turn import Turn
from streams.records import AuditAction, ErpPosting, ProcessingStatus, RevenueCommand, RootCause


def next_due(contract: Contract, bounds: Bounds) -> dt.datetime | None:
    """Return when time will next change the contract, or None when it will not."""
    due = [_resend_at(step, bounds) for step in contract.queue if step.command and step.answer is None]
    due += [_resend_at(pending, bounds) for pending in contract.postings if not pending.held]
    if not contract.changing:
        due += [parked.since + bounds.parked_for for parked in contract.parked if _expires(parked)]
    return min(due, default=None)


def overdue(turn: Turn) -> None:
    """Send again what is unanswered, as far as it is time."""
    _resend_commands(turn)
    _resend_postings(turn)


def _resend_at(sent: InFlight | PendingPosting, bounds: Bounds) -> dt.datetime:
    wait = min(bounds.resend_after * (1 << min(sent.attempts - 1, 30)), bounds.resend_at_most)
    return sent.sent_at + wait


def _resend_commands(turn: Turn) -> None:
    queue = list(turn.contract.queue)
    for index, step in enumerate(queue):
        if step.command is None or step.answer is not None or _resend_at(step, turn.policy.bounds) > turn.at:
            continue
        queue[index] = replace(step, attempts=step.attempts + 1, sent_at=turn.at)
        _resend(turn, step, step.command, AuditAction.REVENUE_RESENT, ProcessingStatus.AWAITING_REVENUE)
    if turn.contract.queue != (sent := tuple(queue)):
        turn.change(queue=sent)


def _resend_postings(turn: Turn) -> None:
    postings = list(turn.contract.postings)
    for index, pending in enumerate(postings):
        if pending.held or _resend_at(pending, turn.policy.bounds) > turn.at:
            continue
        postings[index] = replace(pending, attempts=pending.attempts + 1, sent_at=turn.at)
        _resend(turn, pending, pending.posting, AuditAction.POSTING_RESENT, ProcessingStatus.AWAITING_POSTING)
    if turn.contract.postings != (sent := tuple(postings)):
        turn.change(postings=sent)


def _resend(
    turn: Turn,
    sent: InFlight | PendingPosting,
    command: RevenueCommand | ErpPosting,
    action: AuditAction,
    status: ProcessingStatus,
) -> None:
    """Send a command once more; after the last attempt that is bounded its silence becomes an exception, once."""
    turn.send(command)
    attempt = f"attempt {sent.attempts + 1}"
    turn.audit(action, sent.event, status, command_id=command.command_id, detail=attempt)
    if sent.attempts == turn.policy.bounds.attempts:
        system = "revenue recognition" if isinstance(command, RevenueCommand) else "the ERP"
        turn.exception(
            RootCause.TIMEOUT,
            sent.event,
            f"{system} has not accepted {command.command_id} after {sent.attempts} attempts: "
            "check the connector and its last answer; the command is still being sent",
            subject=command.command_id,
        )


def _expires(parked: Parked) -> bool:
    """An event that waits for approval has its exception already; one behind a contract change waits for resends."""
    return parked.wait is not Wait.REVENUE and parked.wait not in AWAITS_APPROVAL


def give_up_next(turn: Turn) -> bool:
    """Make the first event that has waited too long an exception; return whether there was one.

    One at a time: what waited behind it may be able to go on now. While a change is in flight nothing is given up,
    because what waits for it could not go on, however long the answer takes.
    """
    if turn.contract.changing:
        return False
    for parked in turn.contract.parked:
        if not _expires(parked) or parked.since + turn.policy.bounds.parked_for > turn.at:
            continue
        turn.change(parked=tuple(other for other in turn.contract.parked if other is not parked))
        message = (
            f"parked since {parked.since:%Y-%m-%d %H:%M} UTC, longer than {turn.policy.bounds.parked_for}: "
            f"{parked.reason}; send what is missing, then this event again under a new event id"
        )
        fail(turn, parked.event, parked.wait.root_cause, message, parked.source)
        return True
    return False
