"""Where a change of a variable consideration goes that was promised before a modification (accounting section 16.3).

It is shared as at inception; the shares of what was not performed at a prospective modification follow what remained
then (ASC 606-10-32-45, 606-10-55-117 to 124). Knows shares; not how an obligation earns them.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Pool
from connectors.revenue.embedded.minor_units import common_weights, split
from connectors.revenue.embedded.price_change import price_weight, shares_price


def with_pool(book: Book, before: Book, members: Iterable[str], spread: Iterable[tuple[str, int]]) -> Book:
    """Remember what a prospective modification spread anew, where the price has a variable part to change later.

    `members` are those whose rest it spread, what was removed included; `spread` is what each got of it.
    """
    if not book.variable:
        return book
    basis = tuple((it.obligation_id, *price_weight(it)) for it in before.obligations if shares_price(it))
    pool = Pool(basis=basis, members=tuple(members), shares=tuple(spread))
    return replace(book, pools=(*book.pools, pool))


def shares_as_promised(book: Book, amount: int) -> list[tuple[int, int]] | None:
    """Return which obligation, by position, takes which part; None where no modification has come between."""
    basis = book.pools[0].basis if book.pools else ()
    by = common_weights([(above, below) for _, above, below in basis])
    if not sum(by):
        return None
    amounts = dict(zip((name for name, _, _ in basis), split(amount, by), strict=True))
    for pool in book.pools:
        weights = [share for _, share in pool.shares]
        if not sum(weights):
            continue
        inside = sum(amounts.pop(name, 0) for name in pool.members)
        for (name, _), part in zip(pool.shares, split(inside, weights), strict=True):
            amounts[name] = amounts.get(name, 0) + part
    return [(at, amounts[it.obligation_id]) for at, it in enumerate(book.obligations) if it.obligation_id in amounts]
