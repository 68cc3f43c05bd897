"""The ledger in memory read for reports: what `reading` gets from a database, worked out from postings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from connectors.erp.ledger.reading import grouping
from connectors.reading import Dimension, LedgerLine, LineFilter, Movement
from streams.core.money import quantize
from streams.records import ErpPosting, ReverseJournal


def ledger_lines(posting: ErpPosting, document_number: str, functional: bool) -> Iterator[LedgerLine]:
    """Return the lines of a posted journal, in its currency or in the functional one of the entity."""
    body, context = posting.body, posting.context
    converted = functional and posting.functional_currency != ""
    currency = posting.functional_currency if converted else posting.currency
    for number, line in enumerate(body.lines, 1):
        yield LedgerLine(
            document_number=document_number,
            line_number=number,
            command_id=posting.command_id,
            reverses_command_id=body.reverses_command_id if isinstance(body, ReverseJournal) else None,
            entity=posting.legal_entity,
            period=posting.period,
            posting_date=posting.posting_date,
            currency=currency,
            contract_id=context.contract_id,
            contract_version=context.contract_version,
            customer=context.customer_account,
            event_id=posting.event_id,
            source_system=context.source_system,
            source_transaction_id=context.source_transaction_id,
            description=body.description,
            account=line.account,
            debit=quantize(line.functional_debit if converted else line.debit, currency),
            credit=quantize(line.functional_credit if converted else line.credit, currency),
            product_line=line.product_line,
            jurisdiction=line.jurisdiction,
            partner_entity=line.partner_entity,
        )


def select(lines: Collection[LedgerLine], wanted: LineFilter) -> list[LedgerLine]:
    """Return the lines that a filter lets through, in their order."""
    journals = None
    if wanted.journals_on is not None:
        journals = {line.command_id for line in lines if line.account in wanted.journals_on}
    return [
        line
        for line in lines
        if wanted.entity in (None, line.entity)
        and wanted.currency in (None, line.currency)
        and wanted.contract_id in (None, line.contract_id)
        and wanted.product_line in (None, line.product_line)
        and (wanted.accounts is None or line.account in wanted.accounts)
        and (wanted.first_period is None or line.period >= wanted.first_period)
        and (wanted.last_period is None or line.period <= wanted.last_period)
        and (journals is None or line.command_id in journals)
    ]


def add_up(lines: Iterable[LedgerLine], by: Collection[Dimension]) -> list[Movement]:
    """Return lines added up by dimensions and currency, sorted by the dimensions in the order of `Dimension`."""
    dimensions = grouping(by)
    movements: dict[tuple[str | bool, ...], Movement] = {}
    for line in lines:
        key = tuple(_value(line, dimension) for dimension in dimensions)
        before = movements.get(key) or _empty(line, dimensions)
        movements[key] = replace(
            before, debit=before.debit + line.debit, credit=before.credit + line.credit, lines=before.lines + 1
        )
    return [movements[key] for key in sorted(movements)]


def _empty(line: LedgerLine, dimensions: Collection[Dimension]) -> Movement:
    def kept(dimension: Dimension) -> str:
        return str(_value(line, dimension)) if dimension in dimensions else ""

    return Movement(
        entity=kept(Dimension.ENTITY),
        currency=line.currency,
        period=kept(Dimension.PERIOD),
        account=kept(Dimension.ACCOUNT),
        contract_id=kept(Dimension.CONTRACT),
        product_line=kept(Dimension.PRODUCT_LINE),
        source_system=kept(Dimension.SOURCE_SYSTEM),
        customer=kept(Dimension.CUSTOMER),
        reversal=Dimension.REVERSAL in dimensions and line.reverses_command_id is not None,
        debit=Decimal(0),
        credit=Decimal(0),
        lines=0,
    )


def _value(line: LedgerLine, dimension: Dimension) -> str | bool:
    if dimension is Dimension.REVERSAL:
        return line.reverses_command_id is not None
    value: str = getattr(line, dimension.value)
    return value
