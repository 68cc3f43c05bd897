"""Reconciliation: do billing, revenue recognition and the ERP say the same of a contract?

Each system is added up from its own words: billing from commercial events, revenue from its acknowledgments, the ERP
from the lines it says it booked. Pure; the same comparison serves the stage, the dry run and the demo.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from streams.core.ids import derive
from streams.core.journals import gross_of, net_of
from streams.core.money import ZERO
from streams.core.policy import PostingAccounts
from streams.records import (
    CommercialEvent,
    Context,
    ContractStatus,
    CreditIssued,
    InvoiceIssued,
    PaymentReceived,
    PostingAccepted,
    ReconciledMeasure,
    ReconciliationOutcome,
    RefundIssued,
    RevenueAccepted,
    Variance,
)

BILLING, REVENUE, ERP = "billing", "revenue", "erp"
ERP_DEBITS, ERP_CREDITS = "erp debits", "erp credits"

Amounts = dict[str, Decimal]


class Orchestrated(Struct, frozen=True):
    """How far orchestration said it was with a contract."""

    events_to: int
    commands_accepted: int
    postings_accepted: int
    quiet: bool
    """Nothing waits and nothing is on its way."""


class Tie(Struct, frozen=True, omit_defaults=True):
    """What the three systems say of a contract so far, and which differences are told already.

    Amounts are in the contract's currency. Keys of `erp` are `entity|account`, of `told` `measure|entity`.
    """

    contract_id: str
    legal_entity: str = ""
    currency: str = ""
    customer_account: str = ""
    billed: Decimal = ZERO
    tax: Decimal = ZERO
    receivable: Decimal = ZERO
    revenue_billed: Decimal = ZERO
    revenue_recognised: Amounts = {}
    revenue_interest: Decimal = ZERO
    """Of a financing component: income above 0, expense below."""
    erp: Amounts = {}
    functional: dict[str, tuple[Decimal, Decimal]] = {}
    """Debits and credits in functional currency that the ERP booked, by entity whose functional currency is another."""
    transactions: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    """Net, tax and receivable of each billing transaction, so that a correction can take them back."""
    corrected: tuple[str, ...] = ()
    """Transactions whose correction came before them: they add nothing when they come."""
    told: Amounts = {}
    events_to: int = -1
    """Offset of the last commercial event that is added up."""
    revenue_answers: int = 0
    erp_answers: int = 0
    orchestrated: Orchestrated | None = None
    changed_at: dt.datetime | None = None
    """When it last changed; None once it has been compared since."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on one measure of one legal entity."""

    measure: ReconciledMeasure
    legal_entity: str
    left_system: str
    left_amount: Decimal
    right_system: str
    right_amount: Decimal

    @property
    def difference(self) -> Decimal:
        return self.left_amount - self.right_amount


def orchestrated(tie: Tie, status: ContractStatus, at: dt.datetime) -> Tie:
    """Return the tie after orchestration told the contract's status."""
    told = Orchestrated(
        events_to=status.last_event_offset,
        commands_accepted=status.commands_accepted,
        postings_accepted=status.postings_accepted,
        quiet=not status.parked and status.commands_pending == 0 and status.postings_pending == 0,
    )
    return replace(tie, orchestrated=told, changed_at=tie.changed_at or at)


def ready(tie: Tie, at: dt.datetime, patience: dt.timedelta, events_read_to: int) -> bool:
    """Tell whether a changed contract is to be compared now.

    It is when all that was read belongs to the same moment: orchestration has taken in every event that was added up
    here, nothing is on its way, and every event and answer that it counts has been read here too (`events_read_to` is
    the offset up to which the contract's partition of events is read). What is merely on its way is no variance. When
    that moment does not come, the contract is compared all the same once `patience` is over.
    """
    if tie.changed_at is None:
        return False
    told = tie.orchestrated
    at_one_moment = (
        told is not None
        and told.quiet
        and tie.events_to <= told.events_to <= events_read_to
        and (told.commands_accepted, told.postings_accepted) == (tie.revenue_answers, tie.erp_answers)
    )
    return at_one_moment or tie.changed_at + patience <= at


def billed(tie: Tie, event: CommercialEvent, at: dt.datetime, offset: int = -1) -> Tie:
    """Return the tie after a commercial event that is no duplicate; `offset` is where it was read."""
    tie = replace(tie, events_to=offset, changed_at=at)
    effect = _billing_effect(event)
    if effect is None:
        return tie
    nothing = (ZERO, ZERO, ZERO)
    transactions, corrected, before = dict(tie.transactions), tie.corrected, nothing
    if event.supersedes and event.supersedes in transactions:
        before = transactions.pop(event.supersedes)
    elif event.supersedes:
        corrected = (*corrected, event.supersedes)
    if event.context.source_transaction_id in corrected:
        effect = nothing
    else:
        transactions[event.context.source_transaction_id] = effect
    return replace(
        _named(tie, event),
        billed=tie.billed + effect[0] - before[0],
        tax=tie.tax + effect[1] - before[1],
        receivable=tie.receivable + effect[2] - before[2],
        transactions=transactions,
        corrected=corrected,
    )


def _named(tie: Tie, event: CommercialEvent) -> Tie:
    return replace(
        tie,
        legal_entity=tie.legal_entity or event.context.legal_entity,
        customer_account=tie.customer_account or event.context.customer_account,
        currency=tie.currency or str(getattr(event.body, "currency", "")),
    )


def _billing_effect(event: CommercialEvent) -> tuple[Decimal, Decimal, Decimal] | None:
    match event.body:
        case InvoiceIssued(lines=lines):
            net, gross = net_of(lines), gross_of(lines)
            return net, gross - net, gross
        case CreditIssued(lines=lines):
            net, gross = net_of(lines), gross_of(lines)
            return -net, net - gross, -gross
        case PaymentReceived(amount=amount):
            return ZERO, ZERO, -amount
        case RefundIssued(amount=amount):
            return ZERO, ZERO, amount
        case _:
            return None


def recognised(tie: Tie, answer: RevenueAccepted, context: Context, at: dt.datetime) -> Tie:
    """Return the tie after the revenue platform's first answer to a command."""
    by_entity = dict(tie.revenue_recognised)
    for part in answer.recognised:
        by_entity[part.legal_entity] = by_entity.get(part.legal_entity, ZERO) + part.amount
    return replace(
        tie,
        legal_entity=tie.legal_entity or context.legal_entity,
        currency=tie.currency or answer.currency,
        revenue_billed=answer.billed_total,
        revenue_recognised=by_entity,
        revenue_interest=answer.interest_total,
        revenue_answers=tie.revenue_answers + 1,
        changed_at=at,
    )


def booked(tie: Tie, answer: PostingAccepted, legal_entity: str, at: dt.datetime) -> Tie:
    """Return the tie after the ERP's first acceptance of a posting."""
    erp, functional = dict(tie.erp), dict(tie.functional)
    for line in answer.lines:
        key = f"{legal_entity}|{line.account}"
        erp[key] = erp.get(key, ZERO) + line.debit - line.credit
        if line.functional_debit or line.functional_credit:
            debits, credits = functional.get(legal_entity, (ZERO, ZERO))
            functional[legal_entity] = (debits + line.functional_debit, credits + line.functional_credit)
    return replace(tie, erp=erp, functional=functional, erp_answers=tie.erp_answers + 1, changed_at=at)


def compare(tie: Tie, accounts: PostingAccounts) -> list[Comparison]:
    """Return what must agree, with both sides' amounts."""
    entity = tie.legal_entity
    taxes = set(accounts.tax_payable.values())
    revenue = set(accounts.revenue.values())
    total_recognised = sum(tie.revenue_recognised.values(), ZERO)
    comparisons = [
        Comparison(ReconciledMeasure.BILLED, entity, BILLING, tie.billed, REVENUE, tie.revenue_billed),
        Comparison(ReconciledMeasure.TAX, entity, BILLING, tie.tax, ERP, -_held(tie.erp, entity, taxes)),
        Comparison(
            ReconciledMeasure.RECEIVABLE,
            entity,
            BILLING,
            tie.receivable,
            ERP,
            _held(tie.erp, entity, {accounts.receivable}),
        ),
        Comparison(
            ReconciledMeasure.CONTRACT_POSITION,
            entity,
            REVENUE,
            tie.revenue_billed - total_recognised - tie.revenue_interest,
            ERP,
            -_held(tie.erp, entity, {accounts.contract_liability, accounts.contract_asset, accounts.refund_liability}),
        ),
    ]
    for performing in sorted({entity, *tie.revenue_recognised}):
        comparisons.append(
            Comparison(
                ReconciledMeasure.RECOGNISED,
                performing,
                REVENUE,
                tie.revenue_recognised.get(performing, ZERO),
                ERP,
                -_held(tie.erp, performing, revenue),
            )
        )
    for entity, (debits, credits) in sorted(tie.functional.items()):
        measure = ReconciledMeasure.FUNCTIONAL_BALANCE
        comparisons.append(Comparison(measure, entity, ERP_DEBITS, debits, ERP_CREDITS, credits))
    return comparisons


def _held(erp: Mapping[str, Decimal], entity: str, accounts: set[str]) -> Decimal:
    return sum((amount for key, amount in erp.items() if _is_of(key, entity, accounts)), ZERO)


def _is_of(key: str, entity: str, accounts: set[str]) -> bool:
    owner, _, account = key.partition("|")
    return owner == entity and account in accounts


def reconcile(
    tie: Tie,
    accounts: PostingAccounts,
    tolerance: Decimal,
    at: dt.datetime,
    functional_currencies: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Tie, tuple[Variance, ...]]:
    """Return the tie and the variances to tell: new or changed differences, and those that ended (difference 0).

    `functional_currencies` are those of the entities; the functional balance is in them.
    """
    told = dict(tie.told)
    variances = []
    for comparison in compare(tie, accounts):
        key = f"{comparison.measure}|{comparison.legal_entity}"
        difference = comparison.difference if abs(comparison.difference) > tolerance else ZERO
        if difference == told.get(key, ZERO):
            continue
        currency = tie.currency
        if comparison.measure is ReconciledMeasure.FUNCTIONAL_BALANCE:
            currency = functional_currencies.get(comparison.legal_entity, currency)
        variances.append(_variance(tie, comparison, currency, difference, at))
        if difference:
            told[key] = difference
        else:
            del told[key]
    return replace(tie, told=told, changed_at=None), tuple(variances)


def _variance(tie: Tie, comparison: Comparison, currency: str, difference: Decimal, at: dt.datetime) -> Variance:
    outcome = ReconciliationOutcome.VARIANCE if difference else ReconciliationOutcome.TIED_OUT
    return Variance(
        variance_id=derive("variance", tie.contract_id, comparison.legal_entity, currency, comparison.measure),
        legal_entity=comparison.legal_entity,
        currency=currency,
        measure=comparison.measure,
        left_system=comparison.left_system,
        left_amount=comparison.left_amount,
        right_system=comparison.right_system,
        right_amount=comparison.right_amount,
        difference=difference,
        at=at,
        context=Context(
            source_system="tieout",
            source_transaction_id="",
            contract_id=tie.contract_id,
            contract_version=0,
            customer_account=tie.customer_account,
            legal_entity=comparison.legal_entity,
            reconciliation_outcome=outcome,
        ),
    )
