"""Steps of an admitted event on their way to revenue recognition: starting, taking back, failing, remembering."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec.structs import replace

from streams.core.commands import correcting_command, reversal_command
from streams.core.contract import Document, InFlight, PendingPosting, changes_version, invoice_key, transaction_key
from streams.core.financing_terms import by_policy
from streams.core.journals import net_of
from streams.core.money import ZERO
from streams.core.turn import Turn
from streams.records import (
    AuditAction,
    CommercialEvent,
    CreditIssued,
    InvoiceIssued,
    PeriodClosed,
    PeriodOpened,
    PostJournal,
    ProcessingStatus,
    RootCause,
    SourceRecord,
)


def start(turn: Turn, step: InFlight) -> None:
    """Queue a step and send its revenue command, if it has one."""
    turn.change(queue=(*turn.contract.queue, step))
    if step.command is None:
        return
    turn.send(step.command)
    turn.audit(
        AuditAction.COMPENSATION_REQUESTED if step.compensates else AuditAction.REVENUE_COMMANDED,
        step.event,
        ProcessingStatus.AWAITING_REVENUE,
        command_id=step.command.command_id,
        detail=type(step.command.body).__name__,
    )
    if step.reverses is None:
        turn.outcome(step.event, ProcessingStatus.AWAITING_REVENUE)
        if changes_book(step):
            turn.change(changing=True)


def changes_book(step: InFlight) -> bool:
    """Tell whether a step creates a version or replays the contract: nothing is admitted until its answer."""
    corrected = step.command is not None and step.command.corrects_command_id is not None
    return step.reverses is None and (corrected or changes_version(step.event))


def correct(turn: Turn, event: CommercialEvent, superseded: Document, day: dt.date) -> None:
    """Start a correction that takes the place of what it corrects.

    A correction that revenue recognition has refused changed nothing: one that supersedes it corrects what it would
    have corrected.
    """
    standing = _standing(turn, superseded)
    command = by_policy(correcting_command(turn.contract.contract_id, event, standing.event), turn.policy)
    for document in (superseded, standing):
        void(turn, document)
    remember(turn, event)
    start(turn, InFlight(event=event, command=command, posting_date=day, sent_at=turn.at))


def stands_on_itself(turn: Turn, event: CommercialEvent, superseded: Document) -> bool:
    """Tell whether a correction would take the place of what it corrects among the documents: both have one name."""
    own = event.context.source_transaction_id
    return any(it.event.context.source_transaction_id == own for it in _chain(turn, superseded))


def correction_refused(turn: Turn, event: CommercialEvent) -> None:
    """A correction was refused: what it would have corrected stands as before."""
    superseded = turn.transaction(event.context.source_system, event.supersedes or "")
    if superseded is not None:
        for document in (superseded, _standing(turn, superseded)):
            _mark(turn, document.event, void=False)


def _standing(turn: Turn, superseded: Document) -> Document:
    return _chain(turn, superseded)[-1]


def _chain(turn: Turn, superseded: Document) -> list[Document]:
    """Return a document and, behind corrections that were refused, those that they would have corrected."""
    chain = [superseded]
    while chain[-1].rejected and chain[-1].event.supersedes:
        before = turn.transaction(chain[-1].event.context.source_system, chain[-1].event.supersedes)
        if before is None:
            break
        chain.append(before)
    return chain


def take_back(
    turn: Turn,
    cause: CommercialEvent,
    document: Document,
    day: dt.date,
    reason: str,
    *,
    compensates: bool = False,
    request: str = "",
) -> None:
    """Start the reversal of a document's event, caused by a correction, an operator or a refusal of the ERP.

    What the ERP has refused, and holds for an operator, is withdrawn: it must not be posted any more.
    """
    void(turn, document)
    withdrawn = _withdraw(turn, document.event)
    command = reversal_command(turn.contract.contract_id, cause, document.event, reason, request)
    step = InFlight(
        event=cause,
        command=command,
        posting_date=day,
        sent_at=turn.at,
        reverses=document.event,
        withdrawn=withdrawn,
        ends=ProcessingStatus.COMPENSATED if compensates else ProcessingStatus.POSTED,
        request=request,
    )
    start(turn, step)


def _withdraw(turn: Turn, event: CommercialEvent) -> PendingPosting | None:
    for pending in turn.contract.postings:
        if pending.held and pending.event.event_id == event.event_id and isinstance(pending.posting.body, PostJournal):
            turn.change(postings=tuple(other for other in turn.contract.postings if other is not pending))
            return pending
    return None


def fail(
    turn: Turn, event: CommercialEvent, cause: RootCause, message: str, source: SourceRecord | None = None
) -> None:
    """End an event as an exception. It takes its place in its source's sequence, so that it blocks nothing."""
    take_sequence(turn, event)
    contract, event_id = turn.contract, event.event_id
    if any(step.event.event_id == event_id for step in contract.queue):
        queue = (
            replace(it, ends=ProcessingStatus.EXCEPTION) if it.event.event_id == event_id else it
            for it in contract.queue
        )
        turn.change(queue=tuple(queue))
    if any(pending.event.event_id == event_id for pending in contract.postings):
        postings = (
            replace(it, ends=ProcessingStatus.EXCEPTION) if it.event.event_id == event_id else it
            for it in contract.postings
        )
        turn.change(postings=tuple(postings))
    turn.exception(cause, event, message, source=source)
    turn.outcome(event, ProcessingStatus.EXCEPTION)


def take_sequence(turn: Turn, event: CommercialEvent) -> None:
    """Count an event in its source's sequence when it is its turn; it will not be approved again either."""
    count_sequence(turn, event)
    if event.event_id in turn.contract.approved:
        turn.change(approved=tuple(other for other in turn.contract.approved if other != event.event_id))


def count_sequence(turn: Turn, event: CommercialEvent) -> None:
    """Count an event in its source's sequence when it is its turn."""
    contract, source = turn.contract, event.context.source_system
    if event.source_sequence is not None and event.source_sequence == contract.sequences.get(source, 0) + 1:
        turn.change(sequences={**contract.sequences, source: event.source_sequence})


def remember(turn: Turn, event: CommercialEvent) -> None:
    """Remember an admitted transaction for those that will refer to it."""
    if isinstance(event.body, PeriodClosed | PeriodOpened):
        return
    _share(turn, event)
    before = turn.document(turn.key_of_transaction(event))
    document = Document(event=event, shared=before is not None and before.shared)
    for key in _keys(turn, event):
        turn.remember_document(key, document)


def _share(turn: Turn, event: CommercialEvent) -> None:
    """Note on the first transaction of an id that another source system has one of the same id."""
    key = transaction_key(event.context.source_transaction_id)
    if turn.key_of_transaction(event) == key:
        return
    first = turn.document(key)
    if first is not None and not first.shared:
        turn.remember_document(key, replace(first, shared=True))


def void(turn: Turn, document: Document) -> None:
    """A document that is taken back cannot be corrected again."""
    _mark(turn, document.event, void=True)


def reject(turn: Turn, event: CommercialEvent) -> None:
    """Remember that revenue recognition has refused a document: a correction has nothing to take back."""
    _mark(turn, event, rejected=True)


def restore(turn: Turn, step: InFlight) -> None:
    """The reversal of a document was refused: the document stands as before, and what was withdrawn waits again."""
    taken_back = step.reverses
    if taken_back is None:
        return
    _mark(turn, taken_back, void=False)
    if step.withdrawn is not None:
        turn.change(postings=(*turn.contract.postings, step.withdrawn))


def finished(turn: Turn, event: CommercialEvent, ends: ProcessingStatus) -> None:
    """An event ends when none of its steps and postings is open any more; that one of them failed is told already."""
    contract = turn.contract
    if any(step.event.event_id == event.event_id for step in contract.queue):
        return
    if any(pending.event.event_id == event.event_id for pending in contract.postings):
        return
    if ends is not ProcessingStatus.EXCEPTION:
        turn.outcome(event, ends)


def corrects(step: InFlight) -> bool:
    """Tell whether a step takes back what its event supersedes, so that the event itself follows it."""
    taken_back = step.reverses
    return taken_back is not None and step.event.supersedes == taken_back.context.source_transaction_id


def was_rejected(turn: Turn, event: CommercialEvent) -> bool:
    """Tell whether revenue recognition has refused a document."""
    known = turn.document(turn.key_of_transaction(event))
    return known is not None and known.event.event_id == event.event_id and known.rejected


def _mark(turn: Turn, event: CommercialEvent, **standing: bool) -> None:
    """Set how an event's document stands, unless another event has taken its place meanwhile."""
    for key in _keys(turn, event):
        known = turn.document(key)
        if known is not None and known.event.event_id == event.event_id:
            turn.remember_document(key, replace(known, **standing))


def _keys(turn: Turn, event: CommercialEvent) -> tuple[str, ...]:
    key = turn.key_of_transaction(event)
    return (key, invoice_key(event.body.invoice_id)) if isinstance(event.body, InvoiceIssued) else (key,)


def billed_by(step: InFlight) -> Decimal:
    """Return what a step adds to the net billed of the contract."""
    if step.reverses is not None:
        return -_net(step.reverses)
    return _net(step.event)


def _net(event: CommercialEvent) -> Decimal:
    match event.body:
        case InvoiceIssued(lines=lines):
            return net_of(lines)
        case CreditIssued(lines=lines):
            return -net_of(lines)
        case _:
            return ZERO
