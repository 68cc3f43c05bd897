"""Short ways to say revenue commands in tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from connectors.revenue.embedded import Book, recognise
from streams.records import (
    AccountingTreatment,
    Context,
    ContractAmended,
    ContractLine,
    ContractSigned,
    ContractTerminated,
    CreditEffect,
    DocumentLine,
    EstablishContract,
    EstimateChanged,
    LineChange,
    MaterialRight,
    ModifyContract,
    ObligationFulfilled,
    RecognitionPattern,
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
    UsageRated,
)

DAILY = RecognitionPattern.RATABLE_DAILY
MONTHLY = RecognitionPattern.RATABLE_MONTHLY
POINT = RecognitionPattern.POINT_IN_TIME
USAGE = RecognitionPattern.USAGE
MILESTONE = RecognitionPattern.MILESTONE
UNITS = RecognitionPattern.UNITS
COST = RecognitionPattern.COST_TO_COST
AS_INVOICED = RecognitionPattern.AS_INVOICED
PREPAID = RecognitionPattern.PREPAID

CommandBody = (
    EstablishContract
    | ModifyContract
    | RecordBilling
    | RecordUsage
    | RecordFulfilment
    | ReviseEstimate
    | TerminateContract
    | ReverseTransaction
    | RunRecognition
)


def day(text: str) -> dt.date:
    """Return the date of YYYY-MM-DD."""
    return dt.date.fromisoformat(text)


def line(
    line_id: str,
    price: str,
    ssp: str | None = None,
    *,
    pattern: RecognitionPattern = DAILY,
    start: str = "2026-01-01",
    end: str = "2026-12-31",
    quantity: str = "1",
    entity: str | None = None,
    distinct: bool = True,
    product_line: str = "platform",
    cost: str | None = None,
    breakage: str = "0",
    months: int = 0,
) -> ContractLine:
    """Return a contract line, at its stand-alone selling price unless that is given."""
    return ContractLine(
        line_id=line_id,
        product_line=product_line,
        pattern=pattern,
        quantity=Decimal(quantity),
        price=Decimal(price),
        ssp=Decimal(price if ssp is None else ssp),
        start_date=day(start),
        end_date=day(end),
        legal_entity=entity,
        distinct=distinct,
        expected_cost=None if cost is None else Decimal(cost),
        breakage_percent=Decimal(breakage),
        commitment_months=months,
    )


def establish(*lines: ContractLine, currency: str = "USD", options: Iterable[MaterialRight] = ()) -> EstablishContract:
    """Return the command that sets a contract up."""
    return EstablishContract(terms=ContractSigned(currency=currency, lines=lines, options=tuple(options)))


def change(
    line_id: str,
    price: str,
    ssp: str,
    *,
    quantity: str | None = None,
    end: str | None = None,
    cost: str | None = None,
) -> LineChange:
    """Return new terms of a line."""
    return LineChange(
        line_id=line_id,
        price=Decimal(price),
        ssp=Decimal(ssp),
        quantity=None if quantity is None else Decimal(quantity),
        end_date=None if end is None else day(end),
        expected_cost=None if cost is None else Decimal(cost),
    )


def amend(
    *changed: LineChange,
    added: Iterable[ContractLine] = (),
    removed: Iterable[str] = (),
    requested: AccountingTreatment | None = None,
) -> ModifyContract:
    """Return an amendment."""
    return ModifyContract(
        change=ContractAmended(
            added_lines=tuple(added), changed_lines=changed, removed_lines=tuple(removed), requested_treatment=requested
        )
    )


def renew(*lines: ContractLine, exercised: Iterable[str] = ()) -> ModifyContract:
    """Return a renewal, which may exercise options."""
    change = ContractAmended(added_lines=lines, exercised_options=tuple(exercised))
    return ModifyContract(change=change, renewal=True)


def invoice(document_id: str, **nets: str) -> RecordBilling:
    """Return an invoice with a net by line."""
    return RecordBilling(document_id=document_id, lines=_document(nets))


def credit(document_id: str, *, reduces_price: bool = False, **nets: str) -> RecordBilling:
    """Return a credit note with a net by line."""
    effect = CreditEffect.PRICE_REDUCTION if reduces_price else CreditEffect.BILLING_ONLY
    return RecordBilling(document_id=document_id, lines=_document(nets), credit=True, effect=effect)


def _document(nets: dict[str, str]) -> tuple[DocumentLine, ...]:
    return tuple(DocumentLine(line_id=line_id, net=Decimal(net)) for line_id, net in nets.items())


def usage(line_id: str, amount: str, end: str) -> RecordUsage:
    """Return rated usage that ends on a day."""
    rated = UsageRated(
        line_id=line_id,
        usage_start=day(end).replace(day=1),
        usage_end=day(end),
        quantity=Decimal(1),
        amount=Decimal(amount),
    )
    return RecordUsage(usage=rated)


def fulfil(line_id: str, percent: str = "100") -> RecordFulfilment:
    """Return a fulfilment or milestone."""
    return RecordFulfilment(fulfilment=ObligationFulfilled(line_id=line_id, percent=Decimal(percent)))


def deliver(line_id: str, units: str) -> RecordFulfilment:
    """Return the delivery of units, cumulative."""
    return RecordFulfilment(fulfilment=ObligationFulfilled(line_id=line_id, units=Decimal(units)))


def incur(line_id: str, cost: str, expected: str | None = None) -> RecordFulfilment:
    """Return cost incurred, cumulative, and the new total that is expected."""
    total = None if expected is None else Decimal(expected)
    told = ObligationFulfilled(line_id=line_id, cost_incurred=Decimal(cost), cost_expected=total)
    return RecordFulfilment(fulfilment=told)


def breakage(line_id: str, percent: str) -> ReviseEstimate:
    """Return another breakage of prepaid credits."""
    return ReviseEstimate(estimate=EstimateChanged(line_id=line_id, breakage_percent=Decimal(percent)))


def estimate(price_change: str, line_id: str | None = None) -> ReviseEstimate:
    """Return a changed estimate of the price."""
    return ReviseEstimate(estimate=EstimateChanged(line_id=line_id, price_change=Decimal(price_change)))


def terminate(refund: str, fee: str = "0") -> TerminateContract:
    """Return a termination."""
    return TerminateContract(termination=ContractTerminated(refund=Decimal(refund), fee=Decimal(fee)))


def undo(command_id: str) -> ReverseTransaction:
    """Return the reversal of a command."""
    return ReverseTransaction(reverses_command_id=command_id, reason="corrected")


def recognition(period: str) -> RunRecognition:
    """Return a recognition run."""
    return RunRecognition(period=period)


def command(
    body: CommandBody,
    on: str = "2026-01-01",
    *,
    version: int = 1,
    command_id: str = "c",
    contract_id: str = "C-1",
    entity: str = "US01",
) -> RevenueCommand:
    """Return a command with its envelope."""
    context = Context(
        source_system="crm",
        source_transaction_id=f"t-{command_id}",
        contract_id=contract_id,
        contract_version=version,
        legal_entity=entity,
    )
    return RevenueCommand(
        command_id=command_id, event_id=f"e-{command_id}", effective_date=day(on), context=context, body=body
    )


class Contract:
    """A contract on the engine: executes commands, remembers the book and the accepted commands."""

    def __init__(self, contract_id: str = "C-1") -> None:
        self.contract_id = contract_id
        self.book: Book | None = None
        self.accepted: dict[str, RevenueCommand] = {}
        self.count = 0

    def try_(
        self, body: CommandBody, on: str = "2026-01-01", *, entity: str = "US01"
    ) -> RevenueAccepted | RevenueRejected:
        """Execute a command, with the next version where it creates one."""
        self.count += 1
        version = 1 if self.book is None else self.book.version
        if self.book is not None and isinstance(body, ModifyContract | TerminateContract):
            version += 1
        sent = command(
            body, on, version=version, command_id=f"c{self.count}", contract_id=self.contract_id, entity=entity
        )
        self.book, answer = recognise(self.book, sent, self.accepted)
        if isinstance(answer, RevenueAccepted):
            self.accepted[sent.command_id] = sent
        return answer

    def do(self, body: CommandBody, on: str = "2026-01-01", *, entity: str = "US01") -> RevenueAccepted:
        """Execute a command that must be accepted."""
        answer = self.try_(body, on, entity=entity)
        assert isinstance(answer, RevenueAccepted), answer
        return answer

    def refused(self, body: CommandBody, on: str = "2026-01-01", *, entity: str = "US01") -> RevenueRejected:
        """Execute a command that must be rejected, and leave the book as it was."""
        before = self.book
        answer = self.try_(body, on, entity=entity)
        assert isinstance(answer, RevenueRejected), answer
        assert self.book is before
        return answer


def months(answer: RevenueAccepted, obligation_id: str) -> dict[str, str]:
    """Return an obligation's schedule by period."""
    return {entry.period: str(entry.amount) for entry in answer.schedule if entry.obligation_id == obligation_id}


def allocated(answer: RevenueAccepted) -> dict[str, str]:
    """Return the allocation by obligation."""
    return {entry.obligation_id: str(entry.allocated) for entry in answer.allocations}
