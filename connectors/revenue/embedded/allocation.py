"""Allocation beyond relative stand-alone selling prices: bundle discounts, the residual, amounts that have an owner.

Section 12 of docs/accounting.md (ASC 606-10-32-31 to 41). The plain case is `inception.allocate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.revenue.embedded.book import Line, Obligation
from connectors.revenue.embedded.minor_units import common_weights, split, to_amount, to_minor_not_negative
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.transaction_price import PriceParts
from streams.core.pattern_terms import METERED
from streams.records import ContractSigned, SspMethod

SAME_DISCOUNT_PERCENT = 5
"""Discounts that differ by at most this share of the contract's discount are "substantially the same" (32-37(c))."""


@dataclass(frozen=True, slots=True)
class Share:
    """What an obligation is allocated at inception, and why."""

    obligation: Obligation
    """With the residual as its stand-alone selling price, where that is how it is known."""
    amount: int
    reason: str


def shares(
    terms: ContractSigned, lines: Sequence[Line], promised: Sequence[Obligation], parts: PriceParts
) -> list[Share]:
    """Share the price among what is promised, in order. Raises CommandRefusedError."""
    currency = terms.currency
    owner = {line.line_id: line.obligation_id for line in lines}
    owned: dict[str, int] = {}
    for line_id, amount in parts.by_line.items():
        owned[owner[line_id]] = owned.get(owner[line_id], 0) + amount
    apart = parts.entirely_variable
    pool = sum(obligation.price for obligation in promised) + parts.shared
    if pool < 0 or pool + sum(owned.values()) + sum(period.price for period in parts.periods) < 0:
        raise CommandRefusedError(
            RefusalCode.NEGATIVE_PRICE,
            f"the transaction price would be {to_amount(pool + sum(owned.values()), currency)} {currency} after "
            "variable consideration and what is payable to the customer; expected 0 or more. Correct the estimates.",
        )
    weights = _weights(terms, promised, apart, pool)
    whole = common_weights(weights)
    if pool and not sum(whole):
        raise CommandRefusedError(
            RefusalCode.PRICE_WITHOUT_SSP,
            f"{to_amount(pool, currency)} {currency} is to be shared and every stand-alone selling price is 0; "
            "expected one to allocate it by (606-10-32-31). Estimate it (606-10-32-33).",
        )
    relative = split(pool, whole) if pool else [0] * len(whole)
    residual = _residual_line(terms)
    bundled = {line_id for bundle in terms.bundles for line_id in bundle.line_ids}
    found: list[Share] = []
    for at, obligation in enumerate(promised):
        name = obligation.obligation_id
        amount = relative[at] + owned.get(name, 0)
        if amount < 0:
            raise CommandRefusedError(
                RefusalCode.NEGATIVE_PRICE,
                f"obligation {name} would be allocated {to_amount(amount, currency)}; expected 0 or more. "
                "Relate the reduction to the lines it concerns, or to none (606-10-32-39 to 41).",
            )
        if name == residual:
            obligation = replace(obligation, ssp=weights[at][0])
        elif name in bundled and obligation.ssp:
            above, below = weights[at]
            obligation = replace(obligation, bundle=(above // obligation.ssp, below))
        if name in apart:
            obligation = replace(obligation, entirely_variable=True)
        reason = _reason(relative[at], pool, currency, residual=name == residual, bundled=name in bundled)
        if name in owned:
            entirely = f"{to_amount(owned[name], currency)} relates to it entirely (606-10-32-40)"
            reason = entirely if name in apart else f"{reason}; {entirely}"
        found.append(Share(obligation, amount, reason))
    return found


def _reason(share: int, pool: int, currency: str, *, residual: bool, bundled: bool) -> str:
    text = f"{to_amount(share, currency)} of the price {to_amount(pool, currency)}"
    if residual:
        return (
            f"{text}: the residual after the other stand-alone selling prices (606-10-32-34(c)); it must be within "
            "the prices that are observed, else estimate the SSP (606-10-32-35)"
        )
    if bundled:
        return f"{text} by SSP, with the discount of its bundle (606-10-32-37)"
    return f"{text} by SSP (606-10-32-31)"


def _residual_line(terms: ContractSigned) -> str | None:
    found = [line.line_id for line in terms.lines if line.ssp_method is SspMethod.RESIDUAL]
    if len(found) > 1:
        raise CommandRefusedError(
            RefusalCode.ALLOCATION_INVALID,
            f"lines {', '.join(found)} are residual; expected one at most (606-10-32-34(c)). Estimate the SSP of the "
            "others (606-10-32-35).",
        )
    return found[0] if found else None


def _weights(
    terms: ContractSigned, promised: Sequence[Obligation], apart: frozenset[str], pool: int
) -> list[tuple[int, int]]:
    """Return by what each obligation takes its share, as numerator and denominator."""
    currency = terms.currency
    sharing = {
        obligation.obligation_id: obligation.ssp
        for obligation in promised
        if obligation.obligation_id not in apart and (obligation.pattern not in METERED or obligation.commitment)
    }
    weights = {name: (ssp, 1) for name, ssp in sharing.items()}
    whole, discount = sum(sharing.values()), 0
    for bundle in terms.bundles:
        members = [line_id for line_id in bundle.line_ids if line_id in sharing]
        together = to_minor_not_negative(bundle.bundle_price, currency, "bundle price")
        separately = sum(sharing[line_id] for line_id in members)
        if len(members) < len(bundle.line_ids) or together > separately or not separately:
            raise CommandRefusedError(
                RefusalCode.ALLOCATION_INVALID,
                f"the bundle of {', '.join(bundle.line_ids)} is sold at {bundle.bundle_price} and its lines "
                f"separately at {to_amount(separately, currency)}; expected distinct lines that share the price, and "
                "a bundle price of that or less (606-10-32-37). Correct the bundle.",
            )
        discount += separately - together
        for line_id in members:
            weights[line_id] = (sharing[line_id] * together, separately)
    residual = _residual_line(terms)
    if residual is not None:
        rest = pool - (whole - discount - sharing[residual])
        if rest <= 0:
            raise CommandRefusedError(
                RefusalCode.ALLOCATION_INVALID,
                f"the price {to_amount(pool, currency)} leaves {to_amount(rest, currency)} for residual line "
                f"{residual} after the other stand-alone selling prices; expected more than 0. Estimate its SSP "
                "another way: nothing would not depict what it is sold for (606-10-32-35).",
            )
        weights[residual] = (rest, 1)
    elif terms.bundles and abs(whole - pool - discount) * 100 > SAME_DISCOUNT_PERCENT * abs(whole - pool):
        raise CommandRefusedError(
            RefusalCode.ALLOCATION_INVALID,
            f"the bundles show a discount of {to_amount(discount, currency)} and the contract has one of "
            f"{to_amount(whole - pool, currency)}; expected substantially the same, up to {SAME_DISCOUNT_PERCENT} % "
            "(606-10-32-37(c)). Correct the bundle price, or leave the bundles out: SSP then shares the discount.",
        )
    return [weights.get(obligation.obligation_id, (0, 1)) for obligation in promised]
