"""The contract's state machine: `decide(contract, input) -> decision`.

It orders, deduplicates, parks what came early, sends the revenue command first and releases the ERP posting only
when the revenue platform has acknowledged a validated schedule. Approvals, compensation and operator commands are all
transitions of this machine. Reading from top to bottom follows an event: it arrives, is admitted or parked, is
answered, releases its posting, is posted.

Pure: no clock (time is in the input), no randomness, no I/O (what was seen before comes through `Memory`).
"""

from __future__ import annotations

import datetime as dt
from typing import assert_never

from msgspec.structs import replace

from streams.core.admission import (
    Blocked,
    Inadmissible,
    is_late,
    obstacle,
    own_documents,
    posting_date,
    referred_documents,
)
from streams.core.commands import revenue_command
from streams.core.contract import (
    AWAITS_APPROVAL,
    Contract,
    InFlight,
    Memory,
    Parked,
    PendingPosting,
    Wait,
    changes_version,
    corrected_in_place,
    entities_named,
    transaction_key,
)
from streams.core.decision import (
    Decision,
    ErpAnswered,
    EventArrived,
    Input,
    OperatorAsked,
    RevenueAnswered,
    TimePassed,
)
from streams.core.erp_answers import erp_answered
from streams.core.financing_terms import by_policy
from streams.core.journals import MappingMissing
from streams.core.money import ZERO
from streams.core.operators import asked
from streams.core.overdue import give_up_next, overdue
from streams.core.period_events import dated, for_contract, runs
from streams.core.policy import Policy
from streams.core.postings import postings
from streams.core.rates import RateMissing
from streams.core.room import no_room
from streams.core.seen import Seen, another_used, digest_of
from streams.core.steps import (
    billed_by,
    changes_book,
    correct,
    correction_refused,
    corrects,
    count_sequence,
    fail,
    finished,
    reject,
    remember,
    restore,
    stands_on_itself,
    start,
    take_back,
    take_sequence,
    was_rejected,
)
from streams.core.turn import Turn
from streams.core.validation import invalid_answer, unposted_interest, unposted_refund_liability
from streams.records import (
    AuditAction,
    CommercialEvent,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    ErpPosting,
    InvoiceIssued,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    ProcessingStatus,
    RefundIssued,
    RevenueAccepted,
    RevenueAck,
    RevenueRejected,
    RootCause,
    RunRecognition,
    SourceRecord,
)


def decide(contract: Contract, given: Input, memory: Memory, policy: Policy) -> Decision:
    """Return the contract after an input, and everything that follows from it."""
    turn = Turn(contract, memory, policy, given.at)
    match given:
        case EventArrived():
            _arrived(turn, given)
        case RevenueAnswered(ack=ack):
            _revenue_answered(turn, ack)
        case ErpAnswered(ack=ack):
            erp_answered(turn, ack)
        case OperatorAsked(command=command):
            asked(turn, command)
            _release(turn)
            _advance(turn)
        case TimePassed():
            overdue(turn)
            _release(turn)
            _advance(turn)
            while give_up_next(turn):
                _advance(turn)
        case _ as unreachable:
            assert_never(unreachable)
    return turn.decision()


# --- an event arrives ------------------------------------------------------------------------------------------------


def _arrived(turn: Turn, arrival: EventArrived) -> None:
    source, contract = arrival.source, turn.contract
    if source.offset <= contract.event_offset:
        return  # a replay after a crash: its outputs are already durable (protocol step 5)
    turn.change(event_offset=source.offset)
    event = arrival.event
    if isinstance(event.body, PeriodClosed | PeriodOpened):
        event = for_contract(contract, event)
    else:
        digest, first = digest_of(event), turn.seen(event.event_id)
        if first is not None:
            _came_before(turn, event, first, digest, source)
            return
        turn.remember_event(event.event_id, Seen(source.offset, digest))
    if not contract.legal_entity:
        turn.change(legal_entity=event.context.legal_entity, customer_account=event.context.customer_account)
    if new := entities_named(event).difference(contract.entities):
        # Where nothing was closed by an event, what was closed when the books were taken over still is.
        known = {entity: it for entity, it in arrival.closed.items() if entity in new and it.closed_through}
        turn.change(entities=tuple(sorted(new.union(contract.entities))), closed={**contract.closed, **known})
    _enqueue(turn, event, source)
    _advance(turn)


def _came_before(turn: Turn, event: CommercialEvent, first: Seen, digest: int, source: SourceRecord) -> None:
    """An event whose id is known is a duplicate, or an exception that leaves the first event of the id as it is."""
    if first.same(digest):
        turn.audit(AuditAction.DUPLICATE, event, ProcessingStatus.DUPLICATE, detail=f"offset {source.offset}")
        turn.outcome(event, ProcessingStatus.DUPLICATE)
        return
    count_sequence(turn, event)
    subject = f"{event.event_id} of {event.context.source_system} {event.context.source_transaction_id}"
    turn.exception(RootCause.PAYLOAD_INVALID, event, another_used(event, first), subject=subject, source=source)
    turn.outcome(event, ProcessingStatus.EXCEPTION)


def _enqueue(turn: Turn, event: CommercialEvent, source: SourceRecord) -> None:
    """Put an event behind what waits already, or refuse it when a bound is reached."""
    period = isinstance(event.body, PeriodClosed | PeriodOpened)  # those are few, and none may be lost
    if not period and (reason := no_room(turn.contract, event, source, turn.policy.bounds)):
        fail(turn, event, RootCause.PARKING_OVERFLOW, reason, source)
        return
    found = _obstacle(turn, event)
    if isinstance(found, Blocked):
        full = len(turn.contract.parked) >= turn.policy.bounds.parked_events
        if full and not period:
            fail(
                turn,
                event,
                RootCause.PARKING_OVERFLOW,
                f"{len(turn.contract.parked)} events are parked already, the bound; this one would wait because "
                f"{found.reason}: send what is missing, then this event again under a new event id",
                source,
            )
            return
        pointer = replace(source, key=None, payload=None)
        kept = _set_aside(turn, event, found)
        parked = Parked(event=kept, wait=found.wait, reason=found.reason, since=turn.at, source=pointer)
        turn.change(parked=(*turn.contract.parked, parked))
        _tell_waiting(turn, event, found)
    elif isinstance(found, Inadmissible):
        fail(turn, event, found.root_cause, found.reason, source)
    else:
        _admit(turn, event)


def _set_aside(turn: Turn, event: CommercialEvent, found: Blocked) -> CommercialEvent:
    """Return an event as it waits. A late one takes its place in its source's sequence: what follows does not wait."""
    if found.wait is not Wait.LATE:
        return event
    take_sequence(turn, event)
    return replace(event, source_sequence=None)


def _tell_waiting(turn: Turn, event: CommercialEvent, found: Blocked) -> None:
    if found.wait in AWAITS_APPROVAL:
        status = ProcessingStatus.AWAITING_APPROVAL
        turn.audit(AuditAction.APPROVAL_REQUESTED, event, status, detail=found.reason)
        turn.exception(found.wait.root_cause, event, found.reason)
    else:
        status = ProcessingStatus.PARKED
        turn.audit(AuditAction.PARKED, event, status, detail=found.reason)
    turn.outcome(event, status)


def _obstacle(turn: Turn, event: CommercialEvent) -> Blocked | Inadmissible | None:
    documents = {key: turn.document(key) for key in (*referred_documents(event), *own_documents(event))}
    if event.supersedes:
        documents[transaction_key(event.supersedes)] = turn.transaction(event.context.source_system, event.supersedes)
    return obstacle(turn.contract, event, documents, turn.policy)


def _advance(turn: Turn) -> None:
    """Admit parked events that can be applied now, the earliest first, until none can."""
    position = 0
    while position < len(turn.contract.parked):
        if turn.contract.changing:
            return
        waiting = turn.contract.parked[position]
        found = _obstacle(turn, waiting.event)
        if isinstance(found, Blocked):
            if (found.wait, found.reason) != (waiting.wait, waiting.reason):
                parked = list(turn.contract.parked)
                kept = _set_aside(turn, waiting.event, found)
                parked[position] = replace(waiting, event=kept, wait=found.wait, reason=found.reason)
                turn.change(parked=tuple(parked))
                _tell_waiting(turn, waiting.event, found)
                if kept is not waiting.event:
                    position = 0  # what waits for its place in the sequence may go on
                    continue
            position += 1
            continue
        parked = [*turn.contract.parked[:position], *turn.contract.parked[position + 1 :]]
        turn.change(parked=tuple(parked))
        if isinstance(found, Inadmissible):
            fail(turn, waiting.event, found.root_cause, found.reason, waiting.source)
        else:
            turn.audit(AuditAction.RELEASED, waiting.event, ProcessingStatus.CAPTURED, detail=waiting.reason)
            _admit(turn, waiting.event)
        position = 0


# --- an event is admitted --------------------------------------------------------------------------------------------


def _admit(turn: Turn, event: CommercialEvent) -> None:
    take_sequence(turn, event)
    if isinstance(event.body, PeriodClosed | PeriodOpened):
        event = for_contract(turn.contract, event)
        if not runs(turn, event):
            return
    elif isinstance(event.body, ContractSigned) and not turn.contract.version:
        context = event.context
        turn.change(
            currency=event.body.currency,
            legal_entity=context.legal_entity,
            customer_account=context.customer_account,
        )
    elif contradiction := _contradiction(turn.contract, event):
        fail(turn, event, RootCause.TREATMENT_DISPUTE, contradiction)
        return
    day = posting_date(turn.contract, event, turn.policy)
    if is_late(turn.contract, event, turn.policy):
        turn.audit(
            AuditAction.LATE_POSTED_IN_OPEN_PERIOD,
            event,
            ProcessingStatus.AWAITING_REVENUE,
            detail=f"effective {event.effective_date}, posted {day}: prior-period adjustment",
        )
    if event.supersedes:
        superseded = turn.transaction(event.context.source_system, event.supersedes)
        if superseded is None:
            raise LookupError(f"{event.event_id}: admitted although {event.supersedes} is not known")
        if corrected_in_place(event):
            if stands_on_itself(turn, event, superseded):
                message = (
                    f"source transaction {event.context.source_transaction_id} is that of what is corrected, expected "
                    "one of the correction's own: give it one and send it again under a new event id"
                )
                fail(turn, event, RootCause.TREATMENT_DISPUTE, message)
                return
            correct(turn, event, superseded, day)
            _release(turn)
            return
        reason = f"superseded by {event.context.source_system} {event.context.source_transaction_id}"
        # What replaces it follows when this is done (`_go_on`), and nothing comes in between.
        turn.change(changing=True)
        take_back(turn, event, superseded, day, reason)
    else:
        _send(turn, event, day)
    _release(turn)


def _send(turn: Turn, event: CommercialEvent, day: dt.date) -> None:
    command = revenue_command(turn.contract.contract_id, event)
    if command is not None and isinstance(command.body, RunRecognition):
        command = replace(command, body=dated(command.body, turn.policy.calendar(event.context.legal_entity)))
    elif command is not None:
        command = by_policy(command, turn.policy)
    remember(turn, event)
    start(turn, InFlight(event=event, command=command, posting_date=day, sent_at=turn.at))


def _contradiction(contract: Contract, event: CommercialEvent) -> str | None:
    """Return what a document says of itself that the contract says otherwise, or None."""
    if not isinstance(event.body, InvoiceIssued | CreditIssued | PaymentReceived | RefundIssued):
        return None
    if event.body.currency != contract.currency:
        return (
            f"document currency is {event.body.currency}, the contract's is {contract.currency}; "
            "documents in another currency are not supported: issue it in the contract's currency"
        )
    if event.context.legal_entity != contract.legal_entity:
        return (
            f"the document is of {event.context.legal_entity}, the contract of {contract.legal_entity}; documents of "
            "another legal entity are not supported: issue it by the entity that contracts"
        )
    return None


# --- revenue answers -------------------------------------------------------------------------------------------------


def _revenue_answered(turn: Turn, ack: RevenueAck) -> None:
    queue = list(turn.contract.queue)
    for index, step in enumerate(queue):
        if step.command is not None and step.command.command_id == ack.command_id:
            if step.answer is None:
                queue[index] = replace(step, answer=ack.body)
                turn.change(queue=tuple(queue))
                _release(turn)
                _advance(turn)
            return
    # Not in flight: an answer to a command sent twice. It took effect the first time.


def _release(turn: Turn) -> None:
    """Let the steps that are done take effect, in order of admission; one that is not done holds back the rest."""
    while turn.contract.queue and turn.contract.queue[0].done:
        step = turn.contract.queue[0]
        if step.reverses is not None and was_rejected(turn, step.reverses):
            # What is corrected never took effect here: neither does its reversal, whatever its answer is.
            _take_head(turn, step)
            _go_on(turn, step)
            continue
        if isinstance(step.answer, RevenueRejected):
            _take_head(turn, step)
            _rejected(turn, step, step.answer)
            continue
        problem = (
            invalid_answer(step.answer)
            or unposted_refund_liability(turn.contract, step)
            or unposted_interest(turn.contract, step)
        )
        try:
            released, carried = ((), turn.contract.carried) if problem else postings(turn.contract, step, turn.policy)
        except (MappingMissing, RateMissing) as missing:
            # Stays at the head: the posting is made when the mapping is there, and nothing overtakes it.
            if not step.told:
                turn.change(queue=(replace(step, told=True), *turn.contract.queue[1:]))
                turn.exception(RootCause.MAPPING_MISSING, step.event, str(missing))
                turn.outcome(step.event, ProcessingStatus.EXCEPTION)
            return
        _take_head(turn, step)
        if problem:
            _rejected(turn, step, RevenueRejected(code="schedule_not_validated", reason=problem))
            continue
        _accepted(turn, step)
        if carried is not turn.contract.carried:
            turn.change(carried=carried)
        _post(turn, step, released)
        if corrects(step) or not released:
            _go_on(turn, step)


def _take_head(turn: Turn, step: InFlight) -> None:
    turn.change(queue=turn.contract.queue[1:])
    if corrects(step) or changes_book(step):
        turn.change(changing=False)
    if isinstance(step.answer, RevenueAccepted):
        turn.change(commands_accepted=turn.contract.commands_accepted + 1)


def _go_on(turn: Turn, step: InFlight) -> None:
    """A step is done: when it took back what its event supersedes, the event itself follows; else the event may end."""
    if corrects(step):
        _send(turn, step.event, step.posting_date)
    else:
        finished(turn, step.event, step.ends)


def _accepted(turn: Turn, step: InFlight) -> None:
    event, answer = step.event, step.answer
    if isinstance(answer, RevenueAccepted) and step.command is not None:
        context = replace(event.context, accounting_treatment=answer.treatment)
        turn.audit(
            AuditAction.REVENUE_ACCEPTED,
            event,
            ProcessingStatus.AWAITING_POSTING,
            command_id=step.command.command_id,
            detail=_told(answer),
            context=context,
        )
        turn.change(recognised=turn.contract.recognised + sum((part.amount for part in answer.recognised), ZERO))
        if answer.refund_liability_total != turn.contract.refund_liability:
            turn.change(refund_liability=answer.refund_liability_total)
        if answer.interest_total != turn.contract.interest:
            turn.change(interest=answer.interest_total)
    turn.change(billed=turn.contract.billed + billed_by(step))
    creates = changes_version(event) and event.context.contract_version > turn.contract.version
    if creates and step.reverses is None:
        turn.change(version=event.context.contract_version, terminated=isinstance(event.body, ContractTerminated))
    if step.reverses is not None and (step.compensates or step.refused):
        turn.audit(AuditAction.COMPENSATED, step.reverses, ProcessingStatus.COMPENSATED)
        if not step.compensates:
            turn.outcome(step.reverses, ProcessingStatus.COMPENSATED)


def _told(answer: RevenueAccepted) -> str:
    reasons = "; ".join(f"{part.line_id}: {part.treatment}, {part.reason}" for part in answer.decisions)
    return f"{answer.treatment}, transaction price {answer.transaction_price}" + (f" ({reasons})" if reasons else "")


def _post(turn: Turn, step: InFlight, released: tuple[ErpPosting, ...]) -> None:
    for posting in released:
        pending = PendingPosting(posting=posting, event=step.event, sent_at=turn.at, ends=step.ends)
        turn.change(postings=(*turn.contract.postings, pending))
        turn.send(posting)
        turn.audit(
            AuditAction.POSTING_RELEASED,
            step.event,
            ProcessingStatus.AWAITING_POSTING,
            command_id=posting.command_id,
            detail=f"{posting.legal_entity} {posting.posting_date}",
            context=posting.context,
        )


def _rejected(turn: Turn, step: InFlight, answer: RevenueRejected) -> None:
    event = step.event
    turn.audit(
        AuditAction.REVENUE_REJECTED,
        event,
        ProcessingStatus.EXCEPTION,
        command_id=step.command.command_id if step.command else None,
        detail=f"{answer.code}: {answer.reason}",
    )
    if step.reverses is None:
        reject(turn, event)
        if step.command is not None and step.command.corrects_command_id is not None:
            correction_refused(turn, event)
    else:
        restore(turn, step)
    cause = RootCause.TREATMENT_DISPUTE if "treatment" in answer.code.lower() else RootCause.REVENUE_REJECTED
    fail(turn, event, cause, f"revenue recognition refused: {answer.reason}")
