"""The rules that a period event must keep by itself (docs/accounting.md section 8). Knows no history."""

from __future__ import annotations

from streams.core.findings import EARLIEST, LATEST, Findings, Rule
from streams.records import PeriodClosed, PeriodOpened


def period_terms(found: Findings, at: str, legal_entity: str, body: PeriodClosed | PeriodOpened) -> None:
    """Check the period's name, that it is one of ours, and that an approval is whole."""
    period = body.period
    year, dash, number = period[:4], period[4:5], period[5:]
    digits = len(period) == 7 and dash == "-" and (year + number).isascii() and (year + number).isdigit()
    if not (digits and EARLIEST.year <= int(year) <= LATEST.year and 1 <= int(number) <= 12):
        found.add(f"{at}/period", Rule.PERIOD_FORMAT, f"found {period!r}, expected a month like 2026-03; correct it")
        return
    entity = found.policy.entities.get(legal_entity)
    if entity is not None and period < entity.first_open_period:
        found.add(
            f"{at}/period",
            Rule.PERIOD_FORMAT,
            f"found {period!r}, expected {entity.first_open_period} or later: the books of {legal_entity} were taken "
            "over then; correct it",
        )
    if isinstance(body, PeriodOpened) and bool(body.approved_by.strip()) != bool(body.reason.strip()):
        missing = "reason" if body.approved_by.strip() else "approved_by"
        found.add(
            f"{at}/{missing}",
            Rule.BLANK,
            "found nothing, expected approved_by and reason, both: to open a closed period again needs them; add it",
        )
