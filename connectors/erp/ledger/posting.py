"""Post a list of journals inside one transaction.

Order of locks: the number rows of all (entity, year) pairs, sorted; then everything else is read. So two workers with
the same command ids see each other, a period cannot be closed under a posting, and numbers have no gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from connectors.chunks import chunks
from connectors.erp.ledger.checks import Books, Original, refuse_by_itself, refuse_closed, refuse_reversal
from connectors.erp.ledger.entries import functional_amount, read_entries
from connectors.erp.ledger.schema import entries, lines, numbers, periods
from streams.core.money import quantize
from streams.records import ErpPosting, JournalLine, PostingAccepted, PostingRejected, ReverseJournal

Answer = PostingAccepted | PostingRejected
_IDS_A_QUERY = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger already holds of the commands of a call."""

    answers: dict[str, PostingAccepted]
    originals: dict[str, Original]


def post_in(connection: Connection, postings: Sequence[ErpPosting], books: Books) -> list[Answer]:
    """Post in order inside the connection's transaction; one answer a posting."""
    refusals = [refuse_by_itself(posting, books) for posting in postings]
    sound = [posting for posting, refusal in zip(postings, refusals, strict=True) if refusal is None]
    last_numbers = lock_numbers(connection, {_numbering(posting) for posting in sound})
    closed = _closed_periods(connection, {posting.legal_entity for posting in sound})
    known = _known(connection, postings)
    booked: list[tuple[ErpPosting, PostingAccepted]] = []
    answers: list[Answer] = []
    for posting, refusal in zip(postings, refusals, strict=True):
        answer: Answer | None = (
            known.answers.get(posting.command_id)
            or refusal
            or refuse_closed(posting, closed)
            or refuse_reversal(posting, known.originals)
        )
        if answer is None:
            answer = _accept(posting, last_numbers)
            known.answers[posting.command_id] = answer
            known.originals[posting.command_id] = Original(posting.legal_entity, posting.currency)
            booked.append((posting, answer))
        answers.append(answer)
    if booked:
        _store(connection, booked, last_numbers)
    return answers


def lock_numbers(connection: Connection, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Lock the number rows of (entity, year) pairs until the transaction ends, and return the last numbers."""
    if not wanted:
        return {}
    pairs = sorted(wanted)
    insert_absent(connection, numbers, [{"entity": entity, "year": year, "last_number": 0} for entity, year in pairs])
    key = tuple_(numbers.c.entity, numbers.c.year)
    query = select(numbers).where(key.in_(pairs)).order_by(numbers.c.entity, numbers.c.year).with_for_update()
    return {(row.entity, row.year): row.last_number for row in connection.execute(query)}


def insert_absent(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows whose key the table does not have."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _numbering(posting: ErpPosting) -> tuple[str, str]:
    return posting.legal_entity, posting.period[:4]


def _closed_periods(connection: Connection, entity_names: Collection[str]) -> set[tuple[str, str]]:
    query = select(periods.c.entity, periods.c.period).where(periods.c.entity.in_(sorted(entity_names)))
    return {(row.entity, row.period) for row in connection.execute(query)}


def _known(connection: Connection, postings: Sequence[ErpPosting]) -> _Known:
    """Look before posting: what the ledger holds of these commands, and of those that they reverse."""
    known = _Known(read_posted(connection, {posting.command_id for posting in postings}), {})
    reversed_ids = {p.body.reverses_command_id for p in postings if isinstance(p.body, ReverseJournal)}
    columns = (entries.c.command_id, entries.c.entity, entries.c.currency)
    for ids in chunks(sorted(reversed_ids), _IDS_A_QUERY):
        for row in connection.execute(select(*columns).where(entries.c.command_id.in_(ids))):
            known.originals[row.command_id] = Original(row.entity, row.currency)
    return known


def read_posted(connection: Connection, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
    """Return the answers to those commands that the ledger holds, by command id."""
    entry_ids = [
        row.entry_id
        for ids in chunks(sorted(command_ids), _IDS_A_QUERY)
        for row in connection.execute(select(entries.c.entry_id).where(entries.c.command_id.in_(ids)))
    ]
    return {
        entry.command_id: PostingAccepted(document_number=entry.document_number, period=entry.period, lines=entry.lines)
        for ids in chunks(sorted(entry_ids), _IDS_A_QUERY)
        for entry in read_entries(connection, ids)
    }


def _accept(posting: ErpPosting, last_numbers: dict[tuple[str, str], int]) -> PostingAccepted:
    """Give a posting the next document number of its entity and year."""
    numbering = _numbering(posting)
    last_numbers[numbering] += 1
    entity, year = numbering
    return PostingAccepted(
        document_number=f"{entity}-{year}-{last_numbers[numbering]:06d}",
        period=posting.period,
        lines=tuple(_booked(line, posting.currency, posting.functional_currency) for line in posting.body.lines),
    )


def _booked(line: JournalLine, currency: str, functional_currency: str) -> JournalLine:
    """Return a line as it will be read back, so that the first answer and a repeated one are the same."""
    return JournalLine(
        account=line.account,
        debit=quantize(line.debit, currency),
        credit=quantize(line.credit, currency),
        product_line=line.product_line,
        jurisdiction=line.jurisdiction,
        partner_entity=line.partner_entity,
        functional_debit=functional_amount(line.functional_debit, functional_currency),
        functional_credit=functional_amount(line.functional_credit, functional_currency),
    )


def _store(
    connection: Connection,
    booked: Sequence[tuple[ErpPosting, PostingAccepted]],
    last_numbers: Mapping[tuple[str, str], int],
) -> None:
    statement = insert(entries).returning(entries.c.command_id, entries.c.entry_id)
    rows = [_entry_row(posting, answer) for posting, answer in booked]
    ids = {row.command_id: row.entry_id for row in connection.execute(statement, rows)}
    connection.execute(
        insert(lines), [row for posting, answer in booked for row in _line_rows(ids[posting.command_id], answer)]
    )
    for entity, year in sorted({_numbering(posting) for posting, _ in booked}):
        connection.execute(
            update(numbers)
            .where(numbers.c.entity == entity, numbers.c.year == year)
            .values(last_number=last_numbers[entity, year])
        )


def _entry_row(posting: ErpPosting, answer: PostingAccepted) -> dict[str, object]:
    body, context = posting.body, posting.context
    return {
        "command_id": posting.command_id,
        "document_number": answer.document_number,
        "entity": posting.legal_entity,
        "period": posting.period,
        "posting_date": posting.posting_date,
        "currency": posting.currency,
        "contract_id": context.contract_id,
        "contract_version": context.contract_version,
        "customer": context.customer_account,
        "event_id": posting.event_id,
        "source_system": context.source_system,
        "source_transaction_id": context.source_transaction_id,
        "description": body.description,
        "reverses_command_id": body.reverses_command_id if isinstance(body, ReverseJournal) else None,
        "functional_currency": posting.functional_currency,
    }


def _line_rows(entry_id: int, answer: PostingAccepted) -> Iterator[dict[str, object]]:
    for number, line in enumerate(answer.lines, 1):
        yield {
            "entry_id": entry_id,
            "line_number": number,
            "account": line.account,
            "debit": line.debit,
            "credit": line.credit,
            "product_line": line.product_line,
            "jurisdiction": line.jurisdiction,
            "partner_entity": line.partner_entity,
            "functional_debit": line.functional_debit,
            "functional_credit": line.functional_credit,
        }
