"""Typed records, generated from avro/ by `tieout schemas generate`: change the schemas, not this file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class AccountingTreatment(StrEnum):
    """How a change is accounted for (ASC 606-10-25-10 to 13, IFRS 15.18-21)."""

    UNDETERMINED = "UNDETERMINED"
    NOT_A_MODIFICATION = "NOT_A_MODIFICATION"
    SEPARATE_CONTRACT = "SEPARATE_CONTRACT"
    PROSPECTIVE = "PROSPECTIVE"
    CUMULATIVE_CATCH_UP = "CUMULATIVE_CATCH_UP"
    MIXED = "MIXED"
    PRICE_CHANGE = "PRICE_CHANGE"
    TERMINATION = "TERMINATION"


class Agreement(Struct, frozen=True, kw_only=True, gc=False):
    """A paper that was signed; several that are accounted for as one contract are combined (ASC 606-10-25-9)."""

    agreement_id: str
    """Number of the paper, named by its lines."""
    signed_on: dt.date
    """When it was signed."""
    combination_basis: str = ""
    """Which criterion of 606-10-25-9 it meets with the others: package, interdependent price, or single obligation;
    empty for the first."""


class RecognitionPattern(StrEnum):
    """When the revenue of a line is recognised (ASC 606-10-25-30 and 31). RATABLE_DAILY: every day of the term earns
    the same. RATABLE_MONTHLY: every calendar month the term touches earns the same. POINT_IN_TIME: in full on
    fulfilment. USAGE: as used. MILESTONE: by cumulative percentage of progress. UNITS: by units delivered, each
    distinct. COST_TO_COST: by cost incurred over cost expected. AS_INVOICED: what the customer may be invoiced for
    (606-10-55-18). PREPAID: credits as they are used, with expected breakage (606-10-55-46 to 49)."""

    RATABLE_DAILY = "RATABLE_DAILY"
    RATABLE_MONTHLY = "RATABLE_MONTHLY"
    POINT_IN_TIME = "POINT_IN_TIME"
    USAGE = "USAGE"
    MILESTONE = "MILESTONE"
    UNITS = "UNITS"
    COST_TO_COST = "COST_TO_COST"
    AS_INVOICED = "AS_INVOICED"
    PREPAID = "PREPAID"


class Allocation(Struct, frozen=True, kw_only=True, gc=False):
    """Share of the transaction price allocated to an obligation (ASC 606-10-32-28 to 35)."""

    obligation_id: str
    """Obligation; the line id, or line id and version where a modification made a further obligation of it."""
    line_id: str
    """Contract line it stems from."""
    product_line: str
    """Product line."""
    legal_entity: str
    """Entity that performs."""
    pattern: RecognitionPattern
    """When it is recognised."""
    ssp: Decimal
    """Stand-alone selling price used."""
    allocated: Decimal
    """Allocated transaction price, usage included."""
    unscheduled: Decimal
    """Part whose date is not known yet: not fulfilled."""


class AuditAction(StrEnum):
    """One step of an event's road."""

    CAPTURED = "CAPTURED"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    PARKED = "PARKED"
    RELEASED = "RELEASED"
    APPROVAL_REQUESTED = "APPROVAL_REQUESTED"
    APPROVED = "APPROVED"
    DISAPPROVED = "DISAPPROVED"
    REVENUE_COMMANDED = "REVENUE_COMMANDED"
    REVENUE_RESENT = "REVENUE_RESENT"
    REVENUE_ACCEPTED = "REVENUE_ACCEPTED"
    REVENUE_REJECTED = "REVENUE_REJECTED"
    POSTING_RELEASED = "POSTING_RELEASED"
    POSTING_RESENT = "POSTING_RESENT"
    POSTED = "POSTED"
    POSTING_REJECTED = "POSTING_REJECTED"
    COMPENSATION_REQUESTED = "COMPENSATION_REQUESTED"
    COMPENSATED = "COMPENSATED"
    EXCEPTION_RAISED = "EXCEPTION_RAISED"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    PERIOD_OPENED = "PERIOD_OPENED"
    LATE_POSTED_IN_OPEN_PERIOD = "LATE_POSTED_IN_OPEN_PERIOD"


class ProcessingStatus(StrEnum):
    """Where a record stands on the road from capture to reconciliation."""

    CAPTURED = "CAPTURED"
    PARKED = "PARKED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    AWAITING_REVENUE = "AWAITING_REVENUE"
    AWAITING_POSTING = "AWAITING_POSTING"
    POSTED = "POSTED"
    COMPENSATED = "COMPENSATED"
    EXCEPTION = "EXCEPTION"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


class ReconciliationOutcome(StrEnum):
    """Whether billing, revenue platform and ERP agree."""

    UNRECONCILED = "UNRECONCILED"
    TIED_OUT = "TIED_OUT"
    VARIANCE = "VARIANCE"


class Context(Struct, frozen=True, kw_only=True, gc=False):
    """The traceable context that rides on every event, command, acknowledgment, exception, audit record and
    posting."""

    source_system: str
    """System where the transaction originated, for example salesforce or stripe."""
    source_transaction_id: str
    """Identifier of the transaction in the source system; every number can be explained back to it."""
    contract_id: str
    """Customer contract; the partition key. '*' on period events, which concern every contract of the legal
    entity."""
    contract_version: int
    """Version the record belongs to: the one a contract change creates, the one any other event depends on. 0 on
    period events."""
    customer_account: str = ""
    """Customer account in the CRM."""
    product_line: str = ""
    """Product line, where the record concerns one; empty where it concerns several."""
    legal_entity: str
    """Legal entity that contracts with the customer, as named in config/entities.yaml."""
    accounting_treatment: AccountingTreatment = AccountingTreatment.UNDETERMINED
    """Accounting treatment decided so far."""
    processing_status: ProcessingStatus = ProcessingStatus.CAPTURED
    """Where the record stands."""
    reconciliation_outcome: ReconciliationOutcome = ReconciliationOutcome.UNRECONCILED
    """Whether the systems agree on it."""


class AuditRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One step on an event's road: topic audit-trail, key contract_id, append only."""

    audit_id: str
    """UUIDv5 of contract, subject, action and ordinal."""
    at: dt.datetime
    """When, UTC."""
    action: AuditAction
    """What happened."""
    event_id: str
    """Event concerned."""
    command_id: str | None = None
    """Command concerned."""
    detail: str = ""
    """For a reader."""
    context: Context
    """Traceable context."""


class BillingFrequency(StrEnum):
    """How often the customer is invoiced."""

    UPFRONT = "UPFRONT"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    ANNUAL = "ANNUAL"
    IN_ARREARS = "IN_ARREARS"


class BillingTerms(Struct, frozen=True, kw_only=True, gc=False):
    """When the customer is invoiced and pays."""

    frequency: BillingFrequency
    """How often invoices are issued."""
    payment_days: int = 30
    """Days from invoice to due date."""


class BundleDiscount(Struct, frozen=True, kw_only=True, gc=False):
    """Evidence that a discount belongs to some lines only: they are regularly sold together at this price (ASC
    606-10-32-37)."""

    line_ids: tuple[str, ...]
    """Lines of the bundle; at least two, not all of the contract."""
    bundle_price: Decimal
    """Price at which they are regularly sold together."""


class SspMethod(StrEnum):
    """How the stand-alone selling price of a line is known (ASC 606-10-32-33 and 34). STATED: as given. RESIDUAL:
    what the price leaves after the other lines."""

    STATED = "STATED"
    RESIDUAL = "RESIDUAL"


class ContractLine(Struct, frozen=True, kw_only=True, gc=False):
    """A promised good or service; becomes a performance obligation (ASC 606-10-25-14)."""

    line_id: str
    """Line of the contract, unique in it for ever."""
    product_line: str
    """Product line; decides the revenue account."""
    pattern: RecognitionPattern
    """When revenue is recognised."""
    quantity: Decimal
    """Units promised, for example seats; what UNITS measures, and the credits of a PREPAID line without price.
    Otherwise informational except in the test for added units."""
    price: Decimal
    """Fixed consideration for the whole line over its whole term, net of tax, in the contract currency. 0 for pure
    usage."""
    ssp: Decimal
    """Stand-alone selling price of the whole line over its whole term (ASC 606-10-32-31 to 35). 0 for pure usage."""
    start_date: dt.date
    """First day of service."""
    end_date: dt.date
    """Last day of service, included."""
    legal_entity: str | None = None
    """Entity that performs, when it is not the one that contracts."""
    distinct: bool = True
    """Whether the promise is distinct from the rest of the contract (ASC 606-10-25-19)."""
    agreement: str = ""
    """Paper on which the line was signed, where several are combined."""
    ssp_method: SspMethod = SspMethod.STATED
    """How the stand-alone selling price is known; a RESIDUAL line has ssp 0."""
    expected_cost: Decimal | None = None
    """COST_TO_COST: cost expected to fulfil it; null otherwise."""
    breakage_percent: Decimal = Decimal("0")
    """PREPAID: share of the credits, in percent, that is expected never to be used."""
    commitment_months: int = 0
    """USAGE with a minimum: the price and the SSP are those of the minimum for each of these many months, trued up at
    their end; 0: for the whole term."""


class MaterialRight(Struct, frozen=True, kw_only=True, gc=False):
    """An option that gives the customer a discount they would not get without the contract (ASC 606-10-55-42)."""

    option_id: str
    """Option, unique in the contract."""
    product_line: str
    """Product line the option is for."""
    ssp: Decimal
    """Stand-alone selling price of the option: discount times likelihood of exercise (ASC 606-10-55-44)."""
    expires_on: dt.date
    """Last day on which it can be exercised."""
    quantity: Decimal = Decimal("1")
    """How much can be exercised in all, in parts or at once; its SSP is for all of it."""


class EstimateMethod(StrEnum):
    """How variable consideration is estimated (ASC 606-10-32-8). EXPECTED_VALUE: the probability-weighted sum.
    MOST_LIKELY_AMOUNT: the single most likely outcome."""

    EXPECTED_VALUE = "EXPECTED_VALUE"
    MOST_LIKELY_AMOUNT = "MOST_LIKELY_AMOUNT"


class PossibleOutcome(Struct, frozen=True, kw_only=True, gc=False):
    """A possible amount of variable consideration."""

    amount: Decimal
    """Amount that would be added to the transaction price; negative for a reduction."""
    probability: Decimal
    """Its probability, from 0 to 1; the outcomes' add up to 1."""


class VariableConsideration(Struct, frozen=True, kw_only=True, gc=False):
    """Part of the price that depends on what happens: bonuses, penalties, rebates, expected returns and concessions
    (ASC 606-10-32-5 to 14)."""

    variable_id: str
    """Name, unique in the contract."""
    method: EstimateMethod = EstimateMethod.EXPECTED_VALUE
    """How the outcomes become an estimate."""
    outcomes: tuple[PossibleOutcome, ...]
    """What may happen; at least one."""
    highly_probable: Decimal | None = None
    """Constraint (ASC 606-10-32-11): the most that can be included without a significant reversal being probable;
    null: the whole estimate. Never raises the estimate."""
    line_ids: tuple[str, ...] = ()
    """Lines it relates to entirely (ASC 606-10-32-40); empty: allocated like the price."""
    service_start: dt.date | None = None
    """First day of the distinct period of a series it relates to entirely (ASC 606-10-32-40); null: all of the
    term."""
    service_end: dt.date | None = None
    """Last day of that period."""
    refundable: bool = False
    """Whether it is money of the customer that is expected to go back: the reduction is a refund liability (ASC
    606-10-32-10)."""
    basis: str = ""
    """What the estimate rests on."""


class ConsiderationPayable(Struct, frozen=True, kw_only=True, gc=False):
    """Consideration payable to the customer (ASC 606-10-32-25 to 27): it reduces the price, except for what a
    distinct good or service from the customer is worth."""

    payable_id: str
    """Name, unique in the contract."""
    amount: Decimal
    """What is payable; positive."""
    fair_value: Decimal | None = None
    """Fair value of the distinct good or service that the customer gives in return; null: none, all of it reduces the
    price."""
    line_ids: tuple[str, ...] = ()
    """Lines it relates to entirely; empty: allocated like the price."""


class PaymentTerm(Struct, frozen=True, kw_only=True, gc=False):
    """When the customer pays how much, for the measurement of a financing component."""

    due_on: dt.date
    """When it is paid."""
    amount: Decimal
    """Amount, net of tax; positive."""


class Financing(Struct, frozen=True, kw_only=True, gc=False):
    """A significant financing component (ASC 606-10-32-15 to 20): the price is what the customer would pay in cash on
    transfer."""

    annual_rate: Decimal
    """Rate of a separate financing of customer and entity at inception, effective a year: 0.1 for 10 %."""
    transfer_on: dt.date
    """When control passes, or service begins: the date at which payments are valued."""
    payments: tuple[PaymentTerm, ...]
    """The promised payments; at least one."""
    line_id: str
    """Line that is financed."""
    expedient: bool = True
    """Whether a component of a year or less is left out (ASC 606-10-32-18)."""


class ContractSigned(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ContractSigned"):
    """A contract was signed: creates version 1."""

    currency: str
    """Transaction currency, ISO 4217."""
    lines: tuple[ContractLine, ...]
    """What is promised; at least one."""
    billing_terms: BillingTerms | None = None
    """When it is invoiced."""
    options: tuple[MaterialRight, ...] = ()
    """Options that are material rights."""
    agreements: tuple[Agreement, ...] = ()
    """Papers that are combined; empty: one contract on one paper."""
    variable: tuple[VariableConsideration, ...] = ()
    """Variable consideration."""
    payable_to_customer: tuple[ConsiderationPayable, ...] = ()
    """Consideration payable to the customer."""
    bundles: tuple[BundleDiscount, ...] = ()
    """Discounts that belong to some lines only."""
    financing: Financing | None = None
    """Significant financing component; null: none."""
    non_cash: Decimal = Decimal("0")
    """Fair value of consideration that is not cash: not supported, refused unless 0."""
    collection_probable: bool = True
    """Whether it is probable that what the customer owes will be collected (ASC 606-10-25-1(e)); false: no contract
    yet, nothing is recognised and what is received is a liability (25-6 to 25-8)."""


class LineChange(Struct, frozen=True, kw_only=True, gc=False):
    """New terms of a line that is already promised."""

    line_id: str
    """The line that changes."""
    price: Decimal
    """New consideration for the whole line over its whole (new) term."""
    ssp: Decimal
    """New stand-alone selling price of the whole line over its whole (new) term."""
    quantity: Decimal | None = None
    """New units; null leaves them."""
    end_date: dt.date | None = None
    """New last day of service; null leaves it."""
    expected_cost: Decimal | None = None
    """COST_TO_COST: new cost expected; null leaves it."""
    concession: Decimal = Decimal("0")
    """How much of the fall of the price is a concession for what was performed already: taken back at once (ASC
    606-10-55-111 to 116). The price is stated after it."""


class OptionExercise(Struct, frozen=True, kw_only=True, gc=False):
    """A part of a material right that is exercised (ASC 606-10-55-42)."""

    option_id: str
    """The option."""
    quantity: Decimal
    """How much of its quantity; what is left can be exercised later."""


class ContractAmended(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ContractAmended"):
    """A change of scope or price: creates version n+1, applied only on version n. The effective date is the
    event's."""

    added_lines: tuple[ContractLine, ...] = ()
    """Lines that are added."""
    changed_lines: tuple[LineChange, ...] = ()
    """Lines with new terms."""
    removed_lines: tuple[str, ...] = ()
    """Line ids whose remaining service is cancelled."""
    requested_treatment: AccountingTreatment | None = None
    """Treatment the source asks for. It is checked against the facts, never obeyed against them."""
    approved: bool = True
    """Whether the parties have approved the change (ASC 606-10-25-10); an unapproved change waits for approval."""
    exercised_options: tuple[str, ...] = ()
    """Material rights that the added lines exercise: what was allocated to them joins their price."""
    exercised_parts: tuple[OptionExercise, ...] = ()
    """Material rights of which the added lines exercise a part: that part of what was allocated to them joins the
    price."""
    variable: tuple[VariableConsideration, ...] = ()
    """Variable consideration that the change adds, of one line each (ASC 606-10-25-10, 32-5)."""


class ContractRenewed(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ContractRenewed"):
    """A new term at new prices: creates version n+1."""

    lines: tuple[ContractLine, ...]
    """What is promised in the new term; at least one, with new line ids."""
    approved: bool = True
    """Whether the parties have approved it."""
    exercised_options: tuple[str, ...] = ()
    """Material rights that the renewal exercises: what was allocated to them joins its price."""
    exercised_parts: tuple[OptionExercise, ...] = ()
    """Material rights of which the added lines exercise a part: that part of what was allocated to them joins the
    price."""


class ContractTerminated(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ContractTerminated"):
    """The contract ends early: creates the closing version n+1. The effective date is the last day of service."""

    refund: Decimal
    """Consideration the customer no longer owes or gets back: credited, refunded or never billed."""
    fee: Decimal = Decimal("0")
    """Termination fee charged to the customer."""


class TaxAmount(Struct, frozen=True, kw_only=True, gc=False):
    """Tax collected for an authority; no part of the transaction price (ASC 606-10-32-2A)."""

    jurisdiction: str
    """Tax jurisdiction, as named in config/tax.yaml."""
    amount: Decimal
    """Tax in the document currency."""


class DocumentLine(Struct, frozen=True, kw_only=True, gc=False):
    """A line of an invoice or credit note."""

    line_id: str
    """Contract line that is billed or credited."""
    net: Decimal
    """Amount before tax, in the document currency; positive."""
    taxes: tuple[TaxAmount, ...] = ()
    """Tax by jurisdiction."""
    service_start: dt.date | None = None
    """First day of the billed service period."""
    service_end: dt.date | None = None
    """Last day of the billed service period."""


class InvoiceIssued(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.InvoiceIssued"):
    """An invoice was issued; its date is the event's effective date."""

    invoice_id: str
    """Invoice number, unique in the contract."""
    currency: str
    """Document currency, ISO 4217."""
    exchange_rate: Decimal = Decimal("1")
    """Functional currency units for one unit of document currency; 1 on a foreign document: none is stated, and the
    table of config/exchange_rates.yaml decides."""
    lines: tuple[DocumentLine, ...]
    """What is billed; at least one."""
    due_date: dt.date | None = None
    """When it is due."""


class CreditEffect(StrEnum):
    """What a credit note means for the price. BILLING_ONLY: billing is corrected, the promised price stands.
    PRICE_REDUCTION: the customer owes less for the same promise, so the transaction price falls (ASC 606-10-32-42 to
    45)."""

    BILLING_ONLY = "BILLING_ONLY"
    PRICE_REDUCTION = "PRICE_REDUCTION"


class CreditIssued(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.CreditIssued"):
    """A credit note was issued; its date is the event's effective date."""

    credit_id: str
    """Credit note number."""
    invoice_id: str | None = None
    """Invoice that is credited."""
    currency: str
    """Document currency, ISO 4217."""
    exchange_rate: Decimal = Decimal("1")
    """Functional currency units for one unit of document currency; 1 on a foreign document: none is stated, and the
    table of config/exchange_rates.yaml decides."""
    lines: tuple[DocumentLine, ...]
    """What is credited, as positive amounts; at least one."""
    effect: CreditEffect = CreditEffect.BILLING_ONLY
    """What it means for the price. JSON must state it: a default would decide about revenue. BILLING_ONLY is the
    default of Avro readers only."""


class PaymentReceived(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PaymentReceived"):
    """The customer paid."""

    payment_id: str
    """Payment reference."""
    invoice_id: str
    """Invoice that is paid."""
    amount: Decimal
    """Amount received; positive."""
    currency: str
    """Document currency, ISO 4217."""
    exchange_rate: Decimal = Decimal("1")
    """Functional currency units for one unit of document currency; 1 on a foreign document: none is stated, and the
    table of config/exchange_rates.yaml decides."""


class RefundIssued(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RefundIssued"):
    """Money went back to the customer."""

    refund_id: str
    """Refund reference."""
    invoice_id: str
    """Invoice whose payment is refunded."""
    amount: Decimal
    """Amount paid out; positive."""
    currency: str
    """Document currency, ISO 4217."""
    exchange_rate: Decimal = Decimal("1")
    """Functional currency units for one unit of document currency; 1 on a foreign document: none is stated, and the
    table of config/exchange_rates.yaml decides."""


class UsageRated(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.UsageRated"):
    """Usage was rated: variable consideration that belongs to the distinct period in which it was used (ASC
    606-10-32-40)."""

    line_id: str
    """Usage line of the contract."""
    usage_start: dt.date
    """First day of use."""
    usage_end: dt.date
    """Last day of use; the usage is earned on this day."""
    quantity: Decimal
    """Units used."""
    amount: Decimal
    """Rated amount in the contract currency; negative for a re-rating of what was used before."""
    tier: str = ""
    """Price tier that was applied."""


class ObligationFulfilled(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ObligationFulfilled"):
    """A promise was kept, wholly or in part; the date is the event's effective date."""

    line_id: str
    """Line that was fulfilled."""
    percent: Decimal = Decimal("0")
    """Cumulative progress after this event, above 0 and up to 100; 100 for a point in time. 0 where progress is told
    by units or cost."""
    milestone: str = ""
    """Name of the milestone."""
    units: Decimal | None = None
    """UNITS: cumulative units delivered."""
    cost_incurred: Decimal | None = None
    """COST_TO_COST: cumulative cost incurred."""
    cost_expected: Decimal | None = None
    """COST_TO_COST: total cost expected now; null: as before."""


class EstimateChanged(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.EstimateChanged"):
    """The estimate of the transaction price changed (ASC 606-10-32-14 and 42 to 45); the date is the event's
    effective date."""

    line_id: str | None = None
    """Line the change belongs to entirely; null: allocated as at inception."""
    price_change: Decimal = Decimal("0")
    """Change of the transaction price after the constraint; may be negative. 0 where a variable consideration is
    estimated anew."""
    basis: str = ""
    """What the estimate rests on."""
    variable_id: str | None = None
    """Variable consideration that is estimated anew; null: the change is given."""
    outcomes: tuple[PossibleOutcome, ...] = ()
    """What may happen now."""
    highly_probable: Decimal | None = None
    """Constraint now; null: none."""
    breakage_percent: Decimal | None = None
    """PREPAID: share of the line's credits, in percent, that is now expected never to be used (ASC 606-10-55-48);
    null: no change."""
    collection_probable: bool | None = None
    """Collection assessed anew (ASC 606-10-25-5, 25-6): false, nothing is recognised from this day on; true, all that
    was earned by then is, and the contract goes on; null: no change."""
    consideration_kept: Decimal | None = None
    """While collection is not probable: what was received, will not go back, and is revenue because an event of ASC
    606-10-25-7 has happened, which basis names; null: nothing."""


class PeriodOpened(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PeriodOpened"):
    """An accounting period of a legal entity was opened."""

    period: str
    """Accounting period, YYYY-MM."""
    approved_by: str = ""
    """Who approved that a closed period is opened again; empty for a new period."""
    reason: str = ""
    """Why it is opened again."""


class PeriodLock(StrEnum):
    """How firmly a period is closed. SOFT: late events follow the late policy, recognition may run again. HARD:
    nothing is posted into it before it is re-opened with approval."""

    SOFT = "SOFT"
    HARD = "HARD"


class PeriodClosed(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PeriodClosed"):
    """An accounting period of a legal entity is being closed: recognition runs, later events follow the late
    policy."""

    period: str
    """Accounting period, YYYY-MM."""
    lock: PeriodLock = PeriodLock.SOFT
    """How firmly."""


class CommercialEvent(Struct, frozen=True, kw_only=True, gc=False):
    """The canonical commercial event: topics source-events and commercial-events, key contract_id."""

    event_id: str
    """Idempotency key, unique for ever."""
    event_type: str
    """Name of the body's record."""
    source_sequence: int | None = None
    """Counter of the source system for this contract, from 1 without gaps; null where the source has none."""
    supersedes: str | None = None
    """Source transaction of the same contract that this event corrects: it is reversed and replaced."""
    occurred_at: dt.datetime
    """When it happened in the source system, UTC."""
    effective_date: dt.date
    """Business date of the legal entity on which it takes effect."""
    context: Context
    """Traceable context."""
    body: (
        ContractSigned
        | ContractAmended
        | ContractRenewed
        | ContractTerminated
        | InvoiceIssued
        | CreditIssued
        | PaymentReceived
        | RefundIssued
        | UsageRated
        | ObligationFulfilled
        | EstimateChanged
        | PeriodOpened
        | PeriodClosed
    )
    """What happened."""


class ContractState(StrEnum):
    """The state of a contract in orchestration."""

    ACTIVE = "ACTIVE"
    AWAITING_REVENUE = "AWAITING_REVENUE"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    TERMINATED = "TERMINATED"


class ParkedEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event that waits."""

    event_id: str
    """Event."""
    event_type: str
    """Its type."""
    reason: str
    """What it waits for."""
    since: dt.datetime
    """Since when, UTC."""
    effective_date: dt.date | None = None
    """Its effective date; null where it was not told."""
    legal_entity: str = ""
    """Its legal entity."""


class ContractStatus(Struct, frozen=True, kw_only=True, gc=False):
    """Where a contract stands: topic contract-status, key contract_id, compacted."""

    state: ContractState
    """State."""
    currency: str
    """Transaction currency."""
    version_in_force: int
    """Version accepted by the revenue platform."""
    billed: Decimal
    """Net billed and accepted in revenue recognition."""
    recognised: Decimal
    """Revenue recognised."""
    parked: tuple[ParkedEvent, ...] = ()
    """Events that wait."""
    commands_pending: int
    """Revenue commands without an answer."""
    postings_pending: int
    """ERP postings without an answer."""
    last_event_offset: int = -1
    """Offset in commercial-events of the last event of the contract that was taken in; -1 before the first."""
    commands_accepted: int = 0
    """Revenue commands accepted so far."""
    postings_accepted: int = 0
    """ERP postings accepted so far. With the two before, reconciliation knows when it has read as far as
    orchestration."""
    performing_entities: tuple[str, ...] = ()
    """Legal entities, other than the one that contracts, that perform lines: their runs post in its books too."""
    at: dt.datetime
    """When, UTC."""
    context: Context
    """Traceable context."""


class JournalLine(Struct, frozen=True, kw_only=True, gc=False):
    """One line of a journal; exactly one of debit and credit is not zero, but for exchange differences: those have
    functional amounts only."""

    account: str
    """Account of the chart in config/accounts.yaml."""
    debit: Decimal
    """Debit in the journal's currency."""
    credit: Decimal
    """Credit in the journal's currency."""
    product_line: str = ""
    """Dimension product line."""
    jurisdiction: str = ""
    """Dimension tax jurisdiction."""
    partner_entity: str = ""
    """Dimension partner legal entity, on intercompany lines."""
    functional_debit: Decimal = Decimal("0")
    """Debit in the entity's functional currency; 0 where the journal is in it."""
    functional_credit: Decimal = Decimal("0")
    """Credit in the entity's functional currency; 0 where the journal is in it."""


class PostJournal(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PostJournal"):
    """Post a balanced journal."""

    description: str
    """What is posted, for a reader."""
    lines: tuple[JournalLine, ...]
    """Lines; debits equal credits."""


class ReverseJournal(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ReverseJournal"):
    """Post a journal that undoes an earlier one."""

    reverses_command_id: str
    """Posting that is undone."""
    description: str
    """Why."""
    lines: tuple[JournalLine, ...]
    """Lines; debits equal credits."""


class ErpPosting(Struct, frozen=True, kw_only=True, gc=False):
    """A command to the ERP: topic erp-postings, key contract_id."""

    command_id: str
    """UUIDv5 of contract, event, kind and ordinal; the ERP's idempotency key."""
    event_id: str
    """Event that caused it."""
    revenue_command_id: str | None = None
    """Acknowledged revenue command that released it; null where the event does not concern revenue."""
    legal_entity: str
    """Entity whose ledger is posted."""
    currency: str
    """Currency of the lines."""
    posting_date: dt.date
    """Accounting date."""
    period: str
    """Accounting period, YYYY-MM."""
    context: Context
    """Traceable context."""
    body: PostJournal | ReverseJournal
    """What to post."""
    functional_currency: str = ""
    """Functional currency of the entity, where it is another than the journal's; empty otherwise."""


class EstablishContract(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.EstablishContract"):
    """Set up a contract: obligations, allocation, schedule."""

    terms: ContractSigned
    """The signed terms."""


class ExceptionState(StrEnum):
    """The life of an exception as a work item."""

    OPEN = "OPEN"
    ASSIGNED = "ASSIGNED"
    WAITING_APPROVAL = "WAITING_APPROVAL"
    RESOLVED = "RESOLVED"
    CLOSED_AS_DUPLICATE = "CLOSED_AS_DUPLICATE"


class ExceptionChange(Struct, frozen=True, kw_only=True, gc=False):
    """One change in the life of an exception."""

    at: dt.datetime
    """When, UTC."""
    state: ExceptionState
    """State after it."""
    actor: str
    """Who."""
    note: str
    """What and why."""


class RootCause(StrEnum):
    """Why an exception exists; decides owner, severity and deadline through the policy in config/."""

    PAYLOAD_INVALID = "PAYLOAD_INVALID"
    UNKNOWN_CONTRACT = "UNKNOWN_CONTRACT"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    VERSION_GAP = "VERSION_GAP"
    MAPPING_MISSING = "MAPPING_MISSING"
    PARKING_OVERFLOW = "PARKING_OVERFLOW"
    REVENUE_REJECTED = "REVENUE_REJECTED"
    TREATMENT_DISPUTE = "TREATMENT_DISPUTE"
    CLOSED_PERIOD = "CLOSED_PERIOD"
    APPROVAL_NEEDED = "APPROVAL_NEEDED"
    VARIANCE_OVER_TOLERANCE = "VARIANCE_OVER_TOLERANCE"
    POSTING_REJECTED = "POSTING_REJECTED"
    CONNECTOR_OUTAGE = "CONNECTOR_OUTAGE"
    TIMEOUT = "TIMEOUT"
    STATE_CORRUPTION = "STATE_CORRUPTION"


class Owner(StrEnum):
    """The team that must act on an exception."""

    INTEGRATION_SUPPORT = "INTEGRATION_SUPPORT"
    FINANCE_OPERATIONS = "FINANCE_OPERATIONS"
    PLATFORM_ENGINEERING = "PLATFORM_ENGINEERING"


class Severity(StrEnum):
    """How urgent an exception is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class ResolvingAction(StrEnum):
    """What resolves an exception."""

    RETRY = "RETRY"
    CORRECT_AND_REPLAY = "CORRECT_AND_REPLAY"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    REVERSE = "REVERSE"
    WRITE_OFF_VARIANCE = "WRITE_OFF_VARIANCE"


class SourceRecord(Struct, frozen=True, kw_only=True, gc=False):
    """The record an exception stems from, as it was read."""

    topic: str
    """Topic."""
    partition: int
    """Partition."""
    offset: int
    """Offset."""
    key: bytes | None = None
    """Raw key."""
    payload: bytes | None = None
    """Raw value."""


class ExceptionRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A work item with an owner and a deadline: topic exceptions, key contract_id."""

    exception_id: str
    """UUIDv5 of the cause: raising it again gives the same id."""
    event_id: str
    """Event concerned; empty when it could not be read."""
    root_cause: RootCause
    """Why."""
    owner: Owner
    """Who acts."""
    severity: Severity
    """How urgent."""
    opened_at: dt.datetime
    """When it was opened, UTC."""
    sla_due_at: dt.datetime
    """When it must be resolved, UTC."""
    state: ExceptionState = ExceptionState.OPEN
    """State."""
    message: str
    """What was found, what was expected, what to do."""
    resolving_actions: tuple[ResolvingAction, ...] = ()
    """What can resolve it."""
    history: tuple[ExceptionChange, ...] = ()
    """What happened to it."""
    context: Context
    """Traceable context, as far as it could be read."""
    source: SourceRecord | None = None
    """The record it stems from."""


class ModifyContract(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ModifyContract"):
    """Change a contract; the platform decides the treatment from facts."""

    change: ContractAmended
    """The change. A renewal arrives as added lines."""
    renewal: bool = False
    """Whether the added lines are a renewal."""


class OperatorAction(StrEnum):
    """What an operator asks the contract's state machine to do."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"
    RETRY = "RETRY"
    REVERSE = "REVERSE"


class OperatorCommand(Struct, frozen=True, kw_only=True, gc=False):
    """A request of an operator to the contract's state machine: topic operator-commands, key contract_id."""

    command_id: str
    """Idempotency key."""
    contract_id: str
    """Contract."""
    action: OperatorAction
    """What to do."""
    target_id: str
    """Event, command or exception it concerns."""
    operator: str
    """Who asks."""
    reason: str
    """Why."""
    requested_at: dt.datetime
    """When, UTC."""


class PostingAccepted(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PostingAccepted"):
    """The ERP posted."""

    document_number: str
    """Number of the ERP document."""
    period: str
    """Period it was posted in, YYYY-MM."""
    lines: tuple[JournalLine, ...] = ()
    """Lines as the ERP booked them."""


class PostingRejected(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.PostingRejected"):
    """The ERP refused."""

    code: str
    """Stable code."""
    reason: str
    """What was found, what was expected, what to do."""
    retryable: bool
    """Whether the same posting can succeed later."""


class PostingAck(Struct, frozen=True, kw_only=True, gc=False):
    """Answer of the ERP: topic posting-acks, key contract_id."""

    command_id: str
    """Posting that is answered."""
    event_id: str
    """Event that caused it."""
    legal_entity: str
    """Entity."""
    currency: str
    """Currency of the lines."""
    context: Context
    """Traceable context."""
    answered_at: dt.datetime
    """When the ERP answered, UTC."""
    body: PostingAccepted | PostingRejected
    """The answer."""


class RecognisedAmount(Struct, frozen=True, kw_only=True, gc=False):
    """Revenue recognised by a command."""

    obligation_id: str
    """Obligation."""
    product_line: str
    """Product line."""
    legal_entity: str
    """Entity that performs."""
    amount: Decimal
    """Revenue; negative when taken back."""


class ReconciledMeasure(StrEnum):
    """What two systems are compared on."""

    BILLED = "BILLED"
    TAX = "TAX"
    RECOGNISED = "RECOGNISED"
    CONTRACT_POSITION = "CONTRACT_POSITION"
    RECEIVABLE = "RECEIVABLE"
    FUNCTIONAL_BALANCE = "FUNCTIONAL_BALANCE"


class RecordBilling(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RecordBilling"):
    """Record an invoice (positive) or credit note (negative)."""

    document_id: str
    """Invoice or credit note number."""
    lines: tuple[DocumentLine, ...]
    """Lines as on the document, positive."""
    credit: bool = False
    """True for a credit note."""
    effect: CreditEffect = CreditEffect.BILLING_ONLY
    """What a credit means for the price."""


class RecordFulfilment(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RecordFulfilment"):
    """Record progress on an obligation."""

    fulfilment: ObligationFulfilled
    """The progress."""


class RecordUsage(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RecordUsage"):
    """Record rated usage."""

    usage: UsageRated
    """The usage."""


class TreatmentDecision(Struct, frozen=True, kw_only=True, gc=False):
    """How the platform treated a line of a modification, and why."""

    line_id: str
    """Line."""
    treatment: AccountingTreatment
    """Treatment."""
    reason: str
    """The facts that led to it, with the paragraph of the standard."""


class ScheduleLine(Struct, frozen=True, kw_only=True, gc=False):
    """Revenue of an obligation in a period."""

    obligation_id: str
    """Obligation."""
    period: str
    """Accounting period, YYYY-MM."""
    amount: Decimal
    """Revenue of the period."""


class RevenueAccepted(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RevenueAccepted"):
    """The platform accepted a command and validated the result: allocations add up to the transaction price and every
    schedule to its allocation."""

    treatment: AccountingTreatment
    """Treatment of the command as a whole."""
    decisions: tuple[TreatmentDecision, ...] = ()
    """Treatment by line."""
    currency: str
    """Transaction currency of the contract."""
    transaction_price: Decimal
    """Transaction price after the command."""
    allocations: tuple[Allocation, ...] = ()
    """Whole allocation after the command; empty when it did not change."""
    schedule: tuple[ScheduleLine, ...] = ()
    """Whole schedule after the command; empty when it did not change."""
    recognised: tuple[RecognisedAmount, ...] = ()
    """Revenue that this command recognised."""
    billed_total: Decimal
    """Net billed on the contract so far, as the platform holds it."""
    recognised_total: Decimal
    """Revenue recognised on the contract so far, as the platform holds it."""
    refund_liability_total: Decimal = Decimal("0")
    """Part of what is billed and not recognised that is expected to go back to the customer."""
    interest_total: Decimal = Decimal("0")
    """Interest accreted so far on a financing component; positive: income, negative: expense."""
    variable_included: Decimal = Decimal("0")
    """Variable consideration included in the transaction price after the constraint."""


class RevenueRejected(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RevenueRejected"):
    """The platform refused a command."""

    code: str
    """Stable code."""
    reason: str
    """What was found, what was expected, what to do."""


class RevenueAck(Struct, frozen=True, kw_only=True, gc=False):
    """Answer of the revenue platform: topic revenue-acks, key contract_id."""

    command_id: str
    """Command that is answered."""
    event_id: str
    """Event that caused it."""
    context: Context
    """Traceable context."""
    answered_at: dt.datetime
    """When the platform answered, UTC."""
    body: RevenueAccepted | RevenueRejected
    """The answer."""


class ReviseEstimate(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ReviseEstimate"):
    """Revise the transaction price."""

    estimate: EstimateChanged
    """The new estimate."""


class TerminateContract(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.TerminateContract"):
    """End a contract early."""

    termination: ContractTerminated
    """Terms of the termination."""


class ReverseTransaction(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.ReverseTransaction"):
    """Undo an earlier command of the same contract."""

    reverses_command_id: str
    """The command that is undone."""
    reason: str
    """Why."""
    replacement: UsageRated | None = None
    """Rated usage that takes the place of what is undone, and is recorded right after: with it the line must not have
    less than nothing rated; null: none."""


class RunRecognition(Struct, frozen=True, kw_only=True, gc=False, tag_field="-type", tag="tieout.RunRecognition"):
    """Recognise what is earned and not yet recognised up to the end of a period, for one legal entity."""

    period: str
    """Accounting period, YYYY-MM."""
    last_day: dt.date | None = None
    """Last day of the period in the entity's fiscal calendar; null: of the calendar month."""


class RevenueCommand(Struct, frozen=True, kw_only=True, gc=False):
    """A command to the revenue platform: topic revenue-commands, key contract_id."""

    command_id: str
    """UUIDv5 of contract, event, kind and ordinal: deriving it again gives the same id."""
    event_id: str
    """Event that caused it."""
    effective_date: dt.date
    """Business date on which it takes effect."""
    context: Context
    """Traceable context."""
    body: (
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
    """What to do."""
    corrects_command_id: str | None = None
    """Accepted command of the same kind whose place this one takes: the contract is replayed with it, and the next
    recognition run takes in the difference. Null, or a command that was refused: it is executed as it is."""


class Variance(Struct, frozen=True, kw_only=True, gc=False):
    """A difference between two systems, or its end: topic variances, key contract_id."""

    variance_id: str
    """UUIDv5 of contract, entity, currency, measure and systems."""
    legal_entity: str
    """Entity."""
    currency: str
    """Currency."""
    measure: ReconciledMeasure
    """What is compared."""
    left_system: str
    """One side."""
    left_amount: Decimal
    """Its amount."""
    right_system: str
    """The other side."""
    right_amount: Decimal
    """Its amount."""
    difference: Decimal
    """Left minus right; 0 when a variance has ended."""
    at: dt.datetime
    """When, UTC."""
    context: Context
    """Traceable context, with the reconciliation outcome."""
