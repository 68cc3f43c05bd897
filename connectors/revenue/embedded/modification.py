"""Carrying out a contract modification once its treatment is decided (docs/accounting.md section 5).

Separate contracts stand beside what exists; prospective items spread what remains over what remains, by group; a
cumulative catch-up changes one obligation. Which of them applies is decided in `treatment`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from msgspec.structs import replace

from connectors.revenue.embedded.amended_price import with_variable
from connectors.revenue.embedded.book import SIGNED_CONTRACT, Book, Line, Measure, Obligation
from connectors.revenue.embedded.commitment import without_minimum
from connectors.revenue.embedded.concession import concede
from connectors.revenue.embedded.earning import DAY, cut, is_satisfied, plan, planned_kind, total, units
from connectors.revenue.embedded.inception import allocate, allocation_reason, begin, check_new_ids, promises, used_ids
from connectors.revenue.embedded.material_right import exercise, exercises
from connectors.revenue.embedded.minor_units import common_weights, split, to_amount
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.prepaid import until
from connectors.revenue.embedded.price_change import catch_up
from connectors.revenue.embedded.progress import (
    in_progress,
    measure_joined,
    measured_anew,
    remaining_share,
    settled,
)
from connectors.revenue.embedded.promised_before import with_pool
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.treatment import (
    Added,
    Changed,
    Decided,
    Removed,
    check_requested,
    combined_obligation,
    decide,
    shared_treatment,
)
from streams.core.pattern_terms import METERED
from streams.records import (
    AccountingTreatment,
    ContractAmended,
    ModifyContract,
    RecognitionPattern,
    RevenueCommand,
    TreatmentDecision,
)

SEPARATE = AccountingTreatment.SEPARATE_CONTRACT
PROSPECTIVE = AccountingTreatment.PROSPECTIVE
CATCH_UP = AccountingTreatment.CUMULATIVE_CATCH_UP


def modify(book: Book, command: RevenueCommand, body: ModifyContract) -> Outcome:
    """Execute an amendment or a renewal. Raises CommandRefusedError."""
    if body.renewal or exercises(body.change):
        return _renew(book, command, body.change)
    day = command.effective_date
    book, conceded = concede(book, body.change.changed_lines, day)
    decided = decide(book, body.change, day)
    version = command.context.contract_version
    lines = {line.line_id: line for line in book.lines}
    obligations = {obligation.obligation_id: obligation for obligation in book.obligations}
    for changed in decided.changed:
        lines[changed.line.line_id] = replace(
            changed.line, quantity=changed.quantity, price=changed.price, ssp=changed.ssp
        )
    _catch_up(book, decided, lines, obligations, day)
    spread = _prospective(book, decided, lines, obligations, day)
    _separate(book, decided, lines, obligations, day, version)
    price = (
        book.transaction_price
        + sum(item.price for item in decided.added)
        + sum(item.delta_price for item in decided.changed)
        - sum(item.fall for item in decided.removed)
    )
    changed_book = replace(
        book,
        version=version,
        lines=tuple(lines.values()),
        obligations=tuple(obligations.values()),
        transaction_price=price,
    )
    if spread is not None:
        changed_book = with_pool(changed_book, book, *spread)
    decisions, treatment = decided.decisions, decided.treatment
    if body.change.variable:
        added = {item.line.line_id: item.decision.treatment for item in decided.added}
        changed_book, promised = with_variable(changed_book, body.change.variable, day, added)
        decisions += promised
        treatment = shared_treatment(decisions)
        check_requested(body.change.requested_treatment, treatment, decisions)
    return Outcome(changed_book, _overall(conceded, treatment), conceded + decisions)


def _overall(conceded: tuple[TreatmentDecision, ...], treatment: AccountingTreatment) -> AccountingTreatment:
    if not conceded:
        return treatment
    alone = treatment is AccountingTreatment.NOT_A_MODIFICATION
    return AccountingTreatment.PRICE_CHANGE if alone else AccountingTreatment.MIXED


def _renew(book: Book, command: RevenueCommand, change: ContractAmended) -> Outcome:
    """Add a new term as a separate contract, allocated among its own lines as at inception."""
    if change.changed_lines or change.removed_lines or change.variable or not change.added_lines:
        raise CommandRefusedError(
            RefusalCode.NOTHING_TO_CHANGE,
            f"the renewal or exercise adds {len(change.added_lines)}, changes {len(change.changed_lines)} and removes "
            f"{len(change.removed_lines)} lines; expected added lines only. Send other changes as an amendment.",
        )
    if change.requested_treatment not in (None, AccountingTreatment.UNDETERMINED, SEPARATE):
        raise CommandRefusedError(
            RefusalCode.TREATMENT_DISPUTE,
            f"treatment {change.requested_treatment} is requested and a renewal or an exercise of options is a "
            f"{SEPARATE} (606-10-25-12, 55-42). "
            "Send it without a requested treatment, or as an amendment if it changes the term in force.",
        )
    check_new_ids([line.line_id for line in change.added_lines], used_ids(book))
    lines, promised = promises(change.added_lines, book.currency, book.legal_entity, book.next_group)
    exercised = exercise(book, change, command.effective_date)
    obligations = allocate(promised, book.currency, exercised.amount)
    what = "renewal, a contract of its own (606-10-25-12)"
    if exercised.names:
        what = (
            f"exercises {', '.join(exercised.names)}: the {to_amount(exercised.amount, book.currency)} "
            "allocated to it joins the price of what is added (606-10-55-42)"
        )
    renewed = replace(
        book,
        version=command.context.contract_version,
        lines=(*book.lines, *lines),
        obligations=(*exercised.obligations, *obligations),
        transaction_price=book.transaction_price + sum(line.price for line in lines),
    )
    decisions = tuple(
        TreatmentDecision(
            line_id=obligation.line_id,
            treatment=SEPARATE,
            reason=f"{what}: {allocation_reason(obligation, obligations, book.currency)}",
        )
        for obligation in obligations
    )
    return Outcome(renewed, SEPARATE, decisions)


def _catch_up(
    book: Book, decided: Decided, lines: dict[str, Line], obligations: dict[str, Obligation], day: dt.date
) -> None:
    """Caught up one by one, in the order of the amendment."""
    for changed in _changed_by(decided, CATCH_UP):
        before = obligations[changed.obligation.obligation_id]
        satisfied = is_satisfied(before, day)
        new = replace(
            before,
            price=before.price + changed.delta_price,
            ssp=before.ssp + changed.delta_ssp,
            end=before.end if satisfied else changed.end,
        )
        if changed.expected is not None:
            new = measured_anew(new, changed.expected)
        obligations[before.obligation_id] = catch_up(new, changed.delta_price, day, satisfied)
    joined = combined_obligation(book)
    for added in _added_by(decided, CATCH_UP):
        if joined is None:
            break
        before = obligations[joined.obligation_id]
        line_id = added.line.line_id
        lines[line_id] = Line(line_id, before.obligation_id, added.line.quantity, added.price, added.ssp)
        new = replace(
            before,
            price=before.price + added.price,
            ssp=before.ssp + added.ssp,
            measure=measure_joined(before, added.line),
        )
        obligations[before.obligation_id] = catch_up(new, added.price, day, is_satisfied(before, day))


def _prospective(
    book: Book, decided: Decided, lines: dict[str, Line], obligations: dict[str, Obligation], day: dt.date
) -> tuple[list[str], list[tuple[str, int]]] | None:
    """Spread what remains over what remains, by group; return who had what remained of the signed contract, and got it.

    Returns None where nothing of the signed contract was spread.
    """
    signed: tuple[list[str], list[tuple[str, int]]] | None = None
    changes = {changed.obligation.obligation_id: changed for changed in _changed_by(decided, PROSPECTIVE)}
    removals = {removed.obligation.obligation_id: removed for removed in decided.removed}
    groups: set[int] = set()
    for changed in changes.values():
        new = replace(
            changed.obligation,
            price=changed.obligation.price + changed.delta_price,
            ssp=changed.obligation.ssp + changed.delta_ssp,
            end=changed.end,
        )
        if changed.expected is not None:
            new = measured_anew(new, changed.expected)
        obligations[new.obligation_id] = until(new) if new.credits is not None else new
        if _pooled(new):
            groups.add(new.group)
    added: list[Obligation] = []
    for item in _added_by(decided, PROSPECTIVE):
        new_lines, promised = promises([item.line], book.currency, book.legal_entity, SIGNED_CONTRACT)
        lines[item.line.line_id] = new_lines[0]
        added += promised
        groups.add(SIGNED_CONTRACT)
    for removed in removals.values():
        obligation = removed.obligation
        obligations[obligation.obligation_id] = _cancelled(removed, day)
        if obligation.pattern not in METERED or obligation.commitment:
            groups.add(obligation.group)
    for group in sorted(groups):
        pool = [
            obligations[before.obligation_id]
            for before in book.obligations
            if before.group == group
            and before.obligation_id not in removals
            and (_is_open(before, day) or _grows(before, changes))
        ]
        amount = sum(obligation.allocated - total(cut(obligation.segments, day - DAY)) for obligation in pool)
        amount += sum(changes[item.obligation_id].delta_price for item in pool if item.obligation_id in changes)
        for removed in removals.values():
            if removed.obligation.group == group:
                amount += removed.obligation.allocated - removed.settled - removed.fall
        if group == SIGNED_CONTRACT:
            amount += sum(obligation.price for obligation in added)
            pool += added
        for obligation in _spread(pool, amount, day, book.currency):
            obligations[obligation.obligation_id] = obligation
        if group == SIGNED_CONTRACT:
            members = [it.obligation_id for it in pool if it not in added]
            members += [name for name, removed in removals.items() if removed.obligation.group == group]
            spread = [obligations[it.obligation_id] for it in pool]
            signed = members, [(it.obligation_id, it.allocated - total(cut(it.segments, day - DAY))) for it in spread]
    return signed


def _is_open(obligation: Obligation, day: dt.date) -> bool:
    """Tell whether an obligation, as it was before the change, takes part in its group's pool."""
    open_ = obligation.distinct and _pooled(obligation) and not in_progress(obligation)
    return open_ and not is_satisfied(obligation, day)


def _pooled(obligation: Obligation) -> bool:
    """Tell whether a share of what remains may go to an obligation: usage, a minimum and credits keep their own."""
    return obligation.pattern not in METERED and obligation.credits is None


def _grows(obligation: Obligation, changes: dict[str, Changed]) -> bool:
    """Tell whether further units are promised where all had been delivered."""
    changed = changes.get(obligation.obligation_id)
    return changed is not None and obligation.pattern is RecognitionPattern.UNITS


def _cancelled(removed: Removed, day: dt.date) -> Obligation:
    obligation = removed.obligation
    if obligation.pattern in METERED:
        obligation = replace(
            obligation, end=min(obligation.end, day - DAY), commitment=without_minimum(obligation, day - DAY)
        )
        if not obligation.commitment:
            return replace(obligation, removed_on=day)
    segments = cut(obligation.segments, day - DAY)
    return replace(obligation, allocated=removed.settled, segments=segments, removed_on=day)


def _spread(pool: list[Obligation], amount: int, day: dt.date, currency: str) -> list[Obligation]:
    """Share an amount by remaining SSP, and plan each share over what remains (606-10-25-13(a))."""
    if amount < 0:
        raise CommandRefusedError(
            RefusalCode.NEGATIVE_POOL,
            f"{to_amount(amount, currency)} would remain to be earned from {day} on; expected 0 or more. "
            "Name what of the fall of a price is for what was performed in its concession, or correct the price.",
        )
    weights = common_weights([_remaining_ssp(obligation, day) for obligation in pool])
    if amount and not sum(weights):
        raise CommandRefusedError(
            RefusalCode.POOL_WITHOUT_SSP,
            f"{to_amount(amount, currency)} remains to be earned from {day} on, and no remaining obligation has a "
            "stand-alone selling price and a term. Give the changed or added line an SSP, or terminate the contract.",
        )
    shares = split(amount, weights) if amount else [0] * len(pool)
    spread: list[Obligation] = []
    for obligation, share in zip(pool, shares, strict=True):
        if obligation.credits is not None:
            spread.append(begin(obligation, share))
            continue
        segments = cut(obligation.segments, day - DAY)
        allocated = total(segments) + share
        new = replace(obligation, allocated=allocated, segments=segments + plan(obligation, share, day))
        spread.append(settled(new))
    return spread


def _remaining_ssp(obligation: Obligation, day: dt.date) -> tuple[int, int]:
    if obligation.measure is not None:
        above, below = remaining_share(obligation.measure)
        return obligation.ssp * above, below
    kind = planned_kind(obligation)
    if kind is None:
        return obligation.ssp, 1
    remaining = units(kind, max(day, obligation.start), obligation.end)
    return obligation.ssp * remaining, units(kind, obligation.start, obligation.end)


def _separate(
    book: Book,
    decided: Decided,
    lines: dict[str, Line],
    obligations: dict[str, Obligation],
    day: dt.date,
    version: int,
) -> None:
    group = book.next_group
    for added in _added_by(decided, SEPARATE):
        new_lines, promised = promises([added.line], book.currency, book.legal_entity, group)
        lines[added.line.line_id] = new_lines[0]
        obligations[added.line.line_id] = allocate(promised, book.currency)[0]
        group += 1
    for changed in _changed_by(decided, SEPARATE):
        own = changed.obligation
        increment = Obligation(
            obligation_id=f"{own.line_id}@v{version}",
            line_id=own.line_id,
            group=group,
            product_line=own.product_line,
            legal_entity=own.legal_entity,
            pattern=own.pattern,
            start=max(day, own.start),
            end=own.end,
            price=changed.delta_price,
            ssp=changed.delta_ssp,
            allocated=changed.delta_price,
            measure=None if own.measure is None else Measure(changed.quantity - changed.line.quantity),
        )
        check_new_ids([increment.obligation_id], [*obligations, *lines])
        obligations[increment.obligation_id] = replace(increment, segments=plan(increment, increment.allocated))
        group += 1


def _added_by(decided: Decided, treatment: AccountingTreatment) -> Iterable[Added]:
    return (item for item in decided.added if item.decision.treatment is treatment)


def _changed_by(decided: Decided, treatment: AccountingTreatment) -> Iterable[Changed]:
    return (item for item in decided.changed if item.decision.treatment is treatment)
