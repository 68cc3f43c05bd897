"""Revenue that the platform has recognised, compared with what the ledger's revenue accounts hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from connectors.reading import Dimension, LineFilter
from streams.core.money import ZERO, quantize
from streams.reports.question import Books


def revenue_differences(
    books: Books, wanted: LineFilter, recognised: Mapping[tuple[str, str], Decimal]
) -> tuple[str, ...]:
    """Return a sentence for every entity and currency whose recognised revenue is not what `wanted` lines add up to."""
    posted: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for movement in books.ledger.movements(wanted, (Dimension.ENTITY,)):
        posted[movement.entity, movement.currency] -= movement.amount
    return tuple(
        _differs(entity, currency, recognised.get((entity, currency), ZERO), posted[entity, currency])
        for entity, currency in sorted(recognised.keys() | posted.keys())
        if recognised.get((entity, currency), ZERO) != posted[entity, currency]
    )


def _differs(entity: str, currency: str, recognised: Decimal, posted: Decimal) -> str:
    return (
        f"{entity}: the revenue platform has recognised {quantize(recognised, currency)} {currency} and the revenue "
        f"accounts hold {quantize(posted, currency)}, a difference of {quantize(recognised - posted, currency)}; look "
        "for postings on their way and for exceptions"
    )
