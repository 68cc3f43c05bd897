"""What is promised, and the share of the price each promise gets, when a contract or a renewal begins.

Sections 2 and 3 of docs/accounting.md (ASC 606-10-25-14 to 22 and 606-10-32-28 to 41). Knows nothing of modifications.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from connectors.revenue.embedded.allocation import shares
from connectors.revenue.embedded.book import (
    SIGNED_CONTRACT,
    Book,
    Doubt,
    Financed,
    Line,
    Measure,
    Obligation,
    Variable,
)
from connectors.revenue.embedded.collectibility import NEVER
from connectors.revenue.embedded.commitment import committed, periods_of
from connectors.revenue.embedded.earning import plan
from connectors.revenue.embedded.financing import priced_in_cash
from connectors.revenue.embedded.minor_units import split, to_amount, to_minor_not_negative
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.prepaid import credits_of, granted
from connectors.revenue.embedded.progress import measure_joined, measure_of
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.transaction_price import PriceParts, is_plain, price_parts
from streams.core.pattern_terms import METERED, is_combined, joining_fault, pattern_faults
from streams.core.service_periods import service_periods
from streams.records import (
    AccountingTreatment,
    ContractLine,
    ContractSigned,
    EstablishContract,
    MaterialRight,
    RecognitionPattern,
    RevenueCommand,
    SspMethod,
    TreatmentDecision,
)

_EARNED_HOW = {
    RecognitionPattern.RATABLE_DAILY: "over time, every day of the term the same (606-10-25-31)",
    RecognitionPattern.RATABLE_MONTHLY: "over time, every month of the term the same (606-10-25-31)",
    RecognitionPattern.POINT_IN_TIME: "at the point of fulfilment (606-10-25-30)",
    RecognitionPattern.USAGE: "as used, in the period of use (606-10-32-40)",
    RecognitionPattern.MILESTONE: "over time by cumulative progress (606-10-25-31)",
    RecognitionPattern.UNITS: "by units delivered, each distinct (606-10-55-17)",
    RecognitionPattern.COST_TO_COST: "over time by cost incurred over cost expected (606-10-55-20)",
    RecognitionPattern.AS_INVOICED: "as the customer may be invoiced (606-10-55-18)",
    RecognitionPattern.PREPAID: "as credits are used, with the breakage expected (606-10-55-46 to 49)",
}


def establish(command: RevenueCommand, body: EstablishContract) -> Outcome:
    """Open the book of a contract that was signed. Raises CommandRefusedError."""
    terms = body.terms
    context = command.context
    if not terms.lines:
        raise CommandRefusedError(
            RefusalCode.NOTHING_TO_CHANGE,
            f"contract {context.contract_id} has no line; expected at least one. Add what is promised.",
        )
    check_new_ids([*(line.line_id for line in terms.lines), *(option.option_id for option in terms.options)], ())
    lines, promised = promises(terms.lines, terms.currency, context.legal_entity, SIGNED_CONTRACT)
    promised += [_option(option, terms.currency, context.legal_entity) for option in terms.options]
    financing: Financed | None = None
    measured: list[TreatmentDecision] = []
    if terms.financing is not None:
        lines, promised, financing, decision = priced_in_cash(terms.financing, lines, promised, terms.currency)
        measured = [decision]
    variable: tuple[Variable, ...] = ()
    price = sum(line.price for line in lines)
    if is_plain(terms):
        obligations = allocate(promised, terms.currency)
        decisions = [
            _decision(obligation.line_id, allocation_reason(obligation, obligations, terms.currency))
            for obligation in obligations
        ]
    else:
        parts = price_parts(terms, lines, promised)
        obligations, decisions = _allocate_parts(terms, lines, promised, parts)
        residual = {obligation.obligation_id: obligation.ssp for obligation in obligations}
        lines = [
            replace(line, ssp=residual[line.line_id]) if line.line_id in _residual(terms) else line for line in lines
        ]
        variable = parts.variable
        price += parts.shared + sum(parts.by_line.values()) + sum(period.price for period in parts.periods)
    if measured:
        decisions = measured + decisions
    if terms.agreements:
        decisions = [_with_paper(decision, terms) for decision in decisions]
    if not terms.collection_probable:
        why = (
            "collection is not probable: nothing is recognised, what is received is a liability (606-10-25-1(e), 25-8)"
        )
        decisions.append(_decision(lines[0].line_id, why))
    book = Book(
        contract_id=context.contract_id,
        currency=terms.currency,
        legal_entity=context.legal_entity,
        version=context.contract_version,
        lines=tuple(lines),
        obligations=tuple(obligations),
        transaction_price=price,
        variable=variable,
        financing=financing,
        doubts=() if terms.collection_probable else (Doubt(NEVER),),
    )
    return Outcome(book, decisions=tuple(decisions))


def _decision(line_id: str, reason: str) -> TreatmentDecision:
    return TreatmentDecision(line_id=line_id, treatment=AccountingTreatment.NOT_A_MODIFICATION, reason=reason)


def _allocate_parts(
    terms: ContractSigned, lines: Sequence[Line], promised: Sequence[Obligation], parts: PriceParts
) -> tuple[list[Obligation], list[TreatmentDecision]]:
    """Allocate a price that is more than the prices of the lines, or not shared by their SSP alone."""
    obligations: list[Obligation] = []
    decisions = list(parts.decisions)
    for share in shares(terms, lines, promised, parts):
        begun = begin(share.obligation, share.amount)
        obligations.append(begun)
        decisions.append(_decision(begun.line_id, f"{share.reason}; {_earned(begun)}"))
    obligations += [begin(period, period.price) for period in parts.periods]
    return obligations, decisions


def _residual(terms: ContractSigned) -> set[str]:
    return {line.line_id for line in terms.lines if line.ssp_method is SspMethod.RESIDUAL}


def _with_paper(decision: TreatmentDecision, terms: ContractSigned) -> TreatmentDecision:
    """Say of a line on which paper it was signed, and why the papers are one contract."""
    papers = {paper.agreement_id: paper for paper in terms.agreements}
    paper = next((papers.get(line.agreement) for line in terms.lines if line.line_id == decision.line_id), None)
    if paper is None:
        return decision
    why = f", combined: {paper.combination_basis} (606-10-25-9)" if paper.combination_basis else ""
    return replace(decision, reason=f"{decision.reason}; signed on paper {paper.agreement_id}{why}")


def check_new_ids(new: Sequence[str], used: Collection[str]) -> None:
    """Check that ids are unique among themselves and never used before. Raises CommandRefusedError."""
    seen = set(used)
    for identifier in new:
        if identifier in seen:
            raise CommandRefusedError(
                RefusalCode.LINE_ID_USED,
                f"line id {identifier} is used already; expected one that the contract never had. "
                "Give the line a new id.",
            )
        seen.add(identifier)


def used_ids(book: Book) -> set[str]:
    """Return every line and obligation id that a contract ever had."""
    return {line.line_id for line in book.lines} | {obligation.obligation_id for obligation in book.obligations}


def priced(line: ContractLine, currency: str) -> tuple[int, int]:
    """Check a new line; return its price and stand-alone selling price in minor units. Raises CommandRefusedError."""
    if line.end_date < line.start_date:
        raise CommandRefusedError(
            RefusalCode.TERM_INVALID,
            f"line {line.line_id} ends on {line.end_date}, before its start {line.start_date}. Correct the term.",
        )
    price = to_minor_not_negative(line.price, currency, f"price of line {line.line_id}")
    ssp = to_minor_not_negative(line.ssp, currency, f"stand-alone selling price of line {line.line_id}")
    faults = pattern_faults(line)
    if faults:
        code = RefusalCode.USAGE_PRICED if line.pattern in METERED else RefusalCode.PATTERN_INVALID
        raise CommandRefusedError(
            code, "; ".join(f"{field} of line {line.line_id}: {detail}" for field, detail in faults) + "."
        )
    if line.pattern is RecognitionPattern.USAGE and price:
        periods = len(service_periods(line.start_date, line.end_date, line.commitment_months))
        return price * periods, ssp * periods
    return price, ssp


def check_joins(line: ContractLine, joined: Obligation) -> None:
    """Refuse a line that is one promise with others and recognised in another way. Raises CommandRefusedError."""
    fault = joining_fault(line, joined.line_id, joined.pattern)
    if fault:
        raise CommandRefusedError(RefusalCode.PATTERN_INVALID, f"pattern of line {line.line_id}: {fault}.")


def promises(
    signed: Iterable[ContractLine], currency: str, legal_entity: str, group: int
) -> tuple[list[Line], list[Obligation]]:
    """Return the lines and the obligations they promise, nothing allocated yet. Raises CommandRefusedError."""
    lines: list[Line] = []
    obligations: list[Obligation] = []
    combined: int | None = None
    for line in signed:
        price, ssp = priced(line, currency)
        if combined is not None and is_combined(line):
            first = obligations[combined]
            check_joins(line, first)
            obligations[combined] = replace(
                first, price=first.price + price, ssp=first.ssp + ssp, measure=measure_joined(first, line)
            )
            lines.append(Line(line.line_id, first.obligation_id, line.quantity, price, ssp))
            continue
        if is_combined(line):
            combined = len(obligations)
        obligations.append(
            Obligation(
                obligation_id=line.line_id,
                line_id=line.line_id,
                group=group,
                product_line=line.product_line,
                legal_entity=line.legal_entity or legal_entity,
                pattern=line.pattern,
                start=line.start_date,
                end=line.end_date,
                price=price,
                ssp=ssp,
                distinct=not is_combined(line),
                measure=measure_of(line),
                credits=credits_of(line),
                commitment=periods_of(line, price),
            )
        )
        lines.append(Line(line.line_id, line.line_id, line.quantity, price, ssp))
    return lines, obligations


def _option(option: MaterialRight, currency: str, legal_entity: str) -> Obligation:
    return Obligation(
        obligation_id=option.option_id,
        line_id=option.option_id,
        group=SIGNED_CONTRACT,
        product_line=option.product_line,
        legal_entity=legal_entity,
        pattern=RecognitionPattern.POINT_IN_TIME,
        start=option.expires_on,
        end=option.expires_on,
        price=0,
        ssp=to_minor_not_negative(option.ssp, currency, f"stand-alone selling price of option {option.option_id}"),
        option=True,
        measure=None if option.quantity == 1 else Measure(option.quantity),
    )


def allocate(promised: Sequence[Obligation], currency: str, besides: int = 0) -> list[Obligation]:
    """Allocate the price of all by their relative stand-alone selling prices, and plan it over their terms.

    `besides` is what was allocated to options that are exercised for them, and joins their price.
    Raises CommandRefusedError when there is a price and nothing to allocate it by.
    """
    price = besides + sum(obligation.price for obligation in promised)
    weights = [obligation.ssp for obligation in promised]
    if not price:
        return list(promised)
    if not sum(weights):
        raise CommandRefusedError(
            RefusalCode.PRICE_WITHOUT_SSP,
            f"the price is {to_amount(price, currency)} {currency} and every stand-alone selling price is 0; "
            "expected one to allocate the price by (606-10-32-31). Estimate it (606-10-32-33).",
        )
    return [begin(obligation, share) for obligation, share in zip(promised, split(price, weights), strict=True)]


def begin(obligation: Obligation, amount: int, first_day: dt.date | None = None) -> Obligation:
    """Allocate an amount to a promise of which nothing is performed yet, and plan it from a day on."""
    if obligation.credits is not None:
        return granted(obligation, amount)
    if obligation.commitment:
        return committed(obligation, amount)
    return replace(obligation, allocated=amount, segments=plan(obligation, amount, first_day))


def allocation_reason(obligation: Obligation, together: Sequence[Obligation], currency: str) -> str:
    """Say what an obligation was allocated, out of what, and how it is earned."""
    how = _earned(obligation)
    if obligation.pattern in METERED and not obligation.commitment:
        return f"usage, {how}; no share of the fixed price"
    price = sum(other.price for other in together)
    ssp = sum(other.ssp for other in together)
    return (
        f"{to_amount(obligation.allocated, currency)} of the price {to_amount(price, currency)} by SSP "
        f"{to_amount(obligation.ssp, currency)} of {to_amount(ssp, currency)} (606-10-32-31); {how}"
    )


def _earned(obligation: Obligation) -> str:
    """Say how an obligation is earned."""
    if obligation.option:
        return f"material right, earned when exercised or on {obligation.end} (606-10-55-42)"
    how = f"earned {_EARNED_HOW[obligation.pattern]}"
    if obligation.commitment:
        how += f"; a minimum for each of {len(obligation.commitment)} periods is trued up on its last day"
    return how
